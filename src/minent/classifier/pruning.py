"""A linear model with fewer n-grams and smaller numbers: what is dropped, how the rest take over, how it is rounded.

An n-gram counts by how far it can move two classes apart, times the root of how often it is met. What is kept is then
fitted once more to the scores of the whole model, near its old weights, so that common n-grams speak for the dropped
ones beside them. Weights become whole numbers of 8 bits with one step size per class; with many classes some classes'
weights are written as mixtures of the others' (an interpolative decomposition).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from minent.classifier.features import Counts, Vocabulary, document_frequency
from minent.classifier.linear import LinearModel, RowTransform, unpack

_MANY_CLASSES = 20
_TRUST = 3.0  # how many rows' worth the old weights count for; between 0.3 and 3 agreement only rose
_ROUNDS = 50


class Pruner:
    """Makes smaller models of one model.

    Args:
        model: The whole model.
        counts: What its vocabulary counts in texts to learn from; in no text, nothing is fitted anew.
    """

    def __init__(self, model: LinearModel, counts: Counts) -> None:
        self._model, self._counts = model, counts
        self._scores = model.score_counts(counts)
        met = document_frequency(counts, len(model.vocabulary)) + 1.0
        reach = np.ptp(model.weights, axis=1) * (1.0 if model.transform.idf is None else model.transform.idf)
        self._order = np.argsort(-reach * np.sqrt(met), kind="stable")

    @property
    def size(self) -> int:
        """How many n-grams the whole model has."""
        return len(self._order)

    def keep(self, count: int, *, mixed: bool = True) -> LinearModel:
        """Return the model of the n-grams that count most, so many of them, fitted and rounded; see `rounded`."""
        columns = np.sort(self._order[:count])
        kept = self._cut(columns)
        if count < self.size and len(self._scores):
            kept = _fitted(kept, restricted(self._counts, columns, self.size), self._scores)
        return rounded(kept, mixed=mixed)

    def cut_and_rounded(self, count: int) -> LinearModel:
        """Return it with the weights as they were, which takes as many bytes."""
        return rounded(self._cut(np.sort(self._order[:count])))

    def _cut(self, columns: np.ndarray) -> LinearModel:
        model = self._model
        vocabulary = Vocabulary(model.vocabulary.script, [model.vocabulary.features[column] for column in columns])
        idf = None if model.transform.idf is None else model.transform.idf[columns]
        transform = RowTransform(model.transform.kind, idf, model.transform.length)
        return replace(model, vocabulary=vocabulary, transform=transform, weights=model.weights[columns], packed=None)


def restricted(counts: Counts, columns: np.ndarray, width: int) -> Counts:
    """Counts of some columns alone, numbered anew.

    Example:
        >>> counts = Counts(np.array([0, 2, 1, 2]), np.array([0, 2, 4]), np.ones(4, np.float32))
        >>> few = restricted(counts, np.array([1, 2]), 3)
        >>> few.indices.tolist(), few.starts.tolist()
        ([1, 0, 1], [0, 1, 3])
    """
    place = np.full(width, -1, np.int32)
    place[columns] = np.arange(len(columns), dtype=np.int32)
    found = place[counts.indices]
    kept = found >= 0
    starts = np.concatenate([[0], np.cumsum(kept)])[counts.starts]
    return Counts(found[kept], starts, counts.values[kept])


def _fitted(model: LinearModel, counts: Counts, scores: np.ndarray) -> LinearModel:
    """Ridge regression of what the model misses, class by class: weights and bias move as little as they need to."""
    from scipy.sparse import csr_matrix, hstack
    from scipy.sparse.linalg import LinearOperator, cg

    texts = len(scores)
    ones = np.ones((texts, 1), np.float32)
    rows = csr_matrix((model.transform.values(counts), counts.indices, counts.starts), (texts, len(model.vocabulary)))
    rows = hstack([rows, ones], format="csr").astype(np.float64)
    missed = (scores - model.score_counts(counts)).astype(np.float64)
    missed -= missed.mean(axis=1, keepdims=True)  # a softmax only sees differences
    width = rows.shape[1]
    squared = LinearOperator((width, width), matvec=lambda moved: rows.T @ (rows @ moved) + _TRUST * moved)
    moves = [cg(squared, rows.T @ missed[:, place], maxiter=_ROUNDS, rtol=1e-4)[0] for place in range(missed.shape[1])]
    moved = np.stack(moves, axis=1).astype(np.float32)
    return replace(model, weights=model.weights + moved[:-1], bias=model.bias + moved[-1])


def rounded(model: LinearModel, *, mixed: bool = True) -> LinearModel:
    """Return the model with the weights that its 8-bit form stands for; of many classes, some `mixed` from others."""
    from minent import lowrank

    weights = model.weights - model.weights.mean(axis=1, keepdims=True)
    packed: dict[str, np.ndarray] = {}
    if mixed and weights.shape[1] >= _MANY_CLASSES:
        found = lowrank.interpolative(weights, tolerance=0.02, method="qr")
        if len(found.columns) < weights.shape[1]:
            weights, packed["mixture"] = weights[:, found.columns], found.coefficients.astype(np.float32)
    steps = np.maximum(np.abs(weights).max(axis=0, initial=0.0) / 127, 1e-30).astype(np.float32)
    packed |= {"weights": np.rint(weights / steps).astype(np.int8), "steps": steps}
    return replace(model, weights=unpack(packed), packed=packed)
