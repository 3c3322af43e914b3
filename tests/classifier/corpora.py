"""Small made-up corpora in which the unlabelled text matters: words that never meet a label still tell the class."""

from __future__ import annotations

import numpy as np

_TOPICS = {
    "sea": ["wave", "harbour", "sail", "tide", "anchor", "gull", "reef", "salt", "deck", "shore", "pilot", "storm"],
    "wood": ["oak", "moss", "deer", "trail", "pine", "fern", "owl", "bark", "brook", "cabin", "axe", "mushroom"],
    "town": [
        "tram",
        "market",
        "mayor",
        "bridge",
        "cinema",
        "taxi",
        "square",
        "clerk",
        "bakery",
        "clock",
        "park",
        "bus",
    ],
}
_COMMON = ["the", "a", "of", "and", "old", "new", "we", "saw", "it", "was", "near", "long"]


def draw(per_class: int, seed: int, *, topics: tuple[str, ...] = ("sea", "wood"), words: int = 5):
    """Return `(texts, labels)`: each text has `words` words of its topic among common ones."""
    random = np.random.default_rng(seed)
    texts, labels = [], []
    for topic in topics:
        for _ in range(per_class):
            chosen = [*random.choice(_TOPICS[topic], words), *random.choice(_COMMON, 6)]
            texts.append(" ".join(random.permutation(chosen)))
            labels.append(topic)
    order = random.permutation(len(texts))
    return [texts[row] for row in order], [labels[row] for row in order]
