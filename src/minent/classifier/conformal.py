"""Answers that say what they do not know: sets of labels that hold the right one as often as asked, and a threshold
under which no answer is given.

Both rest on held-out judgements only: each labelled row was judged, once per repeat, by a pipeline that saw the other
half of the labels. That pipeline saw fewer labels than the shipped one, so what is promised is on the careful side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from minent.errors import InputError

MOST_ROWS = 1000


@dataclass(frozen=True)
class Judgements:
    """What the shipped pipeline said of labelled rows that it did not see.

    Attributes:
        rows: How many different rows were judged, each equally often.
        own: float64, rising: the probability that each judgement gave to the row's own label.
        confidence: float64: the largest probability of each judgement.
        right: bool: whether that was the row's own label.
    """

    rows: int
    own: np.ndarray
    confidence: np.ndarray
    right: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray, probabilities: np.ndarray, labels: np.ndarray) -> Judgements:
        """Keep what is needed of held-out probabilities; of very many rows, an even part.

        Args:
            rows: int (judgements,): which row each judgement is about.
            probabilities: float (judgements, classes).
            labels: int (judgements,).
        """
        distinct = np.unique(rows)
        kept = distinct[np.unique(np.linspace(0, len(distinct) - 1, min(len(distinct), MOST_ROWS)).astype(int))]
        here = np.isin(rows, kept)
        probabilities, labels = probabilities[here].round(6), labels[here]
        return cls(
            len(kept),
            np.sort(probabilities[np.arange(len(labels)), labels]),
            probabilities.max(axis=1, initial=0.0),
            probabilities.argmax(axis=1) == labels if len(labels) else np.zeros(0, bool),
        )

    @property
    def facts(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "rows": self.rows,
            "own": self.own.tolist(),
            "confidence": self.confidence.tolist(),
            "right": self.right.astype(int).tolist(),
        }

    @classmethod
    def from_facts(cls, facts: dict[str, Any] | None) -> Judgements:
        """Read `facts`.

        Raises:
            InputError: There is none, or no row was held out.
        """
        if not facts or not facts["rows"]:
            raise InputError(
                "no labelled row was held out for this classifier, so nothing can be promised. Fit it with two rows "
                "in each of two classes; compress it with a test."
            )
        own, confidence = np.array(facts["own"]), np.array(facts["confidence"])
        return cls(facts["rows"], own, confidence, np.array(facts["right"], bool))

    def label_sets(self, probabilities: np.ndarray, coverage: float) -> np.ndarray:
        """Return bool (texts, classes): the labels that cannot be ruled out, the likeliest always among them.

        A label is ruled out when a row's own label is given so small a probability too seldom: its p-value, averaged
        over the repeats, is at most `1 - coverage`.

        Args:
            probabilities: float (texts, classes), calibrated as the judgements were.
            coverage: Above 0 and below 1.

        Source:
            Vovk (2015), Cross-conformal predictors, doi:10.1007/s10472-013-9368-4; Sadinle, Lei & Wasserman (2019) for
            the score, doi:10.1080/01621459.2017.1395341.

        Example:
            >>> rows, said = np.arange(9), np.tile([0.9, 0.1], (9, 1))
            >>> judged = Judgements.of(rows, said, np.array([0] * 8 + [1]))
            >>> judged.label_sets(np.array([[0.95, 0.05], [0.85, 0.15]]), 0.8).tolist()
            [[True, False], [True, False]]
            >>> judged.label_sets(np.array([[0.95, 0.05], [0.85, 0.15]]), 0.9).tolist()
            [[True, False], [True, True]]
        """
        check_share("coverage", coverage)
        repeats = len(self.own) / self.rows
        as_strange = np.searchsorted(self.own, probabilities.astype(np.float64).round(6), side="right") / repeats
        sets = (1 + as_strange) / (self.rows + 1) > 1 - coverage + 1e-12
        sets[np.arange(len(sets)), probabilities.argmax(axis=1)] = True
        return sets

    def threshold(self, precision: float) -> float:
        """Return the lowest confidence from which on answers are right as often as asked.

        As if one more accepted answer had been wrong, so that a handful of right ones promises little.

        Args:
            precision: Above 0 and below 1.

        Raises:
            InputError: No threshold reaches it; the message says what can be reached.

        Source:
            Geifman & El-Yaniv (2017), Selective classification for deep neural networks, with the plain estimate in
            place of their bound, which a few dozen labels never meet.

        Example:
            >>> said = np.array([[0.9, 0.1]] * 19 + [[0.6, 0.4]] * 20)
            >>> judged = Judgements.of(np.arange(39), said, np.array([0] * 19 + [0, 1] * 10))
            >>> judged.threshold(0.9), judged.threshold(0.5)
            (0.9, 0.6)
        """
        check_share("precision", precision)
        order = np.argsort(-self.confidence, kind="stable")
        confidence, repeats = self.confidence[order], len(self.own) / self.rows
        accepted = np.arange(1, len(order) + 1) / repeats
        met = 1 - (np.cumsum(~self.right[order]) / repeats + 1) / (accepted + 1)
        last_of_its_value = np.append(confidence[1:] != confidence[:-1], True)
        reached = np.flatnonzero(last_of_its_value & (met >= precision - 1e-12))
        if not len(reached):
            best = int(np.where(last_of_its_value, met, -1.0).argmax())
            raise InputError(
                f"precision is {precision}, but {self.rows} held-out labels can promise {max(met[best], 0):.1%} at "
                f"most (confidence {confidence[best]:.3f} and more). Ask for less, or label more."
            )
        return float(confidence[reached[-1]])


def check_share(name: str, share: Any) -> float:
    """Return a share above 0 and below 1, or refuse it by name."""
    if isinstance(share, bool) or not isinstance(share, (int, float, np.floating)) or not 0 < share < 1:
        raise InputError(f"{name} is {share!r}; it takes a share above 0 and below 1, such as 0.9.")
    return float(share)
