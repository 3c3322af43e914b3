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


def mean_token_score(hidden: np.ndarray, table: np.ndarray, tokens: list[int]) -> float:
    """The score of a class: the mean over its words' tokens of the tied output's score."""
    return float(np.mean([hidden @ table[token] for token in tokens]))
