"""The slow and obvious twins of what `minent.encoders` does in whole arrays."""

from __future__ import annotations

from itertools import pairwise

import numpy as np


def toeplitz(weight: np.ndarray, inputs: np.ndarray, max_length: int) -> np.ndarray:
    """One row: `outputs[i, c] = sum_j weight[head of c, j - i] inputs[j, c]`."""
    length, channels = inputs.shape
    outputs = np.zeros_like(inputs)
    for i in range(length):
        for j in range(length):
            for c in range(channels):
                head = c * len(weight) // channels
                outputs[i, c] += weight[head, max_length - 1 + j - i] * inputs[j, c]
    return outputs


def attention(queries: np.ndarray, keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    """One head over one row, with each pair of channels turned by its position."""
    turned_queries, turned_keys = rotate(queries), rotate(keys)
    outputs = np.zeros_like(values)
    for i in range(len(queries)):
        scores = turned_keys @ turned_queries[i] / np.sqrt(queries.shape[1])
        weights = np.exp(scores - scores.max())
        outputs[i] = (weights / weights.sum()) @ values
    return outputs


def rotate(vectors: np.ndarray) -> np.ndarray:
    """Pair `c` is the complex number `x[c] + i x[c + half]`, times `exp(i position 10000**(-2c / dim))`."""
    half = vectors.shape[1] // 2
    turned = np.empty_like(vectors)
    for position, vector in enumerate(vectors):
        for c in range(half):
            angle = position * 10_000.0 ** (-c / half)
            number = complex(vector[c], vector[c + half]) * complex(np.cos(angle), np.sin(angle))
            turned[position, c], turned[position, c + half] = number.real, number.imag
    return turned


def cut(starts: list[int], length: int) -> tuple[list[int], list[int]]:
    """Windows of at most `length` tokens, and the row of each."""
    begins, owners = [], []
    for row, (begin, end) in enumerate(pairwise(starts)):
        for window in range(begin, end, length):
            begins.append(window)
            owners.append(row)
    return [*begins, starts[-1]], owners


def pack(texts: list[list[int]], prompted: list[bool], prompt: list[int], eos: int) -> list[int]:
    """Texts end to end, each behind its prompt and before eos."""
    stream: list[int] = []
    for text, has_prompt in zip(texts, prompted):
        stream += [*(prompt if has_prompt else []), *text, eos]
    return stream
