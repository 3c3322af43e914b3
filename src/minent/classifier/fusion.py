"""Many rungs into one: each at its own confidence, their log-probabilities added, one linear student taught.

Averaging at equal confidence harms when one member is far better (eprstmt 82.6 -> 75.2). So each member's temperature
is set so that its mean confidence on the unlabelled texts equals its half-label agreement: a member that contradicts
itself speaks softly. The student is ridge regression on tf-idf, taught the fused opinion on every unlabelled text, with
the labelled rows counting ten times each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from minent.classifier.calibration import temperature_for_confidence
from minent.classifier.groundwork import View
from minent.classifier.linear import LinearModel, log_softmax
from minent.classifier.members import solve_ridge
from minent.classifier.members.interface import one_hot

GOLD_WEIGHT = 10.0


def fuse(scores: Sequence[np.ndarray], temperatures: Sequence[float]) -> np.ndarray:
    """Add log-probabilities at each member's temperature; return log-probabilities, float64 (texts, classes).

    Example:
        >>> np.exp(fuse([np.log([[0.8, 0.2]]), np.log([[0.5, 0.5]])], [1.0, 1.0])).round(3).tolist()
        [[0.8, 0.2]]
    """
    opinions = [log_softmax(member / temperature) for member, temperature in zip(scores, temperatures, strict=True)]
    return log_softmax(np.sum(opinions, axis=0))


def temperatures_for(scores: Sequence[np.ndarray], agreements: Sequence[float]) -> list[float]:
    """The temperature of each member, from its scores on the pool and its half-label agreement."""
    return [temperature_for_confidence(member, share) for member, share in zip(scores, agreements, strict=True)]


def teach(
    pool: View, opinion: np.ndarray, gold: View, labels: np.ndarray, *, penalty: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Teach the student.

    Args:
        pool: Unlabelled texts.
        opinion: float (pool, classes): the fused log-probabilities on them.
        gold: Labelled texts.
        labels: int64 (gold,).
        penalty: Of the ridge.

    Returns:
        `(weights (features, classes), bias (classes,))` on tf-idf rows.
    """
    targets = np.vstack([np.exp(opinion), one_hot(labels, opinion.shape[1])])
    row_weights = np.concatenate([np.ones(len(pool)), np.full(len(gold), GOLD_WEIGHT)])
    return solve_ridge(sparse.vstack([pool.tfidf, gold.tfidf]).tocsr(), targets, row_weights, penalty=penalty)


def student_model(gold: View, weights: np.ndarray, bias: np.ndarray) -> LinearModel:
    """The student as the artefact that is shipped."""
    work = gold.work
    return LinearModel(work.vocabulary, work.tfidf, weights.astype(np.float32), bias.astype(np.float32))
