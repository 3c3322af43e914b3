"""Draw `docs/capsules.svg`: how undecided the routings leave their inputs, and soft clusters at two sharpnesses.

python docs/draw_capsules.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from minent.capsules import CapsuleLayer, SoftKMeans

ROUTINGS = {"uniform": "#888888", "kmeans": "#2471a3", "inverted": "#1e8449", "em": "#af7ac5", "sabour": "#c0392b"}
APART = {"kmeans": -2, "inverted": 11, "sabour": -4, "em": 6}  # pixels, so that names do not overlap
ROUNDS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
CLUSTERS = ((36, 113, 163), (192, 57, 43), (200, 160, 30))
SIDE, LEFT, TOP, GAP = 250, 40, 42, 44


def entropies() -> dict[str, list[float]]:
    """Mean entropy of the coupling over the rounds, as a share of the largest possible; one layer, fixed inputs."""
    inputs = torch.randn(64, 30, 16, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return {
            routing: [
                float(CapsuleLayer(16, 10, 8, rounds, routing)(inputs).entropy.mean()) / float(np.log(10))
                for rounds in ROUNDS
            ]
            for routing in ROUTINGS
        }


def lines(curves: dict[str, list[float]]) -> str:
    """The left panel."""

    def place(rounds: float, share: float) -> str:
        across = np.log(rounds) / np.log(ROUNDS[-1])
        return f"{LEFT + (SIDE - 45) * across:.1f},{TOP + SIDE * (1 - share):.1f}"

    parts = [f'<text x="{LEFT}" y="{TOP - 16}" font-size="13">how undecided an input is, over rounds</text>']
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = place(1, share).split(",")[1]
        parts.append(f'<path d="M{place(1, share)} L{place(ROUNDS[-1], share)}" stroke="#e4e4e4"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{float(y) + 4:.1f}" text-anchor="end">{share:g}</text>')
    for rounds in (1, 2, 3, 4, 8, 16, 32):
        x = place(rounds, 0).split(",")[0]
        parts.append(f'<text x="{x}" y="{TOP + SIDE + 16}" text-anchor="middle">{rounds}</text>')
    for routing, shares in curves.items():
        line = " L".join(place(rounds, share) for rounds, share in zip(ROUNDS, shares))
        colour = ROUTINGS[routing]
        x, y = (float(part) for part in place(ROUNDS[-1], shares[-1]).split(","))
        parts.append(f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        away = APART.get(routing, 4)
        parts.append(f'<text x="{x + 5:.1f}" y="{y + away:.1f}" fill="{colour}">{routing}</text>')
    return "\n".join(parts)


def blobs() -> np.ndarray:
    """Three clouds that touch."""
    random = np.random.default_rng(3)
    middles = np.array([[-1.0, -0.6], [1.0, -0.6], [0.0, 1.0]])
    return np.concatenate([middle + 0.55 * random.standard_normal((110, 2)) for middle in middles])


def clusters(left: float, sharpness: float) -> str:
    """One panel of points in the colours of their clusters, mixed by their shares; rings are the centres."""
    points = blobs()
    model = SoftKMeans(3, sharpness=sharpness).fit(points)
    order = np.argsort(np.arctan2(*model.cluster_centers_.T))  # so that colours stay where they are
    shares = model.predict_proba(points)[:, order]

    def place(point: np.ndarray) -> tuple[float, float]:
        return left + SIDE * (point[0] + 2.7) / 5.4, TOP + SIDE * (2.7 - point[1]) / 5.4

    parts = [f'<text x="{left}" y="{TOP - 16}" font-size="13">SoftKMeans, sharpness {sharpness:g}</text>']
    parts.append(f'<rect x="{left}" y="{TOP}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#e4e4e4"/>')
    for point, colour in zip(points, shares @ np.array(CLUSTERS)):
        x, y = place(point)
        red, green, blue = (int(part) for part in colour)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="rgb({red},{green},{blue})"/>')
    for centre in model.cluster_centers_:
        x, y = place(centre)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="none" stroke="black" stroke-width="2"/>')
    return "\n".join(parts)


def draw() -> str:
    """The whole picture as SVG."""
    width = LEFT + 3 * (SIDE + GAP)
    size = f'viewBox="0 0 {width} {TOP + SIDE + 30}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">'
    panels = [lines(entropies()), clusters(LEFT + SIDE + GAP, 2.0), clusters(LEFT + 2 * (SIDE + GAP), 10.0)]
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *panels, "</svg>"]) + "\n"


if __name__ == "__main__":
    (Path(__file__).parent / "capsules.svg").write_text(draw(), encoding="utf-8")
