"""Ridge regression on tf-idf, solved for all classes at once by conjugate gradients.

It takes soft targets and a weight per row, which makes it both a member (on the labels) and the student that learns
what the fused members say about every text: seconds for 20,000 texts and 15 classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from minent.classifier.groundwork import View
from minent.classifier.linear import LinearModel
from minent.classifier.members.interface import Scorer, one_hot


def solve_ridge(
    rows: sparse.csr_matrix, targets: np.ndarray, row_weights: np.ndarray, *, penalty: float = 1.0, steps: int = 15
) -> tuple[np.ndarray, np.ndarray]:
    """Minimise `sum_i w_i |x_i W + b - y_i|^2 + penalty |W|^2`, with `b` fixed at the weighted mean of the targets.

    Args:
        rows: (n, features).
        targets: (n, classes), for instance probabilities.
        row_weights: (n,), above zero.
        penalty: Above zero.
        steps: Conjugate gradient steps. Each class has step lengths of its own, so the classes never mix.

    Returns:
        `(W (features, classes), b (classes,))`, float64.

    Source:
        Hestenes & Stiefel (1952).
    """
    bias = row_weights @ targets / row_weights.sum()
    weighted = sparse.diags(np.sqrt(row_weights)) @ rows
    transposed = weighted.T.tocsr()
    residual = transposed @ (np.sqrt(row_weights)[:, None] * (targets - bias))
    solution = np.zeros_like(residual)
    direction = residual.copy()
    norm = (residual**2).sum(axis=0)
    start = norm.copy()
    for _ in range(steps):
        active = norm > 1e-20 * start
        if not active.any():
            break
        image = transposed @ (weighted @ direction) + penalty * direction
        curvature = (direction * image).sum(axis=0)
        step = np.where(active, norm / np.where(active, curvature, 1.0), 0.0)
        solution += step * direction
        residual -= step * image
        renewed = (residual**2).sum(axis=0)
        direction = residual + np.where(active, renewed / np.where(active, norm, 1.0), 0.0) * direction
        norm = renewed
    return solution, bias


@dataclass(frozen=True)
class RidgeOnTfidf:
    """Ridge regression on tf-idf, on the labels alone."""

    penalty: float = 1.0

    name = "ridge"
    title = "ridge regression on tf-idf"
    kind = "classical"
    family = "tfidf"
    costly = False

    def fit(self, pool: View, gold: View, labels: np.ndarray, classes: int, seed: int) -> Scorer:
        """See `Member.fit`; the pool is not read and nothing is drawn."""
        weights, bias = self._solve(gold, labels, classes)
        return lambda view: view.tfidf @ weights + bias

    def linear(self, pool: View, gold: View, labels: np.ndarray, classes: int, seed: int) -> LinearModel:
        """Return the fitted member as a `LinearModel`."""
        weights, bias = self._solve(gold, labels, classes)
        return LinearModel(gold.work.vocabulary, gold.work.tfidf, weights.astype(np.float32), bias.astype(np.float32))

    def _solve(self, gold: View, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
        return solve_ridge(gold.tfidf, one_hot(labels, classes), np.ones(len(gold)), penalty=self.penalty)
