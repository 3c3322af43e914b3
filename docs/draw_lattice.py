"""Draw `docs/lattice.svg`: every piece that fits into a few words, and the best way through them.

python docs/draw_lattice.py
"""

from __future__ import annotations

from html import escape
from pathlib import Path

from minent import samples
from minent.tokenizer import Tokenizer, TokenizerConfig, train

TEXT = "in the story"
STEP, LEFT, MIDDLE, HEIGHT = 66, 40, 150, 275
INK, PALE, BEST = "#333", "#b8c4d0", "#c0392b"


def arcs_of(tokenizer: Tokenizer, text: str) -> list[tuple[int, int, int]]:
    """Every piece inside the text: where it begins, where it ends, and its cost in 1/256 nat."""
    data = text.encode()
    known = dict(zip(tokenizer.pieces, (-256 * tokenizer.scores).astype(int).tolist()))
    spans = [(i, j) for i in range(len(data)) for j in range(i + 1, len(data) + 1)]
    return [(i, j, known[data[i:j]]) for i, j in spans if data[i:j] in known]


def arc(begin: int, end: int, cost: int, is_best: bool) -> str:
    """One piece: an arc from where it begins to where it ends; the best way below, all others above."""
    a, b = LEFT + begin * STEP, LEFT + end * STEP
    height = 30 + 24 * (end - begin)
    top = MIDDLE + height if is_best else MIDDLE - height
    colour, width = (BEST, 2.5) if is_best else (PALE, 1.2)
    text_at = (MIDDLE + top) / 2 + (14 if is_best else -4)
    label = f'<text x="{(a + b) / 2}" y="{text_at}" fill="{colour if is_best else INK}">{cost / 256:.1f}</text>'
    path = f'<path d="M{a} {MIDDLE} Q{(a + b) / 2} {top} {b} {MIDDLE}" fill="none" stroke="{colour}" '
    return f'{path}stroke-width="{width}"/>{label if is_best or end - begin > 1 else ""}'


def drawing(tokenizer: Tokenizer, text: str) -> str:
    """The whole picture."""
    best, begin = set(), 0
    for piece in tokenizer.tokenize(text):
        best.add((begin, begin + len(piece)))
        begin += len(piece)
    arcs = sorted(arcs_of(tokenizer, text), key=lambda one: one[:2] in best)
    width = 2 * LEFT + STEP * len(text)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" font-family="sans-serif" '
        f'font-size="11" text-anchor="middle" role="img" aria-label="The lattice of {escape(text)}">',
        f'<rect width="{width}" height="{HEIGHT}" fill="white"/>',
        *(arc(begin, end, cost, (begin, end) in best) for begin, end, cost in arcs),
    ]
    lines += [f'<circle cx="{LEFT + i * STEP}" cy="{MIDDLE}" r="4" fill="{INK}"/>' for i in range(len(text) + 1)]
    for i, character in enumerate(text):
        shown = "␣" if character == " " else character
        lines.append(f'<text x="{LEFT + (i + 0.5) * STEP}" y="{MIDDLE + 5}" font-size="16" fill="{INK}">{shown}</text>')
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    texts = samples.load("subjectivity").unlabeled[:2000]
    learnt = train(texts, TokenizerConfig(vocab_size=700))
    Path(__file__).with_name("lattice.svg").write_text(drawing(learnt, TEXT), encoding="utf-8")
