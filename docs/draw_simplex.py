"""Draw `docs/simplex.svg`: how entmax lets go of the loser, and how many of 1000 scores it keeps.

python docs/draw_simplex.py
"""

from __future__ import annotations

from pathlib import Path

import torch

from minent.simplex import entmax, support_size

ALPHAS = {1.0: "#333333", 1.25: "#2471a3", 1.5: "#1e8449", 2.0: "#c0392b", 4.0: "#af7ac5"}
WIDTH, HEIGHT, LEFT, TOP, GAP = 300, 200, 50, 40, 90
Points = list[tuple[float, float]]


def shares() -> dict[float, Points]:
    """Probability of the first of two scores `(x, 0)`, over x."""
    x = torch.linspace(-3, 3, 121, dtype=torch.float64)
    scores = torch.stack([x, torch.zeros_like(x)], 1)
    return {alpha: list(zip(x.tolist(), entmax(scores, alpha)[:, 0].tolist())) for alpha in ALPHAS}


def supports() -> dict[float, Points]:
    """How many of 1000 normal scores are kept, over the temperature; both as decimal logarithms."""
    scores = torch.randn(1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    temperatures = torch.logspace(-1.5, 1.5, 61, dtype=torch.float64)
    rows = scores / temperatures.unsqueeze(1)
    sizes = {alpha: support_size(entmax(rows, alpha)).double().log10() for alpha in ALPHAS if alpha > 1}
    return {alpha: list(zip(temperatures.log10().tolist(), size.tolist())) for alpha, size in sizes.items()}


def panel(
    left: float, title: str, curves: dict[float, Points], x_ticks: dict[float, str], y_ticks: dict[float, str]
) -> str:
    """One set of axes with its curves, scaled to its ticks."""
    (x0, x1), (y0, y1) = ((min(ticks), max(ticks)) for ticks in (x_ticks, y_ticks))

    def place(x: float, y: float) -> str:
        return f"{left + WIDTH * (x - x0) / (x1 - x0):.1f},{TOP + HEIGHT * (y1 - y) / (y1 - y0):.1f}"

    parts = [f'<text x="{left}" y="{TOP - 16}" font-size="13">{title}</text>']
    for x, label in x_ticks.items():
        at = place(x, y0).split(",")[0]
        parts.append(f'<path d="M{place(x, y0)} L{place(x, y1)}" stroke="#ddd"/>')
        parts.append(f'<text x="{at}" y="{TOP + HEIGHT + 16}" text-anchor="middle">{label}</text>')
    for y, label in y_ticks.items():
        at = float(place(x0, y).split(",")[1])
        parts.append(f'<path d="M{place(x0, y)} L{place(x1, y)}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{at + 4:.1f}" text-anchor="end">{label}</text>')
    for alpha, points in curves.items():
        line = " L".join(place(x, y) for x, y in points)
        parts.append(f'<path d="M{line}" fill="none" stroke="{ALPHAS[alpha]}" stroke-width="2"/>')
    return "\n".join(parts)


def draw() -> str:
    """The whole picture as SVG."""
    right = LEFT + WIDTH + GAP
    log = {float(n): f"{10**n:g}" for n in range(4)}
    panels = [
        panel(
            LEFT, "p of the first of two scores (x, 0), over x", shares(), {n: f"{n}" for n in range(-3, 4)}, QUARTERS
        ),
        panel(right, "how many of 1000 normal scores are kept, over T", supports(), TEMPERATURES, log),
    ]
    legend = [
        f'<text x="{LEFT + 140 * i}" y="{TOP + HEIGHT + 44}" fill="{colour}">alpha {alpha:g}'
        f"{' (softmax)' if alpha == 1 else ' (sparsemax)' if alpha == 2 else ''}</text>"
        for i, (alpha, colour) in enumerate(ALPHAS.items())
    ]
    size = f'viewBox="0 0 {right + WIDTH + 30} {TOP + HEIGHT + 60}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *panels, *legend, "</svg>"]) + "\n"


QUARTERS = {n / 4: f"{n / 4:g}" for n in range(5)}
TEMPERATURES = {-1.5: "", -1.0: "0.1", 0.0: "1", 1.0: "10", 1.5: ""}


if __name__ == "__main__":
    (Path(__file__).parent / "simplex.svg").write_text(draw(), encoding="utf-8")
