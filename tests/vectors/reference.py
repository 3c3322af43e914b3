"""The slow obvious twins: plain loops over tokens, pairs and words."""

from __future__ import annotations

import itertools
import math

import numpy as np


def cooccurrence(ids, starts, vocab_size, window, weighting):
    counts = np.zeros((vocab_size, vocab_size), dtype=np.int64)
    for first, end in itertools.pairwise(starts):
        for left in range(first, end):
            for right in range(first, end):
                distance = abs(left - right)
                if 0 < distance <= window and ids[left] != ids[right]:
                    counts[ids[left], ids[right]] += window + 1 - distance if weighting == "linear" else 1
    return counts


def likelihoods(log_base, centres, contexts):
    """`q(j | i)` over all `j != i`."""
    size = len(centres)
    q = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            q[i, j] = 0.0 if i == j else math.exp(log_base[j] + centres[i] @ contexts[j])
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


def text_vector(matrix, frequencies, common, ids, smoothing):
    if len(ids) == 0:
        return np.zeros(matrix.shape[1])
    total = frequencies.sum()
    mean = sum(smoothing / (smoothing + frequencies[id_] / total) * matrix[id_].astype(float) for id_ in ids) / len(ids)
    return mean - (mean @ common.astype(float)) * common
