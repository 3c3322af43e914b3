"""Vectors of whole texts: a weighted mean of word vectors, less what all texts share.

Source: S. Arora, Y. Liang, T. Ma (2017), "A simple but tough-to-beat baseline for sentence embeddings" (SIF).
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse


def text_means(
    matrix: np.ndarray, frequencies: np.ndarray, ids: np.ndarray, starts: np.ndarray, smoothing: float
) -> np.ndarray:
    """Return the mean of `a / (a + p(token))` times its vector over each text; zero for a text without tokens.

    Args:
        matrix: Word vectors, (vocab_size, dim).
        frequencies: How often each id stood in the training texts.
        ids: Token ids of the texts end to end.
        starts: Where each text starts, then `len(ids)`.
        smoothing: `a`, above 0.
    """
    share = frequencies / max(1, frequencies.sum())
    weights = (smoothing / (smoothing + share)).astype(np.float32)
    lengths = np.diff(starts)
    spread = sparse.csr_matrix((weights[ids], ids, starts), shape=(len(lengths), len(matrix)))
    return np.asarray(spread @ matrix) / np.maximum(lengths, 1).astype(np.float32)[:, None]


def common_direction(means: np.ndarray) -> np.ndarray:
    """Return the unit vector along the mean of the training texts' vectors, of shape (dim,).

    SIF takes out the first principal component, which is this direction as long as what texts share outweighs what
    tells them apart. In few topics it does not: then the component is the topic, and taking it out takes the class.
    """
    mean = means.mean(axis=0, dtype=np.float64) if len(means) else np.zeros(means.shape[1])
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-30)).astype(np.float32)


def without(vectors: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return the rows of `vectors` less their parts along the unit vector `direction`."""
    return vectors - (vectors @ direction)[:, None] * direction
