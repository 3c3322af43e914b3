"""Draw docs/lowrank.svg: the error against the rank, for every way to choose columns.

python docs/draw_lowrank.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minent.lowrank import interpolative

RANKS = (2, 4, 6, 8, 11, 15, 20, 26, 33, 41, 50)
COLOURS = {
    "qr": "#888888",
    "columns": "#c9a227",
    "arp": "#b45f9c",
    "greedy": "#3b8f5a",
    "strong": "#d1603d",
    "sketch": "#2356a8",
}
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 400, 60, 350, 30
HIGHEST = 3.0


def curves() -> dict[str, list[float]]:
    """The error over the least possible, at each rank; the median of five seeds."""
    draw = np.random.default_rng(0)
    x, y = draw.random((400, 1, 3)), draw.random((1, 300, 3))
    a = np.exp(-2 * ((x - y) ** 2).sum(axis=2))
    values = np.linalg.svd(a, compute_uv=False)
    left = np.sqrt(np.cumsum(values[::-1] ** 2)[::-1])
    return {
        method: [
            float(np.median([interpolative(a, rank=k, method=method, seed=seed).error for seed in range(5)]) / left[k])
            for k in RANKS
        ]
        for method in COLOURS
    }


def place(rank: float, ratio: float) -> str:
    """Where a point stands, in pixels; ranks by their logarithm."""
    x = LEFT + (WIDTH - LEFT - 110) * np.log(rank / RANKS[0]) / np.log(RANKS[-1] / RANKS[0])
    y = BOTTOM - (BOTTOM - TOP) * (min(ratio, HIGHEST) - 1) / (HIGHEST - 1)
    return f"{x:.1f},{y:.1f}"


def draw() -> str:
    """The picture as text."""
    found = curves()
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="sans-serif" font-size="13">',
        "<title>Error over the least of any matrix of the same rank, against the rank</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for ratio in np.arange(1, HIGHEST + 0.1, 0.5):
        x, y = place(RANKS[0], ratio).split(",")
        parts.append(f'<path d="M{x},{y} H{WIDTH - 110}" stroke="#e4e4e4"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{float(y) + 4:.1f}" text-anchor="end" fill="#555">{ratio:.1f}</text>')
    for rank in RANKS:
        x = place(rank, 1).split(",")[0]
        parts.append(f'<text x="{x}" y="{BOTTOM + 18}" text-anchor="middle" fill="#555">{rank}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - 110) / 2}" y="{BOTTOM + 38}" text-anchor="middle">columns kept</text>')
    parts.append(f'<text x="{LEFT}" y="{TOP - 12}">error / best of that rank</text>')
    for row, (method, ratios) in enumerate(sorted(found.items(), key=lambda item: -item[1][-1])):
        points = " ".join(place(rank, ratio) for rank, ratio in zip(RANKS, ratios, strict=True))
        colour, y = COLOURS[method], TOP + 20 + 22 * row
        dash = ' stroke-dasharray="6 6"' if method == "strong" else ""  # the columns of qr, whose line it covers
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        parts.append(f'<path d="M{WIDTH - 100},{y} h18" stroke="{colour}" stroke-width="3"{dash}/>')
        parts.append(f'<text x="{WIDTH - 76}" y="{y + 4}">{method}</text>')
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    Path(__file__).with_name("lowrank.svg").write_text(draw(), encoding="utf-8")
