"""Draw docs/vectors-map.svg: the words of the sample that comes with minent, laid out by the t kernel.

python docs/draw_vectors.py
"""

from html import escape
from pathlib import Path

from minent import samples, tokenizer, vectors


def main() -> None:
    texts = samples.load("subjectivity").unlabeled
    pieces = tokenizer.train(texts, tokenizer.TokenizerConfig(vocab_size=8_000))
    learnt = vectors.train_words(texts, pieces)
    spots = learnt.map(260)[60:]  # the 60 most frequent words are those that stand everywhere
    target = Path(__file__).parent / "vectors-map.svg"
    target.write_text(drawing(spots), encoding="utf-8")
    print(
        f"{target}: {len(spots)} words, {learnt.bits_per_pair:.2f} bits per pair (at least {learnt.entropy_bits:.2f})"
    )


def drawing(spots: list[dict]) -> str:
    """Each word at its place, the frequent ones larger; one that would cover another is a dot beneath."""
    width, height, margin = 900, 620, 40
    low, high = ([edge(spot[axis] for spot in spots) for axis in "xy"] for edge in (min, max))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    taken: list[tuple[float, float, float]] = []
    words: list[str] = []
    for rank, spot in enumerate(spots):
        size = 14 if rank < 40 else 12 if rank < 120 else 10
        x = margin + (width - 2 * margin) * (spot["x"] - low[0]) / (high[0] - low[0])
        y = height - margin - (height - 2 * margin) * (spot["y"] - low[1]) / (high[1] - low[1])
        half = 0.28 * size * len(spot["piece"]) + 3
        if any(abs(x - other) < half + wide and abs(y - row) < 13 for other, row, wide in taken):
            parts.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="1.5" fill="#cbd5e0"/>')
            continue
        taken.append((x, y, half))
        words.append(f'<text x="{x:.0f}" y="{y + size / 3:.0f}" font-size="{size}">{escape(spot["piece"])}</text>')
    style = 'text-anchor="middle" fill="#1a202c" stroke="#fff" stroke-width="3" paint-order="stroke"'
    return "\n".join([*parts, f"<g {style}>", *words, "</g>", "</svg>"]) + "\n"


if __name__ == "__main__":
    main()
