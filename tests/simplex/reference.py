"""The maps of `minent.simplex` as plain loops in float64, one row at a time: slow, obvious, and no root finder."""

from __future__ import annotations

import math

import numpy as np


def sparsemax_by_sort(z: np.ndarray) -> np.ndarray:
    """Martins and Astudillo, algorithm 1."""
    falling = sorted(z, reverse=True)
    running, threshold = 0.0, 0.0
    for k, value in enumerate(falling, start=1):
        running += value
        if 1 + k * value > running:
            threshold = (running - 1) / k
    return np.array([max(value - threshold, 0.0) for value in z])


def entmax_by_bisection(z: np.ndarray, alpha: float) -> np.ndarray:
    """Halve an interval for the threshold until it is one rounding wide."""
    e = alpha - 1
    top = max(z)
    s = [value - top for value in z]
    if alpha == 1.0:
        weights = [math.exp(value) for value in s]
        return np.array(weights) / sum(weights)

    def probabilities(threshold: float) -> list[float]:
        return [math.exp(math.log1p(w) / e) if (w := e * (value - threshold)) > -1 else 0.0 for value in s]

    low, high = 0.0, math.log(len(z)) + 1
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(probabilities(middle)) >= 1 else (low, middle)
    return np.array(probabilities(low))


def entmax_in_digits(z: list[float], alpha: float, digits: int = 50) -> list[float]:
    """The same in as many decimal digits as wanted: the oracle."""
    from mpmath import mp, mpf

    with mp.workdps(digits + 10):
        e = mpf(alpha) - 1
        s = [mpf(value) - mpf(max(z)) for value in z]

        def powers(threshold):
            return [(1 + e * (v - threshold)) ** (1 / e) if 1 + e * (v - threshold) > 0 else mpf(0) for v in s]

        low, high = mpf(0), (1 - mpf(len(z)) ** -e) / e
        for _ in range(int(3.4 * digits)):
            middle = (low + high) / 2
            low, high = (middle, high) if sum(powers(middle)) >= 1 else (low, middle)
        return [float(p) for p in powers(low)]


def normmax_by_bisection(z: np.ndarray, alpha: float) -> np.ndarray:
    """Halve for the threshold at which the dual norm is one."""
    low, high = max(z) - 1.0, max(z)
    dual = alpha / (alpha - 1)
    for _ in range(80):
        middle = (low + high) / 2
        norm = sum(max(value - middle, 0.0) ** dual for value in z)
        low, high = (middle, high) if norm >= 1 else (low, middle)
    weights = np.array([max(value - low, 0.0) ** (1 / (alpha - 1)) for value in z])
    return weights / weights.sum()


def r_softmax_by_sorting(z: np.ndarray, rate: float) -> np.ndarray:
    zeros = math.floor(rate * len(z) + 1e-9)
    quantile = sorted(z)[zeros - 1] if zeros else None
    weights = [math.exp(v - max(z)) * (1.0 if quantile is None else max(v - quantile, 0.0)) for v in z]
    return np.array(weights) / sum(weights)


def ev_softmax_by_mean(z: np.ndarray) -> np.ndarray:
    mean = sum(z) / len(z)
    weights = [math.exp(v - max(z)) if v >= mean - 1e-12 else 0.0 for v in z]
    return np.array(weights) / sum(weights)


def budget_by_bisection(z: np.ndarray, k: float, temperature: float | None = None) -> np.ndarray:
    """Clipped (no temperature) or sigmoid weights that sum to k."""

    def weights(threshold: float) -> np.ndarray:
        if temperature is None:
            return np.clip(z - threshold, 0.0, 1.0)
        return 0.5 * (1 + np.tanh((z - threshold) / temperature / 2))

    low, high = z.min() - 1e3, z.max() + 1e3
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if weights(middle).sum() >= k else (low, middle)
    return weights(low)


def perturb_max_by_sampling(z: np.ndarray, draws: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal((draws, len(z)))
    return np.bincount((z + noise).argmax(1), minlength=len(z)) / draws


def taylor_polynomial(x: float, order: int) -> float:
    return sum(x**m / math.factorial(m) for m in range(order + 1))


def softmax_entropy(z: np.ndarray, temperature: float) -> float:
    p = np.exp((z - z.max()) / temperature)
    p /= p.sum()
    return float(-sum(value * math.log(value) for value in p if value > 0))


def tsallis(p: np.ndarray, alpha: float) -> float:
    """The entropy whose regularised argmax is entmax."""
    if alpha == 1.0:
        return float(-sum(value * math.log(value) for value in p if value > 0))
    return float(sum(value - value**alpha for value in p) / (alpha * (alpha - 1)))
