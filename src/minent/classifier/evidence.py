"""How good is a rung, when there are 32 labels and no more?

Each rung is fitted on all labels, and several times on two stratified halves of them. From the same fits follow

- **half-label agreement**: how often the two halves' fits say the same on the unlabelled texts. It needs no held-out
  label and averages over thousands of texts. It measures stability, not truth, so it is corrected for chance before it
  counts (`steadiness`) and always shown beside
- **two-fold cross-validation**: how often a half's fit is right on the other half. True to the task, but noisy.

Where a class has one label only, that row goes to both halves and is never judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from minent.classifier.groundwork import View
from minent.classifier.members.interface import Member, Scorer


@dataclass(frozen=True)
class Halves:
    """Several ways to cut the labelled rows in two.

    Attributes:
        pairs: `(rows of one half, rows of the other)` per repeat; both rising.
        judged: bool (rows,): rows that stand in one half only, so that the other can be tested on them.
    """

    pairs: tuple[tuple[np.ndarray, np.ndarray], ...]
    judged: np.ndarray

    @property
    def parts(self) -> list[tuple[int, np.ndarray, np.ndarray]]:
        """`(repeat, rows to fit, rows to test)` of every fit, the two of a repeat side by side."""
        found = []
        for repeat, pair in enumerate(self.pairs):
            for fitted, tested in (pair, pair[::-1]):
                found.append((repeat, fitted, tested[self.judged[tested]]))
        return found


def cut_in_halves(labels: np.ndarray, repeats: int, seed: int) -> Halves | None:
    """Cut the rows in stratified halves, or return None where fewer than two classes have two rows.

    Example:
        >>> halves = cut_in_halves(np.array([0, 0, 1, 1, 2]), 1, seed=0)
        >>> [len(half) for half in halves.pairs[0]], halves.judged.tolist()
        ([3, 3], [True, True, True, True, False])
        >>> cut_in_halves(np.array([0, 1]), 1, seed=0) is None
        True
    """
    random = np.random.default_rng(seed)
    rows_of = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    if sum(len(rows) > 1 for rows in rows_of) < 2:
        return None
    judged = np.ones(len(labels), bool)
    judged[[rows[0] for rows in rows_of if len(rows) == 1]] = False
    return Halves(tuple(_cut(rows_of, random) for _ in range(repeats)), judged)


def _cut(rows_of: list[np.ndarray], random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    first, second, extra = [], [], 0
    for rows in rows_of:
        if len(rows) == 1:
            first.append(rows)
            second.append(rows)
            continue
        mixed = random.permutation(rows)
        middle = (len(rows) + extra) // 2  # odd classes give their extra row to each half in turn
        extra = (extra + len(rows)) % 2
        first.append(mixed[:middle])
        second.append(mixed[middle:])
    return np.sort(np.concatenate(first)), np.sort(np.concatenate(second))


@dataclass(frozen=True)
class Evidence:
    """What the fits of one rung said, as log-scores.

    Attributes:
        pool: float32 (pool, classes): the fit on all labels, on the unlabelled texts.
        halves: float32 (2 * repeats, pool, classes): the fits on halves, the two of a repeat side by side.
        held_out: float32 (repeats, gold, classes): each labelled row by the fit that did not see it.
    """

    pool: np.ndarray
    halves: np.ndarray
    held_out: np.ndarray


def gather(
    member: Member, pool: View, gold: View, labels: np.ndarray, classes: int, halves: Halves | None, seed: int
) -> tuple[Evidence, Scorer]:
    """Fit a member on all labels and on every half, and return what the fits say and the fit on all labels."""
    scorer = member.fit(pool, gold, labels, classes, seed)
    parts = halves.parts if halves else []
    repeats = len(halves.pairs) if halves else 0
    on_pool = np.zeros((len(parts), len(pool), classes), np.float32)
    held_out = np.zeros((repeats, len(gold), classes), np.float32)
    for part, (repeat, fitted, tested) in enumerate(parts):
        half = member.fit(pool, gold[fitted], labels[fitted], classes, seed + 1 + part)
        on_pool[part] = half(pool)
        held_out[repeat, tested] = half(gold[tested])
    return Evidence(scorer(pool).astype(np.float32), on_pool, held_out), scorer


def agreement(halves: np.ndarray) -> float | None:
    """Share of the unlabelled texts on which the two fits of a repeat agree, averaged over repeats.

    Example:
        >>> agreement(np.array([[[1.0, 0.0], [0.0, 1.0]], [[2.0, 1.0], [1.0, 0.0]]]))
        0.5
    """
    if not halves.size:
        return None
    said = halves.argmax(axis=2)
    return float((said[::2] == said[1::2]).mean())


def steadiness(halves: np.ndarray) -> float | None:
    """Agreement corrected for chance, between `1 / classes` and 1.

    A rung that always names the same class agrees with itself always and says nothing. So Cohen's kappa of the two fits
    takes the place of their agreement, and is brought back to the scale of a probability.

    Source:
        Cohen (1960), doi:10.1177/001316446002000104.

    Example:
        >>> steadiness(np.array([[[1.0, 0.0], [0.0, 1.0]], [[2.0, 1.0], [0.0, 1.0]]]))
        1.0
        >>> steadiness(np.array([[[1.0, 0.0], [1.0, 0.0]], [[2.0, 1.0], [1.0, 0.0]]]))  # one class only
        0.5
    """
    if not halves.size:
        return None
    classes, said = halves.shape[2], halves.argmax(axis=2)
    met = np.mean([max(0.0, _kappa(one, other, classes)) for one, other in zip(said[::2], said[1::2])])
    return float(1 / classes + (1 - 1 / classes) * met)


def validity(rungs: Mapping[str, np.ndarray], anchors: Sequence[str]) -> dict[str, float]:
    """How often each rung is right, judged from thousands of texts without a label, between `1 / classes` and 1.

    An anchor learns from its labels alone, so two anchors that were fitted on different halves err independently of
    each other, except where their features mislead both. What such an anchor shares with a rung that was fitted on the
    other half is then only the truth: kappa(rung, anchor) = validity(rung) * validity(anchor), and kappa(anchor,
    anchor') = validity(anchor)**2 gives the unknown. A rung that is steady and wrong shares little with the anchors and
    is found out, which its agreement with itself cannot do.

    Args:
        rungs: `Evidence.halves` of each rung.
        anchors: The rungs that learn from labels alone; those that are not in `rungs` are passed over.

    Returns:
        By rung, on the scale of a probability; empty where no anchor agrees with itself more than chance would.

    Source:
        Spearman (1904), doi:10.2307/1412159: correction for attenuation; kappa in place of the correlation.

    Example:
        >>> truth, wrong = np.eye(2)[[0, 0, 1, 1]], np.eye(2)[[0, 1, 0, 1]]
        >>> validity({"a": np.stack([truth, truth]), "b": np.stack([wrong, wrong])}, ["a"])
        {'a': 1.0, 'b': 0.5}
    """
    anchors = [name for name in anchors if name in rungs]
    said = {name: halves.argmax(axis=2) for name, halves in rungs.items()}
    classes = next((halves.shape[2] for halves in rungs.values()), 1)
    shared = {(a, b): _crossed(said[a], said[b], classes) for a in anchors for b in anchors}
    own = sum(shared.values())
    if own <= 0:
        return {}
    found = {}
    for name in rungs:
        met = sum(shared.get((name, anchor), _crossed(said[name], said[anchor], classes)) for anchor in anchors)
        found[name] = float(1 / classes + (1 - 1 / classes) * np.clip(met / np.sqrt(own), 0.0, 1.0))
    return found


def _crossed(one: np.ndarray, other: np.ndarray, classes: int) -> float:
    """Mean kappa of two rungs over fits on opposite halves, of the repeats that both have."""
    pairs = [(a, b) for a in range(0, min(len(one), len(other)), 2) for b in range(2)]
    return float(np.mean([_kappa(one[a + b], other[a + 1 - b], classes) for a, b in pairs])) if pairs else 0.0


def _kappa(one: np.ndarray, other: np.ndarray, classes: int) -> float:
    """Cohen's kappa of two answers to the same texts; 0 where chance alone makes them agree."""
    if not len(one):
        return 0.0
    shares = [np.bincount(each, minlength=classes) / len(each) for each in (one, other)]
    chance = float(shares[0] @ shares[1])
    return (float((one == other).mean()) - chance) / (1 - chance) if chance < 1 else 0.0


def fold_accuracies(held_out: np.ndarray, labels: np.ndarray, halves: Halves) -> np.ndarray:
    """Accuracy of each fit on the rows it did not see, float64 (folds,); a costly rung has fewer repeats."""
    right = held_out.argmax(axis=2) == labels
    folds = [(repeat, tested) for repeat, _, tested in halves.parts if repeat < len(right) and len(tested)]
    return np.array([right[fold].mean() for fold in folds])
