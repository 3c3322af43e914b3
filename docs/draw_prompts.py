"""Draw `docs/prompts.svg`: what stands in a row, what is trained, and where the class is read.

Run as `python docs/draw_prompts.py`. The templates themselves lay out the rows, as `minent.prompts` parses them.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

from minent.prompts.template import Part, parse

TEXT = ["a", "film", "worth", "your", "night"]
ROWS = [
    ("masked model", "{p*4}{mask}{p*4}{text}", "at the mask"),
    ("masked model, with words", "It was {mask} . {p*2}{text}", "at the mask"),
    ("trained words", "{p:It was}{mask}{p}{text}", "at the mask"),
    ("causal model", "{p*4}{text}{p*4}{mask}", "at the last token"),
    ("encoder without output words", "{p*8}{text}", "from the mean over the text"),
]
WIDTH, HEIGHT, GAP, LEFT, TOP, STEP = 46, 26, 4, 14, 32, 74
TRAINED, MASK, WORDS, PLAIN = "#2f6db3", "#d9822b", "#8a8a8a", "#dcdcdc"


def boxes(part: Part, causal: bool) -> list[tuple[str, str, str]]:
    """`(what stands there, fill, ink)` for each token of a part."""
    if part.kind == "slots":
        known = part.words.split()
        return [(known[n] if known else "", TRAINED, "#fff") for n in range(part.slots or len(known))]
    if part.kind == "mask":
        return [] if causal else [("mask", MASK, "#fff")]
    words = TEXT if part.kind == "text" else part.words.split()
    return [
        (word, PLAIN if part.kind == "text" else WORDS, "#222" if part.kind == "text" else "#fff") for word in words
    ]


def row(title: str, template: str, read: str, top: int) -> str:
    """One template: its title, its line, its tokens, and an arrow where the class is read."""
    causal = title.startswith("causal")
    tokens = [box for part in parse(template).parts for box in boxes(part, causal)]
    parts = [
        f'<text x="{LEFT}" y="{top - 10}"><tspan font-weight="bold">{title}</tspan>'
        f'<tspan dx="10" fill="#666" font-family="monospace">{escape(template)}</tspan></text>'
    ]
    for number, (word, fill, ink) in enumerate(tokens):
        x = LEFT + number * (WIDTH + GAP)
        parts.append(f'<rect x="{x}" y="{top}" width="{WIDTH}" height="{HEIGHT}" rx="4" fill="{fill}"/>')
        parts.append(f'<text x="{x + WIDTH / 2:g}" y="{top + 17}" fill="{ink}" text-anchor="middle">{word}</text>')
    places = [n for n, (_, fill, _) in enumerate(tokens) if fill == MASK] or [len(tokens) - 1]
    if "mean" in read:
        places = [n for n, (_, fill, _) in enumerate(tokens) if fill == PLAIN]
    first, last = (LEFT + n * (WIDTH + GAP) for n in (places[0], places[-1]))
    parts.append(f'<path d="M{first} {top + HEIGHT + 5}H{last + WIDTH}" stroke="{MASK}" stroke-width="3"/>')
    parts.append(f'<text x="{first}" y="{top + HEIGHT + 19}" fill="{MASK}" font-size="11">read {read}</text>')
    return "".join(parts)


def main() -> None:
    """Write the picture beside this file."""
    width, height = LEFT * 2 + 14 * (WIDTH + GAP), TOP + len(ROWS) * STEP + 16
    legend = [("trained", TRAINED), ("words, frozen", WORDS), ("the text", PLAIN)]
    keys = "".join(
        f'<rect x="{LEFT + 130 * n}" y="{height - 22}" width="14" height="14" rx="3" fill="{fill}"/>'
        f'<text x="{LEFT + 130 * n + 20}" y="{height - 11}">{name}</text>'
        for n, (name, fill) in enumerate(legend)
    )
    drawn = [row(*each, TOP + number * STEP) for number, each in enumerate(ROWS)]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="12">\n<rect width="{width}" height="{height}" fill="#fff"/>'
    )
    Path(__file__).with_name("prompts.svg").write_text("\n".join([head, *drawn, keys, "</svg>\n"]), encoding="utf-8")


if __name__ == "__main__":
    main()
