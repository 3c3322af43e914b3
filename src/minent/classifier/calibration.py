"""Temperatures and biases: how sure a set of scores should be.

One number per model, found as the root of a smooth rising function whose Taylor coefficients are at hand. The members
of the fusion are set to a stated mean confidence; the shipped model is set to the labels it did not see.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minent.classifier.linear import log_softmax
from minent.roots import find_root

_BINS = 10
_COLDEST = 1e6


def temperature_for_confidence(scores: np.ndarray, confidence: float) -> float:
    """Return the temperature at which the softmax of `scores` has a mean largest probability of `confidence`.

    Args:
        scores: float (texts, classes).
        confidence: Between `1 / classes` and 1; pulled inside where it is not.

    Returns:
        The temperature, above zero; 1 where all scores of each row are equal, so that no temperature changes them.

    Example:
        >>> scores = np.log([[0.9, 0.1], [0.2, 0.8]])
        >>> round(temperature_for_confidence(scores, 0.85), 3)
        1.0
    """
    gaps, unit = _gaps(scores)
    lowest = 1.0 / scores.shape[1]
    target = float(np.clip(confidence, lowest + 1e-3 * (1 - lowest), 1 - 1e-3))

    def excess(coldness: float, order: int) -> list[float]:
        """The largest probability is `1 / sum_j exp(coldness * d_j)`: the reciprocal of a series."""
        sums = _power_sums(gaps, coldness, order)
        reciprocal = _quotient([np.ones(len(gaps)), *[np.zeros(len(gaps))] * order], sums)
        reciprocal[0] -= target
        return [float(coefficient.mean()) for coefficient in reciprocal]

    return unit / _coldness(excess)


def temperature_for_labels(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature at which held-out labels are likeliest.

    The labels are smoothed as if one more row of every class had been seen, so that a handful of right answers does
    not make a model certain (Platt's correction).

    Args:
        scores: float (rows, classes).
        labels: int (rows,).

    Returns:
        The temperature, above zero; 1 where all scores of each row are equal.

    Source:
        Guo, Pleiss, Sun & Weinberger (2017), section 4; Platt (1999) for the smoothing.

    Example:
        >>> scores = np.array([[2.0, 0.0]] * 10)
        >>> hot = temperature_for_labels(scores, np.array([0] * 7 + [1] * 3))
        >>> np.round(1 / (1 + np.exp(-2.0 / hot)), 3)  # 8 of 12
        np.float64(0.667)
    """
    gaps, unit = _gaps(scores)
    rows, classes = gaps.shape
    target = np.full(gaps.shape, 1.0 / (rows + classes))
    target[np.arange(rows), labels] += rows / (rows + classes)
    wanted = float((target * gaps).sum(axis=1).mean())

    def excess(coldness: float, order: int) -> list[float]:
        """Expected score less wanted score: the slope of the log-loss in the inverse temperature."""
        sums = _power_sums(gaps, coldness, order + 1)
        expected = _quotient([(k + 1) * sums[k + 1] for k in range(order + 1)], sums)
        expected[0] -= wanted
        return [float(coefficient.mean()) for coefficient in expected]

    return unit / _coldness(excess)


def vector_scaling(scores: np.ndarray, labels: np.ndarray, *, strength: float = 10.0) -> tuple[float, np.ndarray]:
    """Return a temperature and a bias of each class at which held-out labels are likeliest.

    The labels are smoothed as in `temperature_for_labels`, and the biases are drawn to zero: with few labels of a class
    little can be known of its own bias.

    Args:
        scores: float (rows, classes).
        labels: int (rows,).
        strength: Of the pull to zero, in rows that speak against a bias of 1.

    Returns:
        `(temperature, bias float64 (classes,))`, for `softmax(scores / temperature + bias)`.

    Source:
        Guo, Pleiss, Sun & Weinberger (2017), section 4.2, with one temperature for all classes.

    Example:
        >>> scores, labels = np.tile([1.0, 0.0], (40, 1)), np.array([0, 1] * 20)
        >>> temperature, bias = vector_scaling(scores, labels, strength=1e-3)
        >>> np.exp(log_softmax(scores[:1] / temperature + bias)).round(2).tolist()
        [[0.5, 0.5]]
    """
    from scipy.optimize import minimize

    rows, classes = scores.shape
    target = np.full(scores.shape, 1.0 / (rows + classes))
    target[np.arange(rows), labels] += rows / (rows + classes)
    start = temperature_for_labels(scores, labels)
    scaled = (scores - scores.max(axis=1, keepdims=True)).astype(np.float64) / start

    def loss(point: np.ndarray) -> tuple[float, np.ndarray]:
        """Log-loss in the coldness (in units of the start) and the biases, with its gradient."""
        log_p = log_softmax(point[0] * scaled + point[1:])
        wrong = np.exp(log_p) - target
        pull = strength * point[1:]
        value = -(target * log_p).sum() + 0.5 * pull @ point[1:]
        return value / rows, np.concatenate([[(wrong * scaled).sum()], wrong.sum(axis=0) + pull]) / rows

    bounds = [(1e-3, 1e3), *[(-10.0, 10.0)] * classes]
    found = minimize(loss, np.r_[1.0, np.zeros(classes)], jac=True, method="L-BFGS-B", bounds=bounds).x
    return start / float(found[0]), found[1:]


def biases_pay(rows: np.ndarray, scores: np.ndarray, labels: np.ndarray, *, folds: int = 5) -> bool:
    """Whether vector scaling foretells held-out labels better than a temperature alone, by a standard error or more.

    Args:
        rows: int (judgements,): which row each judgement is about; those of a row stay in one fold.
        scores: float (judgements, classes).
        labels: int (judgements,).
        folds: How many parts; each is judged by what the others fitted.
    """
    distinct, place = np.unique(rows, return_inverse=True)
    if len(distinct) < 10 * folds:
        return False
    gain = np.zeros(len(distinct))
    for fold in range(folds):
        out = place % folds == fold
        temperature, bias = vector_scaling(scores[~out], labels[~out])
        plain = temperature_for_labels(scores[~out], labels[~out])
        here, own = np.arange(out.sum()), labels[out]
        better = log_softmax(scores[out] / temperature + bias) - log_softmax(scores[out] / plain)
        np.add.at(gain, place[out], better[here, own])
    return bool(gain.mean() > gain.std() / np.sqrt(len(gain)))


def seven_digits(temperature: float) -> float:
    """Rounded as facts are, but by its size: the temperature of scores of 1e-9 is no zero.

    Example:
        >>> seven_digits(1.23456789e-9), seven_digits(1 / 3)
        (1.234568e-09, 0.3333333)
    """
    return float(f"{temperature:.7g}")


def _gaps(scores: np.ndarray) -> tuple[np.ndarray, float]:
    """Scores less the best of their row, in units of their mean; `d_j <= 0`, so no exponential overflows."""
    gaps = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
    unit = float(-gaps.sum() / max(np.count_nonzero(gaps), 1)) or 1.0
    return gaps / unit, unit


def _power_sums(gaps: np.ndarray, coldness: float, order: int) -> list[np.ndarray]:
    """Taylor coefficients of `sum_j exp(coldness * d_j)` for each row: `sum_j d_j**k exp(coldness * d_j) / k!`."""
    powers, sums = np.exp(coldness * gaps), []
    for k in range(order + 1):
        sums.append(powers.sum(axis=1))
        powers = powers * gaps / (k + 1)
    return sums


def _quotient(above: list[np.ndarray], below: list[np.ndarray]) -> list[np.ndarray]:
    """Divide one series by another, term by term."""
    quotient: list[np.ndarray] = []
    for k, term in enumerate(above):
        carried = sum((below[j] * quotient[k - j] for j in range(1, k + 1)), np.zeros_like(term))
        quotient.append((term - carried) / below[0])
    return quotient


def _coldness(excess: Callable[[float, int], list[float]]) -> float:
    """Root of a rising function of the inverse temperature, kept within (0, `_COLDEST`]."""
    high = 1.0
    while high < _COLDEST and excess(high, 0)[0] < 0:
        high *= 4.0
    if excess(high, 0)[0] <= 0:
        return 1.0 if excess(high, 1)[1] == 0 and high >= _COLDEST else high
    low = 1.0 / _COLDEST
    if excess(low, 0)[0] >= 0:
        return low
    root = find_root(excess, bracket=(low, high))
    assert root.converged, root.status.value  # the function rises through zero between low and high
    return float(root.value)


@dataclass(frozen=True)
class Reliability:
    """Is a stated 80 % right 80 times in 100?

    Attributes:
        ece: Expected calibration error: the mean gap between confidence and accuracy over the bins, by their counts.
        bins: `{"confidence", "accuracy", "count"}` of each bin that is not empty, by rising confidence.
    """

    ece: float
    bins: list[dict[str, float]]


def reliability(probabilities: np.ndarray, labels: np.ndarray) -> Reliability:
    """Compare confidence with accuracy in ten bins of equal width.

    Args:
        probabilities: float (texts, classes).
        labels: int (texts,).

    Source:
        Guo, Pleiss, Sun & Weinberger (2017), section 2.

    Example:
        >>> reliability(np.array([[0.75, 0.25], [0.25, 0.75]]), np.array([0, 0])).ece
        0.25
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bin_of = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    bins, ece = [], 0.0
    for number in np.unique(bin_of):
        inside = bin_of == number
        stated, met, count = float(confidence[inside].mean()), float(right[inside].mean()), int(inside.sum())
        bins.append({"confidence": round(stated, 4), "accuracy": round(met, 4), "count": count})
        ece += abs(stated - met) * count / max(len(labels), 1)
    return Reliability(ece, bins)
