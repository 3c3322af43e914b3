"""The exact cost of a library: the minimum-entropy objective, its gradient and its lower bound.

With pairs `p(i, j)` and `q(j | i) = r_j exp<v_i, c_j> / Z_i` over all `j != i`, the cost is
`S = -sum p(i, j) log q(j | i) = H + sum_i p(i) KL(p(. | i) || q(. | i))`, so no vectors cost less than the conditional
entropy `H`, and the gap is what they fail to say. Nothing is sampled: the softmax runs over the whole vocabulary, a
block of rows at a time. Blocks are summed in their order, so the threads change nothing.

Source: J. Su, kexue.fm/archives/6191.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse

from minent.runtime import thread_count

_BLOCK_ROWS = 256


@dataclass(frozen=True)
class PairCost:
    """The cost of vectors for one distribution of pairs.

    Attributes:
        pairs: `p(i, j)`, sums to one, the diagonal empty, every row and column with some mass.
        log_base: `log r_j`, the score of neighbour `j` before any vector speaks.
    """

    pairs: sparse.csr_matrix
    log_base: np.ndarray

    @property
    def entropy_bits(self) -> float:
        """`H`, the conditional entropy of the neighbour given the centre, in bits per pair."""
        rows = np.asarray(self.pairs.sum(axis=1)).ravel()
        joint = self.pairs.data
        return float((rows @ np.log(rows) - joint @ np.log(joint)) / math.log(2))

    def __call__(self, centres: np.ndarray, contexts: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return `S` in bits per pair and its gradients, in bits, with respect to both tables.

        Args:
            centres: `v`, of shape (n, dim), float32 or float64.
            contexts: `c`, likewise; pass `centres` itself and add the gradients for one shared table.
        """
        cost = 0.0
        centre_gradient = np.empty_like(centres)
        context_gradient = np.zeros(contexts.shape, dtype=np.float64)
        firsts = range(0, len(centres), _BLOCK_ROWS)
        with ThreadPoolExecutor(thread_count()) as pool:
            blocks = pool.map(lambda first: self._block(first, centres, contexts), firsts)
            for first, (value, centre, context) in zip(firsts, blocks):
                cost += value
                centre_gradient[first : first + _BLOCK_ROWS] = centre
                context_gradient += context
        return cost, centre_gradient, context_gradient.astype(contexts.dtype)

    def _block(self, first: int, centres: np.ndarray, contexts: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """The share of the rows from `first` on: `dS / d<v_i, c_j> = p(i) q(j | i) - p(i, j)`."""
        block = centres[first : first + _BLOCK_ROWS]
        pairs = self.pairs[first : first + _BLOCK_ROWS]
        mass = np.asarray(pairs.sum(axis=1)).ravel()
        at = np.repeat(np.arange(len(block)), np.diff(pairs.indptr)), pairs.indices
        scores = block @ contexts.T
        scores += self.log_base.astype(scores.dtype)
        scores[np.arange(len(block)), first + np.arange(len(block))] = -np.inf
        highest = scores.max(axis=1, keepdims=True)
        paired = pairs.data @ scores[at].astype(np.float64)
        np.exp(scores - highest, out=scores)
        normaliser = scores.sum(axis=1, dtype=np.float64)
        cost = mass @ (np.log(normaliser) + highest[:, 0]) - paired
        scores *= (mass / normaliser).astype(scores.dtype)[:, None]
        scores[at] -= pairs.data.astype(scores.dtype)
        scores /= math.log(2)
        return float(cost) / math.log(2), scores @ contexts, scores.T @ block
