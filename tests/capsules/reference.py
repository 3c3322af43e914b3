"""Routings and K-Means as plain loops over single vectors, and the whole layer of the article's author."""

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


def authors_layer(inputs: np.ndarray, weight: np.ndarray, capsules: int, routings: int) -> np.ndarray:
    """His whole layer for one sample: a convolution of width 1, `routings` passes, and the squash with 0.5.

    Inputs `(n, in_dim)`; weight `(1, in_dim, capsules * dim)`, or `(n, ...)` when not shared. He adds 1e-7 to the
    squared length in the squash.
    """
    votes = np.stack([row @ weight[i if len(weight) > 1 else 0] for i, row in enumerate(inputs)])
    vectors = route_as_the_code(votes.reshape(len(inputs), capsules, -1), routings)
    squares = [vector @ vector + 1e-7 for vector in vectors]
    return np.stack([math.sqrt(square) / (0.5 + square) * vector for square, vector in zip(squares, vectors)])


def route_as_sabour(votes: np.ndarray, rounds: int) -> np.ndarray:
    """Logits add up what the squashed capsules agree with; the last sum is returned before its squash."""
    n, capsules, _ = votes.shape
    logits = np.zeros((n, capsules))
    for turn in range(rounds):
        coupling = np.stack([softmax(row) for row in logits])
        vectors = np.stack([sum(coupling[i, j] * votes[i, j] for i in range(n)) for j in range(capsules)])
        if turn < rounds - 1:
            for j in range(capsules):
                square = vectors[j] @ vectors[j]
                squashed = square / (1 + square) * vectors[j] / math.sqrt(square)
                for i in range(n):
                    logits[i, j] += votes[i, j] @ squashed
    return vectors


def route_inverted(votes: np.ndarray, rounds: int) -> np.ndarray:
    """Capsules are centred and divided by their standard deviation (eps 1e-5), products by the root of their size."""
    n, capsules, dim = votes.shape
    coupling = np.full((n, capsules), 1 / capsules)
    for turn in range(rounds):
        vectors = np.stack([sum(coupling[i, j] * votes[i, j] for i in range(n)) for j in range(capsules)])
        if turn < rounds - 1:
            normal = [(vector - vector.mean()) / math.sqrt(vector.var() + 1e-5) for vector in vectors]
            scores = [[votes[i, j] @ normal[j] / math.sqrt(dim) for j in range(capsules)] for i in range(n)]
            coupling = np.stack([softmax(np.array(row)) for row in scores])
    return vectors


def route_by_attention(votes: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Each input shares itself out among the queries, once."""
    n, capsules, dim = votes.shape
    sums = np.zeros((capsules, dim))
    for i in range(n):
        coupling = softmax(np.array([votes[i, j] @ queries[j] for j in range(capsules)]) / math.sqrt(dim))
        for j in range(capsules):
            sums[j] += coupling[j] * votes[i, j]
    return sums


def route_by_em(votes: np.ndarray, rounds: int, use: np.ndarray, bonus: np.ndarray) -> np.ndarray:
    """Procedure 1 of Hinton, Sabour and Frosst, every input active; directions of the means, as long as activations."""
    n, capsules, dim = votes.shape
    coupling = np.full((n, capsules), 1 / capsules)
    for turn in range(1, rounds + 1):
        means, variances, active = np.zeros((capsules, dim)), np.zeros((capsules, dim)), np.zeros(capsules)
        for j in range(capsules):
            mass = coupling[:, j].sum()
            cost = 0.0
            for h in range(dim):
                means[j, h] = sum(coupling[i, j] * votes[i, j, h] for i in range(n)) / mass
                spread = sum(coupling[i, j] * (votes[i, j, h] - means[j, h]) ** 2 for i in range(n))
                variances[j, h] = spread / mass + 1e-6
                cost += (use[j] + math.log(math.sqrt(variances[j, h]))) * mass
            active[j] = 1 / (1 + math.exp(-0.01 * (1 - 0.95**turn) * (bonus[j] - cost)))
        for i in range(n):
            scores = []
            for j in range(capsules):
                score = math.log(active[j])
                for h in range(dim):
                    score -= (votes[i, j, h] - means[j, h]) ** 2 / (2 * variances[j, h])
                    score -= math.log(2 * math.pi * variances[j, h]) / 2
                scores.append(score)
            coupling[i] = softmax(np.array(scores))
    return np.stack([active[j] * means[j] / math.sqrt(means[j] @ means[j]) for j in range(capsules)])


def lloyd_step(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Every centre becomes the mean of the points that are nearest to it."""
    members: list[list[np.ndarray]] = [[] for _ in centres]
    for point in points:
        members[int(np.argmin([((point - centre) ** 2).sum() for centre in centres]))].append(point)
    return np.stack([np.mean(group, axis=0) if group else centre for group, centre in zip(members, centres)])


def soft_step(
    points: np.ndarray, centres: np.ndarray, sharpness: float, weights: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return the means of what each centre is given, and `-(1/K) sum_i w_i log sum_j exp(-K |x_i - v_j|**2)`."""
    total, sums, masses = 0.0, np.zeros_like(centres), np.zeros(len(centres))
    for point, weight in zip(points, weights):
        terms = [math.exp(-sharpness * ((point - centre) ** 2).sum()) for centre in centres]
        total -= weight * math.log(sum(terms)) / sharpness
        for j, term in enumerate(terms):
            masses[j] += weight * term / sum(terms)
            sums[j] += weight * term / sum(terms) * point
    return sums / masses[:, None], total
