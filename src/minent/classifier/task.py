"""The door: what a person gives to `fit`, checked and put in one fixed order.

The labelled rows are sorted, so their order never matters; rows without a label join the unlabelled texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minent import artifacts
from minent.classifier.features import LONGEST_TEXT
from minent.errors import InputError, listing

MOST_EXAMPLES, LONGEST_EXAMPLE = 2000, 1000


@dataclass(frozen=True)
class Task:
    """Labelled and unlabelled texts.

    Attributes:
        classes: The labels, sorted.
        texts: The labelled texts, sorted.
        labels: int64 (texts,): places in `classes`.
        pool: The unlabelled texts that are not empty.
        notes: What a person should know of the data, as sentences.
    """

    classes: tuple[str, ...]
    texts: tuple[str, ...]
    labels: np.ndarray
    pool: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of what was labelled and of what was not."""
        pairs = [part for text, label in zip(self.texts, self.labels) for part in (text, self.classes[label])]
        return {"labelled": artifacts.digest_texts(pairs), "unlabelled": artifacts.digest_texts(self.pool)}

    def examples(self) -> list[tuple[str, str]]:
        """Labelled texts to keep with the model: all, or an even part of very many, each shortened to be shown."""
        rows = np.unique(np.linspace(0, len(self.texts) - 1, min(len(self.texts), MOST_EXAMPLES)).astype(int))
        return [(self.texts[row][:LONGEST_EXAMPLE], self.classes[self.labels[row]]) for row in rows]

    def limited(self, characters: int, seed: int) -> Task:
        """Return the task with a random part of the pool, of about so many characters, where it has more."""
        total = sum(map(len, self.pool))
        if total <= characters:
            return self
        keep = max(1, int(len(self.pool) * characters / total))
        rows = np.sort(np.random.default_rng(seed).permutation(len(self.pool))[:keep])
        note = f"Of {len(self.pool)} unlabelled texts, {keep} were read: more do not fit into the time budget."
        return Task(self.classes, self.texts, self.labels, tuple(self.pool[row] for row in rows), (*self.notes, note))


def read_task(X: Iterable[str], y: Iterable[Any], unlabeled: Iterable[str] | None) -> Task:
    """Check what was given and put it in order.

    Args:
        X: Texts.
        y: One label per text; None (or NaN) says that the text has none. Labels become strings.
        unlabeled: More texts, or None.

    Raises:
        InputError: No text, another number of labels than texts, something that is no string, fewer than two classes.
    """
    texts, stated = checked_texts(X, "X"), list(y)
    if len(texts) != len(stated):
        raise InputError(f"X has {len(texts)} texts and y has {len(stated)} labels. Give one label per text.")
    if not texts:
        raise InputError("X is empty. Give at least one labelled text of each of two classes.")
    labels = [None if _is_missing(label) else str(label) for label in stated]
    pairs = sorted((text, label) for text, label in zip(texts, labels) if label is not None)
    pool = [text for text, label in zip(texts, labels) if label is None] + checked_texts(
        () if unlabeled is None else unlabeled, "unlabeled"
    )
    classes = sorted({label for _, label in pairs})
    if len(classes) < 2:
        held = f"holds one class only, {classes[0]!r}" if classes else "holds no label at all"
        raise InputError(f"y {held} ({len(texts)} rows). A classifier needs labelled texts of at least two classes.")
    place = {label: number for number, label in enumerate(classes)}
    return Task(
        classes=tuple(classes),
        texts=tuple(text for text, _ in pairs),
        labels=np.array([place[label] for _, label in pairs], np.int64),
        pool=tuple(text for text in pool if text.strip()),
        notes=_notes(pairs, pool),
    )


def checked_texts(given: Iterable[str], name: str) -> list[str]:
    """Return the texts as a list of str, cut to the longest length that is read.

    Raises:
        InputError: One string instead of several, or something that is no string; `name` says where.
    """
    if isinstance(given, (str, bytes)):
        raise InputError(f"{name} is one {type(given).__name__}; it takes a list of texts. Put it in brackets.")
    texts = list(given)
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"{name}[{row}] is {type(text).__name__}, but a text is a str. Decode or drop the row.")
    return [str(text[:LONGEST_TEXT]) for text in texts]


def _is_missing(label: Any) -> bool:
    return label is None or (isinstance(label, (float, np.floating)) and bool(np.isnan(label)))


def _notes(pairs: Sequence[tuple[str, str]], pool: Sequence[str]) -> tuple[str, ...]:
    notes = []
    labels_of: dict[str, set[str]] = {}
    for text, label in pairs:
        labels_of.setdefault(text, set()).add(label)
    torn = sorted(text for text, labels in labels_of.items() if len(labels) > 1)
    if torn:
        shown = listing([text[:40] for text in torn], limit=3)
        notes.append(f"{len(torn)} texts carry different labels in different rows and were kept as they are: {shown}.")
    single = sorted(label for label, count in Counter(label for _, label in pairs).items() if count == 1)
    if single:
        notes.append(f"{len(single)} classes have one label only and could not be tested: {listing(single, limit=5)}.")
    empty = sum(not text.strip() for text in pool)
    if empty:
        notes.append(f"{empty} empty unlabelled texts were left out.")
    return tuple(notes)
