"""Draw docs/roots.svg: the correct digits after each step, for both families and K = 1, 2, 3, 5, 7.

python docs/draw_roots.py
"""

from pathlib import Path

import mpmath
import numpy as np

from minent.roots import householder_step, inverse_taylor_step, taylor_of

WIDTH, HEIGHT, LEFT, TOP = 640, 330, 56, 24
STEPS, DIGITS = 4, 3.6  # across; decades of correct digits upward
COLOURS = {1: "#7a7a7a", 2: "#2f6db5", 3: "#2a9d63", 5: "#d08a1d", 7: "#b5392f"}


def digits_after_each_step(step, degree: int) -> list[float]:
    """Correct digits of the root of `exp(x) - 5x` from 2.6."""
    taylor = taylor_of(lambda x: np.exp(x) - 5 * x)
    with mpmath.workdps(4200):
        root = mpmath.mpf("2.5426413577735264")
        for _ in range(5):
            root += householder_step(taylor(root, 7))
        x, digits = mpmath.mpf("2.6"), []
        for _ in range(STEPS + 1):
            digits.append(float(-mpmath.log10(abs(x - root) / root)))
            x += step(taylor(x, degree))
    return digits


def place(step: int, digits: float) -> str:
    x = LEFT + step * (WIDTH - LEFT - 110) / STEPS
    y = HEIGHT - 40 - (HEIGHT - 40 - TOP) * np.log10(digits) / DIGITS
    return f"{x:.1f},{y:.1f}"


def draw() -> str:
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
        ' font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for decade in range(4):
        x, y = place(0, 10**decade).split(",")
        parts.append(f'<line x1="{x}" y1="{y}" x2="{WIDTH - 100}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{float(y) + 4:.1f}" text-anchor="end">{10**decade}</text>')
    for step in range(STEPS + 1):
        x = place(step, 1).split(",")[0]
        parts.append(f'<text x="{x}" y="{HEIGHT - 22}" text-anchor="middle">{step}</text>')
    parts.append(f'<text x="{place(STEPS / 2, 1).split(",")[0]}" y="{HEIGHT - 5}" text-anchor="middle">steps</text>')
    parts.append(
        f'<text x="{LEFT}" y="14">correct digits after each step (solid Householder, dashed inverse Taylor)</text>'
    )
    for degree, colour in COLOURS.items():
        for formula, dash in ((householder_step, "none"), (inverse_taylor_step, "5 4")):
            digits = digits_after_each_step(formula, degree)
            line = " ".join(place(k, d) for k, d in enumerate(digits) if d < 10**DIGITS)
            parts.append(
                f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
            )
            if formula is householder_step:
                last, most = max((k, d) for k, d in enumerate(digits) if d < 10**DIGITS)
        x, y = (float(number) for number in place(last, most).split(","))
        x, y, anchor = (x + 6, y + 4, "start") if last == STEPS else (x - 8, y, "end")
        parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">K = {degree}</text>')
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    target = Path(__file__).parent / "roots.svg"
    target.parent.mkdir(exist_ok=True)
    target.write_text(draw(), encoding="utf-8")
    print(target)
