"""From text to counted n-grams: the one analyser that both `fit` and `predict` go through.

Scripts that leave spaces between words give word 1-2-grams (punctuation marks are words too); scripts that do not
(Chinese, Japanese, Thai, ...) give character 1-3-grams. Which one it is follows from the text. Everything here is plain
Python and NumPy, so a saved model answers its first line without loading anything heavy.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

MIN_DOCUMENTS = 2
MAX_FEATURES = 400_000
LONGEST_TEXT = 20_000  # characters that are read of a text

# Ideographs, kana, Thai, Lao, Tibetan, Myanmar, Khmer: letters of scripts that run on without spaces.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_LETTER = re.compile(r"[^\W\d_]")
_MARKS = "!-/:-@\\[-`{-~\u00a1-\u00bf\u2010-\u2027\u2030-\u205e\u3001-\u3003\u3008-\u3011\uff01-\uff0f\uff1a-\uff20"
# Runs of anything but spaces and marks, so that combining vowel signs stay in their word; each mark alone.
WORD = re.compile(f"[^\\s{_MARKS}]+(?:['’][^\\s{_MARKS}]+)*|[{_MARKS}]")


def script_of(texts: Sequence[str]) -> str:
    """Return `"unspaced"` when over a third of the letters belong to scripts without spaces, else `"spaced"`.

    Example:
        >>> script_of(["不错，很好用"]), script_of(["well worth seeing"])
        ('unspaced', 'spaced')
    """
    step = max(1, len(texts) // 2000)
    sample = "".join(text[:500] for text in texts[::step])
    return "unspaced" if 3 * len(_UNSPACED.findall(sample)) > len(_LETTER.findall(sample)) else "spaced"


def ngrams(text: str, script: str) -> list[str]:
    """Return the n-grams of a text, with repetitions, in reading order.

    Example:
        >>> ngrams("Not bad!", "spaced")
        ['not', 'bad', '!', 'not bad', 'bad !']
        >>> ngrams("很好用", "unspaced")
        ['很', '好', '用', '很好', '好用', '很好用']
    """
    if script == "spaced":
        words = WORD.findall(as_read(text, script))
        return words + [f"{left} {right}" for left, right in pairwise(words)]
    line = as_read(text, script)
    return [line[i : i + n] for n in (1, 2, 3) for i in range(len(line) - n + 1)]


def as_read(text: str, script: str) -> str:
    """Return the text as the analyser reads it: its beginning, in lower case, runs of space drawn together if unspaced.

    Example:
        >>> as_read("很  好 OK", "unspaced")
        '很 好 ok'
    """
    lowered = text[:LONGEST_TEXT].lower()
    return lowered if script == "spaced" else " ".join(lowered.split())


def located_ngrams(text: str, script: str) -> list[tuple[int, int, str]]:
    """Return `(start, end, n-gram)` for the n-grams of `ngrams`, places counted in `as_read`, sorted by place.

    Example:
        >>> located_ngrams("Not bad", "spaced")
        [(0, 3, 'not'), (0, 7, 'not bad'), (4, 7, 'bad')]
    """
    line = as_read(text, script)
    if script == "spaced":
        words = [(found.start(), found.end(), found.group()) for found in WORD.finditer(line)]
        pairs = [(left[0], right[1], f"{left[2]} {right[2]}") for left, right in pairwise(words)]
        return sorted(words + pairs)
    return sorted((i, i + n, line[i : i + n]) for n in (1, 2, 3) for i in range(len(line) - n + 1))


@dataclass(frozen=True)
class Counts:
    """Sparse rows: text `i` holds features `indices[starts[i]:starts[i + 1]]`, rising, `values` times each."""

    indices: np.ndarray
    starts: np.ndarray
    values: np.ndarray

    @property
    def row_of(self) -> np.ndarray:
        """The row of each entry."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


class Vocabulary:
    """The n-grams a model knows, in the order of their columns.

    Args:
        script: `"spaced"` or `"unspaced"`.
        features: The n-grams; each once.
    """

    def __init__(self, script: str, features: Sequence[str]) -> None:
        self.script = script
        self.features = list(features)
        self._column = {feature: column for column, feature in enumerate(self.features)}

    def __len__(self) -> int:
        return len(self.features)

    @classmethod
    def learn(
        cls, texts: Sequence[str], *, min_documents: int = MIN_DOCUMENTS, limit: int = MAX_FEATURES
    ) -> Vocabulary:
        """Keep the n-grams that stand in at least `min_documents` texts, at most `limit` of them, the commonest first.

        Where the texts share nothing, all n-grams are kept. The result does not depend on the order of the texts.

        Example:
            >>> Vocabulary.learn(["so good", "so bad"]).features
            ['so']
        """
        script = script_of(texts)
        documents: Counter[str] = Counter()
        for text in texts:
            documents.update(set(ngrams(text, script)))
        kept = [feature for feature, count in documents.items() if count >= min_documents] or list(documents)
        if len(kept) > limit:
            kept = sorted(kept, key=lambda feature: (-documents[feature], feature))[:limit]
        return cls(script, sorted(kept))

    def column(self, feature: str) -> int | None:
        """Return the column of an n-gram, None where it is not known."""
        return self._column.get(feature)

    def count(self, texts: Iterable[str]) -> Counts:
        """Count the known n-grams of each text.

        Example:
            >>> counts = Vocabulary("spaced", ["bad", "so", "so so"]).count(["so so bad", "", "new"])
            >>> counts.indices.tolist(), counts.values.tolist(), counts.starts.tolist()
            ([0, 1, 2], [1.0, 2.0, 1.0], [0, 3, 3, 3])
        """
        find = self._column.get
        indices: list[int] = []
        values: list[int] = []
        starts = [0]
        for text in texts:
            found = Counter(find(feature, -1) for feature in ngrams(text, self.script))
            found.pop(-1, None)
            for column in sorted(found):
                indices.append(column)
                values.append(found[column])
            starts.append(len(indices))
        return Counts(np.array(indices, np.int32), np.array(starts, np.int64), np.array(values, np.float32))


def document_frequency(counts: Counts, columns: int) -> np.ndarray:
    """In how many texts each feature stands."""
    return np.bincount(counts.indices, minlength=columns)
