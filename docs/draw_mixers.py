"""Draw `docs/mixers.svg`: which tokens each mixer looks at. Run as `python docs/draw_mixers.py`.

Each map shows, for a fresh mixer on random tokens, how strongly the output at one place (row) follows the input at
another (column), the strongest in black. Below it the causal form, of the first variant that has one.
"""

from __future__ import annotations

from pathlib import Path

import torch

from minent.encoders import MIXERS, EncoderConfig

LENGTH, CELL, GAP, LEVELS = 16, 5, 26, 6
SIDE = LENGTH * CELL


def influence(mixer: str, variant: str = "", causal: bool = False) -> torch.Tensor:
    """`(LENGTH, LENGTH)`: the size of the derivative of each output by each input, the largest being one."""
    torch.manual_seed(0)
    config = EncoderConfig(
        mixer=mixer, variant=variant, causal=causal, vocab_size=4, dim=16, max_length=LENGTH, heads=2, kernel_size=5
    )
    layer = MIXERS[mixer](config, layer=1).eval()
    inputs, mask = torch.randn(1, LENGTH, 16), torch.ones(1, LENGTH, dtype=torch.bool)
    slopes = torch.autograd.functional.jacobian(lambda tokens: layer(tokens, mask)[0], inputs)
    sizes = slopes[:, :, 0].norm(dim=(1, 3))  # (out place, in place)
    return (sizes / (sizes - sizes.diag().diag()).max().clamp_min(1e-12)).clamp_max(1)


def drawn(sizes: torch.Tensor, left: int, top: int) -> str:
    """A map as one path for each shade of grey."""
    shades = (sizes * LEVELS).ceil().int()
    paths = []
    for level in range(1, LEVELS + 1):
        places = (shades == level).nonzero().tolist()
        steps = "".join(f"M{left + x * CELL} {top + y * CELL}h{CELL}v{CELL}h-{CELL}z" for y, x in places)
        paths.append(f'<path d="{steps}" fill-opacity="{level / LEVELS:.2f}"/>')
    return "".join(paths) + f'<path d="M{left} {top}h{SIDE}v{SIDE}h-{SIDE}z" fill="none" stroke="#999"/>'


def main() -> None:
    """Write the picture beside this file."""
    columns, parts = 7, []
    for number, (name, mixer) in enumerate(MIXERS.items()):
        left = GAP // 2 + number % columns * (SIDE + GAP)
        top = 24 + number // columns * (2 * SIDE + 3 * GAP)
        parts.append(f'<text x="{left}" y="{top - 6}">{name}</text>' + drawn(influence(name), left, top))
        below = top + SIDE + GAP - 8
        able = [variant for variant in mixer.variants or ("",) if not mixer.why_not_causal(variant)]
        said = f"causal ({able[0]})" if able and mixer.why_not_causal() else "causal" if able else "no causal form"
        parts.append(f'<text x="{left}" y="{below - 5}" fill="#777">{said}</text>')
        if able:
            parts.append(drawn(influence(name, able[0], causal=True), left, below))
    width, height = columns * (SIDE + GAP), 2 * (2 * SIDE + 3 * GAP)
    box = f"0 0 {width} {height}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" font-family="sans-serif" font-size="12">'
    background = f'<rect width="{width}" height="{height}" fill="#fff"/>'
    Path(__file__).with_name("mixers.svg").write_text(
        "\n".join([head, background, *parts, "</svg>\n"]), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
