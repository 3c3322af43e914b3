"""Logistic regression: on tf-idf (the floor that everybody knows), and on dense features of the text."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from minent.classifier.groundwork import View
from minent.classifier.hints import Hints
from minent.classifier.linear import LinearModel
from minent.classifier.members.interface import Scorer


def fit_logistic(rows: Any, labels: np.ndarray, classes: int, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Fit multinomial logistic regression and return `(weights (features, classes), bias (classes,))`.

    A class without rows gets a bias far below the others: it is possible, never likely.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    weights, bias = np.zeros((rows.shape[1], classes)), np.full(classes, -20.0)
    seen = np.unique(labels)
    if len(seen) == 1:
        bias[seen] = 0.0
        return weights, bias
    met = np.unique(rows.indices) if sparse.issparse(rows) else np.arange(rows.shape[1])
    model = LogisticRegression(C=strength, max_iter=500)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 500 steps are enough to rank classes
        model.fit(rows[:, met], labels)  # the penalty leaves the weights of all others at zero
    coefficients, intercept = model.coef_, model.intercept_
    if len(seen) == 2:  # scikit-learn keeps one row for two classes
        coefficients, intercept = np.vstack([-coefficients, coefficients]) / 2, np.r_[-intercept, intercept] / 2
    weights[np.ix_(met, seen)], bias[seen] = coefficients.T, intercept
    return weights, bias


@dataclass(frozen=True)
class LogisticOnTfidf:
    """The floor: logistic regression on tf-idf."""

    strength: float = 10.0

    name = "tfidf_lr"
    title = "tf-idf and logistic regression"
    kind = "floor"
    family = "floor"
    costly = False

    def fit(self, pool: View, gold: View, labels: np.ndarray, classes: int, seed: int) -> Scorer:
        """See `Member.fit`; the pool is not read and nothing is drawn."""
        weights, bias = fit_logistic(gold.tfidf, labels, classes, self.strength)
        return lambda view: view.tfidf @ weights + bias

    def linear(self, pool: View, gold: View, labels: np.ndarray, classes: int, seed: int) -> LinearModel:
        """Return the fitted member as a `LinearModel`."""
        weights, bias = fit_logistic(gold.tfidf, labels, classes, self.strength)
        return LinearModel(gold.work.vocabulary, gold.work.tfidf, weights.astype(np.float32), bias.astype(np.float32))


@dataclass(frozen=True)
class LogisticOnDense:
    """Logistic regression on dense features of the text.

    Attributes:
        name: Of the rung.
        title: Of the rung.
        space: The attribute of a view that holds them: float (texts, dimensions).
        kind: Of the rung.
        strength: Inverse of the penalty.
        hints: Unlabelled texts to take for labelled.
    """

    name: str
    title: str
    space: str = "dense"
    kind: str = "classical"
    strength: float = 10.0
    hints: Hints | None = None

    costly = False

    @property
    def family(self) -> str:
        """See `Member`."""
        return self.space

    def fit(self, pool: View, gold: View, labels: np.ndarray, classes: int, seed: int) -> Scorer:
        """See `Member.fit`; of the pool only the hints are read, and nothing is drawn."""
        rows = getattr(gold, self.space)
        if self.hints is not None:
            rows = np.vstack([rows, getattr(pool, self.space)[list(self.hints.rows)]])
            labels = np.concatenate([labels, self.hints.labels])
        weights, bias = fit_logistic(rows, labels, classes, self.strength)
        return lambda view: getattr(view, self.space) @ weights + bias
