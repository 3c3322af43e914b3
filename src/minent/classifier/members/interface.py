"""What every member is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from minent.classifier.groundwork import View

Scorer = Callable[[View], np.ndarray]


class Member(Protocol):
    """A rung of the ladder that learns from labels.

    Attributes:
        name: Short and fixed: `"nb_em"`.
        title: For people: `"naive Bayes with EM"`.
        kind: `"floor"`, `"classical"` or `"neural"`.
        family: Members of one family read the same features and err together, so they share a voice in the fusion.
        costly: Whether a fit takes so long that the labels are cut in halves once only.
    """

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def family(self) -> str: ...

    @property
    def costly(self) -> bool: ...

    def fit(self, pool: View, gold: View, labels: np.ndarray, classes: int, seed: int) -> Scorer:
        """Learn from the pool and the gold rows.

        Args:
            pool: Unlabelled texts; may be empty.
            gold: Labelled texts.
            labels: int64 (gold,), in `[0, classes)`; a class may have no row.
            classes: How many classes there are.
            seed: Of every draw.

        Returns:
            A function from a view of n texts to float (n, classes) log-scores.
        """
        ...


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """Return float64 (rows, classes) with a one at each label."""
    return np.eye(classes)[labels]
