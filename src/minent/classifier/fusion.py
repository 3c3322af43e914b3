"""Many rungs into one: each at its own confidence, their log-probabilities added, one linear student taught.

Averaging at equal confidence harms when one member is far better (eprstmt 82.6 -> 75.2). So each member's temperature
is set so that its mean confidence on the unlabelled texts equals its half-label agreement, corrected for chance: a
member that contradicts itself, or always says the same, speaks softly. Without the correction a ridge that named one
class only drew the student of eprstmt from 87.7 down to 74.8, on labels it was not fitted on. Members that share one
encoder err together, so they share one voice.

The student is ridge regression on tf-idf, taught the fused opinion on every unlabelled text, with the labelled rows
counting ten times each, or as much less as lets them weigh no more than the unlabelled ones together: with 1,000 labels
beside a small pool ten times is learning by heart (shop snippets, 73.9 against 76.2 at once each).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from minent.classifier.calibration import temperature_for_confidence
from minent.classifier.groundwork import View
from minent.classifier.linear import LinearModel, log_softmax
from minent.classifier.members import solve_ridge
from minent.classifier.members.interface import one_hot

GOLD_WEIGHT = 10.0


@dataclass(frozen=True)
class Fusion:
    """How loudly each member speaks.

    Attributes:
        temperatures: Of each member.
        voices: What the log-probabilities of each member are multiplied by.
    """

    temperatures: tuple[float, ...]
    voices: tuple[float, ...]

    @classmethod
    def at(cls, confidences: Sequence[float], scores: Sequence[np.ndarray], voices: Sequence[float]) -> Fusion:
        """Set each member's temperature so that its scores on the pool have the stated mean confidence."""
        settled = (temperature_for_confidence(each, share) for each, share in zip(scores, confidences, strict=True))
        return cls(tuple(settled), tuple(voices))

    def opinion(self, scores: Sequence[np.ndarray]) -> np.ndarray:
        """Add the members' log-probabilities; return log-probabilities, float64 (texts, classes).

        Example:
            >>> one, other = np.log([[0.8, 0.2]]), np.log([[0.5, 0.5]])
            >>> np.exp(Fusion((1.0, 1.0), (1.0, 1.0)).opinion([one, other])).round(3).tolist()
            [[0.8, 0.2]]
        """
        members = zip(scores, self.temperatures, self.voices, strict=True)
        return log_softmax(np.sum([voice * log_softmax(each / heat) for each, heat, voice in members], axis=0))


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
    row_weights = np.concatenate([np.ones(len(pool)), np.full(len(gold), gold_weight(len(pool), len(gold)))])
    return solve_ridge(sparse.vstack([pool.tfidf, gold.tfidf]).tocsr(), targets, row_weights, penalty=penalty)


def gold_weight(pool: int, gold: int) -> float:
    """How much a labelled row weighs beside an unlabelled one.

    Example:
        >>> gold_weight(20_000, 32), gold_weight(1500, 1000), gold_weight(100, 1000)
        (10.0, 1.5, 1.0)
    """
    return min(GOLD_WEIGHT, max(1.0, pool / gold))


def student_model(gold: View, weights: np.ndarray, bias: np.ndarray) -> LinearModel:
    """The student as the artefact that is shipped."""
    work = gold.work
    return LinearModel(work.vocabulary, work.tfidf, weights.astype(np.float32), bias.astype(np.float32))
