"""Routing and K-Means as plain loops over single vectors, and the routing of the author's layer as he wrote it."""

from __future__ import annotations

import math

import numpy as np


def softmax(values: np.ndarray) -> np.ndarray:
    weights = np.exp(values - values.max())
    return weights / weights.sum()


def route_as_the_article(votes: np.ndarray, iterations: int, sharpness: float = 1.0) -> np.ndarray:
    """From the sum at equal coupling, `iterations` times: normalise, couple, sum. Votes `(n, capsules, dim)`."""
    n, capsules, _ = votes.shape
    vectors = votes.sum(axis=0) / capsules
    for _ in range(iterations):
        unit = [vector / math.sqrt(vector @ vector) for vector in vectors]
        sums = np.zeros_like(vectors)
        for i in range(n):
            coupling = softmax(sharpness * np.array([votes[i, j] @ unit[j] for j in range(capsules)]))
            for j in range(capsules):
                sums[j] += coupling[j] * votes[i, j]
        vectors = sums
    return vectors


def route_as_the_code(votes: np.ndarray, routings: int) -> np.ndarray:
    """Logits start at zero; every pass couples and sums, and all but the last normalise and replace the logits."""
    n, capsules, _ = votes.shape
    logits = np.zeros((n, capsules))
    for turn in range(routings):
        coupling = np.stack([softmax(row) for row in logits])
        vectors = np.stack([sum(coupling[i, j] * votes[i, j] for i in range(n)) for j in range(capsules)])
        if turn < routings - 1:
            unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
            logits = np.array([[votes[i, j] @ unit[j] for j in range(capsules)] for i in range(n)])
    return vectors


def lloyd_step(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Every centre becomes the mean of the points that are nearest to it."""
    members: list[list[np.ndarray]] = [[] for _ in centres]
    for point in points:
        members[int(np.argmin([((point - centre) ** 2).sum() for centre in centres]))].append(point)
    return np.stack([np.mean(group, axis=0) if group else centre for group, centre in zip(members, centres)])


def soft_objective(points: np.ndarray, centres: np.ndarray, sharpness: float) -> float:
    """`-(1/K) sum_i log sum_j exp(-K |x_i - v_j|**2)`."""
    total = 0.0
    for point in points:
        total -= math.log(sum(math.exp(-sharpness * ((point - centre) ** 2).sum()) for centre in centres)) / sharpness
    return total
