"""The slow obvious twins: plain loops over tokens, pairs and words."""

from __future__ import annotations

import itertools
import math

import numpy as np


def cooccurrence(ids, starts, vocab_size, window, weighting, directed=False):
    counts = np.zeros((vocab_size, vocab_size), dtype=np.int64)
    for first, end in itertools.pairwise(starts):
        for left in range(first, end):
            for right in range(first, end):
                distance = abs(left - right)
                if directed and right < left:
                    continue
                if 0 < distance <= window and ids[left] != ids[right]:
                    counts[ids[left], ids[right]] += window + 1 - distance if weighting == "linear" else 1
    return counts


def score(kernel, v, c):
    squared = sum((a - b) ** 2 for a, b in zip(v, c))
    return {"dot": sum(a * b for a, b in zip(v, c)), "gauss": -squared, "t": -math.log(1 + squared)}[kernel]


def likelihoods(log_base, centres, contexts, kernel="dot"):
    """`q(j | i)` over all `j != i`."""
    size = len(centres)
    q = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            q[i, j] = 0.0 if i == j else math.exp(log_base[j] + score(kernel, centres[i], contexts[j]))
        q[i] /= q[i].sum()
    return q


def cost_bits(pairs, q):
    return -sum(pairs[i, j] * math.log2(q[i, j]) for i, j in zip(*np.nonzero(pairs)))


def entropy_bits(pairs):
    rows = pairs.sum(axis=1)
    return -sum(pairs[i, j] * math.log2(pairs[i, j] / rows[i]) for i, j in zip(*np.nonzero(pairs)))


def divergence_bits(pairs, q):
    """`sum_i p(i) KL(p(. | i) || q(. | i))`."""
    rows = pairs.sum(axis=1)
    return sum(pairs[i, j] * math.log2(pairs[i, j] / rows[i] / q[i, j]) for i, j in zip(*np.nonzero(pairs)))


def gradients(pairs, q, centres, contexts, kernel):
    """The closed forms of `dS/dv` and `dS/dc`, in bits, pair by pair."""
    for_centres, for_contexts = np.zeros_like(centres), np.zeros_like(contexts)
    for i, j in itertools.product(range(len(centres)), repeat=2):
        force = (pairs[i].sum() * q[i, j] - pairs[i, j]) / math.log(2)
        between = centres[i] - contexts[j]
        falloff = 1 / (1 + between @ between) if kernel == "t" else 1.0
        for_centres[i] += force * (contexts[j] if kernel == "dot" else -2 * falloff * between)
        for_contexts[j] += force * (centres[i] if kernel == "dot" else 2 * falloff * between)
    return for_centres, for_contexts


def text_vector(matrix, frequencies, common, ids, smoothing):
    if len(ids) == 0:
        return np.zeros(matrix.shape[1])
    total = frequencies.sum()
    mean = sum(smoothing / (smoothing + frequencies[id_] / total) * matrix[id_].astype(float) for id_ in ids) / len(ids)
    return mean - (mean @ common.astype(float)) * common


def walk(loans, places):
    """Metres of one visit: each loan, each of its items first, each other item second."""
    total = 0.0
    for loan in loans:
        for one in loan:
            total += np.linalg.norm(places[one]) / len(loan)
            for other in loan:
                if other != one:
                    total += np.linalg.norm(places[one] - places[other]) / len(loan) / (len(loan) - 1)
    return total / len(loans)


def cheapest_cut(run, bits, unknown):
    """The least bits over all ways to cut a run into units and single unknown characters."""
    if not run:
        return 0.0
    ways = [unknown + cheapest_cut(run[1:], bits, unknown)]
    ways += [bits[unit] + cheapest_cut(run[len(unit) :], bits, unknown) for unit in bits if run.startswith(unit)]
    return min(ways)


def map_cost(pairs, places):
    """`S` in nats of the t kernel with `p(i, j)` and uniform base."""
    size = len(places)
    total = 0.0
    for i in range(size):
        q = [0.0 if j == i else 1 / (1 + sum((places[i] - places[j]) ** 2)) for j in range(size)]
        total -= sum(pairs[i, j] * math.log(q[j] / sum(q)) for j in range(size) if pairs[i, j])
    return total
