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
