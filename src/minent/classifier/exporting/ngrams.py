"""The n-grams of a model as rows of ids: what a graph or a tensor can look up, where strings cannot go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minent.classifier.features import Vocabulary
from minent.errors import InputError

PADDING, UNKNOWN, FIRST = 0, 1, 2  # ids; the first unit of the text has id 2
LONGEST = 3


@dataclass(frozen=True)
class Ngrams:
    """Every n-gram spelt in ids of its units: words where the script leaves spaces, else characters.

    Attributes:
        units: The words or characters; the id of `units[i]` is `FIRST + i`.
        ids: For each n from 1 to `LONGEST`, int64 (n-grams, n), rising.
        columns: Where each n-gram stands in the vocabulary, in the order of `ids` end to end.
    """

    units: list[str]
    ids: tuple[np.ndarray, ...]
    columns: np.ndarray


def spell(vocabulary: Vocabulary) -> Ngrams:
    """Write the n-grams of a vocabulary in ids.

    An n-gram that holds a lone surrogate stays behind: no text that is valid Unicode holds it.

    Args:
        vocabulary: What the model knows.

    Raises:
        InputError: There is no n-gram, or one is longer than `LONGEST` units.

    Example:
        >>> ngrams = spell(Vocabulary("spaced", ["bad", "so", "so bad"]))
        >>> ngrams.units, [ids.tolist() for ids in ngrams.ids], ngrams.columns.tolist()
        (['bad', 'so'], [[[2], [3]], [[3, 2]], []], [0, 1, 2])
    """
    spelt = {
        column: feature.split(" ") if vocabulary.script == "spaced" else list(feature)
        for column, feature in enumerate(vocabulary.features)
        if is_unicode(feature)
    }
    if not spelt:
        raise InputError("the model knows no n-gram, so its answer is always the same. Fit it on more text.")
    longest = max(spelt.values(), key=len)
    if len(longest) > LONGEST:
        raise InputError(f"the n-gram {' '.join(longest)!r} has {len(longest)} units; an export takes up to {LONGEST}.")
    units = sorted({unit for row in spelt.values() for unit in row})
    id_of = {unit: FIRST + place for place, unit in enumerate(units)}
    rows = sorted((len(row), [id_of[unit] for unit in row], column) for column, row in spelt.items())
    ids = tuple(np.array([row for n, row, _ in rows if n == size], np.int64).reshape(-1, size) for size in _sizes())
    return Ngrams(units, ids, np.array([column for _, _, column in rows], np.int64))


def _sizes() -> range:
    return range(1, LONGEST + 1)


def is_unicode(text: str) -> bool:
    """Whether a text is valid: only Python's strings hold lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
