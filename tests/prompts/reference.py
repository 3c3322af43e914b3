"""The slow and obvious twins of what `minent.prompts` does in whole arrays."""

from __future__ import annotations

import numpy as np


def scatter(table: np.ndarray, prompts: np.ndarray, ids: np.ndarray, mask_id: int) -> np.ndarray:
    """Look up each id: a row of the table, or a prompt vector."""
    rows, length = ids.shape
    embeddings = np.zeros((rows, length, table.shape[1]), dtype=table.dtype)
    for row in range(rows):
        for place in range(length):
            token = ids[row, place]
            embeddings[row, place] = prompts[token - mask_id - 1] if token > mask_id else table[token]
    return embeddings


def mean_token_score(hidden: np.ndarray, table: np.ndarray, bias: np.ndarray, tokens: list[int]) -> float:
    """The score of a class: the mean over its words' tokens of the tied output's score."""
    return float(np.mean([hidden @ table[token] + bias[token] for token in tokens]))


def piece_score(logits: np.ndarray, tokens: list[int]) -> float:
    """The mean log-probability of tokens, the first at the first mask, and so on."""
    total = 0.0
    for place, token in enumerate(tokens):
        total += logits[place, token] - np.log(np.exp(logits[place]).sum())
    return float(total / len(tokens))


def divergence_both_ways(first: np.ndarray, second: np.ndarray) -> float:
    """Half of the two Kullback-Leibler divergences between rows of scores, averaged over the rows."""
    total = 0.0
    for one, other in zip(first.astype(np.float64), second.astype(np.float64)):
        p, q = np.exp(one) / np.exp(one).sum(), np.exp(other) / np.exp(other).sum()
        total += sum(p * np.log(p / q)) + sum(q * np.log(q / p))
    return float(total / 2 / len(first))
