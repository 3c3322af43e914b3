"""Draw docs/vectors-map.svg: the words of the sample that comes with minent, laid out by the t kernel.

python docs/vectors_map.py
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
    """Each word at its place; one that would cover another gives way to a dot."""
    width, height, margin = 900, 620, 40
    low, high = ([edge(spot[axis] for spot in spots) for axis in "xy"] for edge in (min, max))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    taken: list[tuple[float, float, float]] = []
    for spot in spots:
        x = margin + (width - 2 * margin) * (spot["x"] - low[0]) / (high[0] - low[0])
        y = height - margin - (height - 2 * margin) * (spot["y"] - low[1]) / (high[1] - low[1])
        half = 3.1 * len(spot["piece"]) + 2
        if any(abs(x - other) < half + wide and abs(y - row) < 12 for other, row, wide in taken):
            parts.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="1.5" fill="#a0aec0"/>')
            continue
        taken.append((x, y, half))
        parts.append(
            f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="middle" fill="#1a202c">{escape(spot["piece"])}</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    main()
