"""Texts to check an export on: those that the model keeps, and drawn ones that try what texts of the trade do not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minent.classifier.exporting.ngrams import is_unicode
from minent.classifier.features import LONGEST_TEXT, Vocabulary

COUNT = 1000
_AWKWARD = (
    "",
    " \t\n\x1c\x85\u3000 ",
    "[PAD] [UNK] <s> </s>",
    "ΟΔΟΣ ΣΑΣ, Α'Σ. İI ẞß ǅ",
    "don't DON’T rock'n'roll 'quoted' it''s",
    "हिन्दी ไทย 한국어 日本語 עברית العربية e\u0301 \u202e",
    "🙂👩\u200d👩\u200d👧 \x00\x07\ufeff\U0010ffff",
)
_JOINTS = (" ", " ", " ", " ", "  ", "\n", "\t", "\u3000", "", ", ", "!", "-", "'", "\x1f")


def draw(vocabulary: Vocabulary, known: Sequence[str], count: int = COUNT, seed: int = 0) -> list[str]:
    """Return `count` texts: up to half of `known`, awkward ones, and known n-grams joined at random in any case.

    Args:
        vocabulary: The n-grams to draw from.
        known: Texts of the trade.
        count: How many.
        seed: Of the draws.

    Example:
        >>> texts = draw(Vocabulary("spaced", ["bad", "so good"]), ["a bad film"], 20)
        >>> len(texts), texts[0]
        (20, 'a bad film')
    """
    random = np.random.default_rng(seed)
    valid = [feature for feature in vocabulary.features if is_unicode(feature)]
    texts = [text for text in known if is_unicode(text)][: count // 2]
    texts += list(_AWKWARD)[: count - len(texts)]
    texts += [_long(valid, random)] * (len(texts) < count)
    return texts + [_one(valid, random) for _ in range(count - len(texts))]


def _one(features: Sequence[str], random: np.random.Generator) -> str:
    parts = []
    for place in random.integers(len(features), size=random.geometric(0.07)):
        style = random.integers(12)
        part = features[place]
        part = part.upper() if style == 0 else part.title() if style == 1 else part[::-1] if style == 2 else part
        parts += [part, _JOINTS[random.integers(len(_JOINTS))]]
    return "".join(parts)


def _long(features: Sequence[str], random: np.random.Generator) -> str:
    """A text of which the end is not read."""
    words = "Σ ".join(features[place] for place in random.integers(len(features), size=LONGEST_TEXT // 3))
    return words[: LONGEST_TEXT - 1] + "Σ" + words[:200]
