"""What is wrong with a data set before any model sees it: duplicates, leaks, contradictions, gaps."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import islice

from minent.corpus.duplicates import NOTHING, NearIndex, Signature, near_groups, signed
from minent.corpus.findings import Audit, Overlap
from minent.corpus.readers import Labelled
from minent.errors import InputError

_SCRIPT_LETTERS = 16
_QUANTILES = {"shortest": 0.0, "5%": 0.05, "median": 0.5, "95%": 0.95, "longest": 1.0}


def audit(labelled: Labelled, unlabelled: Iterable[str] | None = None, test: Labelled | None = None) -> Audit:
    """Look for what is wrong with a data set.

    The labelled and the test set are held in memory; of the pool, which is walked through once, a digest per text.

    Args:
        labelled: Texts with labels.
        unlabelled: The pool of texts without labels, if there is one.
        test: The texts that the result will be tested on, if there are some.

    Returns:
        An `Audit`, the same for the same input.

    Raises:
        InputError: No text in the labelled set.

    Example:
        >>> found = audit(Labelled(("a b", "c d"), ("x", "y")), ["a b", " c  d"], Labelled(("c d", "e"), ("y", "z")))
        >>> found.test_in_training, found.test_in_pool, found.unseen_classes
        (Overlap(exact=(1,), near=()), Overlap(exact=(), near=(1,)), (('z', 1),))
    """
    if not len(labelled):
        raise InputError("the labelled set holds no text; at least one is needed.")
    texts, labels = labelled.texts, labelled.labels
    same = _same_groups(texts)
    pool_rows, pool_empty, pool_repeated, in_pool = _walk_pool(unlabelled, test)
    return Audit(
        rows=len(labelled),
        classes=dict(sorted(Counter(label for label in labels if label is not None).items())),
        without_label=labels.count(None),
        empty=tuple(row for row, text in enumerate(texts, start=1) if not text.strip()),
        lengths=_length_quantiles(texts),
        scripts=dict(sorted(Counter(map(script_of, texts)).items(), key=lambda item: (-item[1], item[0]))),
        duplicates=same,
        near_duplicates=_near_only(texts, same),
        disagreements=tuple(group for group in same if len({labels[row - 1] for row in group} - {None}) > 1),
        pool_rows=pool_rows,
        pool_empty=pool_empty,
        pool_repeated=pool_repeated,
        test_rows=None if test is None else len(test),
        test_in_training=_overlap(test.texts, among=texts) if test else Overlap(),
        test_in_pool=in_pool,
        unseen_classes=_unseen_classes(labelled, test),
    )


def script_of(text: str) -> str:
    """Name the script of most of a text's first letters, by the first word of their Unicode names.

    Example:
        >>> script_of("Привет, world"), script_of("价格 9.5"), script_of("42!")
        ('CYRILLIC', 'CJK', 'NONE')
    """
    letters = islice(filter(str.isalpha, text), _SCRIPT_LETTERS)
    counts = Counter(map(_script_of_letter, letters))
    return counts.most_common(1)[0][0] if counts else "NONE"


@lru_cache(maxsize=2**16)
def _script_of_letter(letter: str) -> str:
    return unicodedata.name(letter, "UNNAMED").partition(" ")[0]


# --- comparing sets ---------------------------------------------------------------------------------------------------


class _Sought:
    """Texts that are looked for in other sets: by their digest, and by nearness."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._rows: dict[bytes, list[int]] = {}
        self._near_rows: dict[int, list[int]] = {}
        self._index = NearIndex()
        self._exact: set[int] = set()
        self._near: set[int] = set()
        for row, (text, signature) in enumerate(signed(texts), start=1):
            if text.strip():
                self._rows.setdefault(_digest(text), []).append(row)
                first = self._index.similar(signature) or row
                if first == row:
                    self._index.add(row, signature)
                self._near_rows.setdefault(first, []).append(row)

    def look_at(self, text: str, signature: Signature) -> None:
        """Note the rows that this text of another set repeats."""
        self._exact.update(self._rows.get(_digest(text), ()))
        first = self._index.similar(signature)
        self._near.update(self._near_rows[first] if first else ())

    @property
    def found(self) -> Overlap:
        return Overlap(tuple(sorted(self._exact)), tuple(sorted(self._near - self._exact)))


def _overlap(sought: Iterable[str], among: Iterable[str]) -> Overlap:
    looking = _Sought(sought)
    for text, signature in signed(among):
        looking.look_at(text, signature)
    return looking.found


def _walk_pool(pool: Iterable[str] | None, test: Labelled | None) -> tuple[int | None, int, int, Overlap]:
    """Return how many texts, empty ones and repeated ones the pool has, and which test rows stand in it."""
    if pool is None:
        return None, 0, 0, Overlap()
    counts, met, looking = Counter[str](), set[bytes](), _Sought(test.texts if test else ())
    texts = signed(pool) if test else ((text, NOTHING) for text in pool)
    for text, signature in texts:
        counts["rows"] += 1
        if not text.strip():
            counts["empty"] += 1
            continue
        digest = _digest(text)
        counts["repeated"] += digest in met
        met.add(digest)
        looking.look_at(text, signature)
    return counts["rows"], counts["empty"], counts["repeated"], looking.found


def _digest(text: str) -> bytes:
    return blake2b(text.strip().encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _same_groups(texts: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    rows: dict[str, list[int]] = {}
    for row, text in enumerate(texts, start=1):
        if text.strip():
            rows.setdefault(text.strip(), []).append(row)
    return tuple(tuple(group) for group in rows.values() if len(group) > 1)


def _near_only(texts: Sequence[str], same: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], ...]:
    repeats = {row for group in same for row in group[1:]}
    rows = [row for row in range(1, len(texts) + 1) if row not in repeats]
    groups = near_groups([texts[row - 1] for row in rows])
    return tuple(tuple(rows[position] for position in group) for group in groups)


def _length_quantiles(texts: Sequence[str]) -> dict[str, int]:
    lengths = sorted(map(len, texts))
    return {name: lengths[int(share * (len(lengths) - 1))] for name, share in _QUANTILES.items()}


def _unseen_classes(labelled: Labelled, test: Labelled | None) -> tuple[tuple[str, int], ...]:
    labels = [] if test is None else [label for label in test.labels if label is not None]
    return tuple(sorted(Counter(label for label in labels if label not in set(labelled.classes)).items()))
