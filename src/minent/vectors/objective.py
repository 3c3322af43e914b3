"""The exact cost of a library: the minimum-entropy objective, its gradient and its lower bound.

With pairs `p(i, j)` and `q(j | i) = r_j exp s(v_i, c_j) / Z_i` over all `j != i`, the cost is
`S = -sum p(i, j) log q(j | i) = H + sum_i p(i) KL(p(. | i) || q(. | i))`, so no vectors cost less than the conditional
entropy `H`, and the gap is what they fail to say. The score `s` is an inner product (Skip-gram), minus a squared
distance (SNE), or `-log(1 + squared distance)` (t-SNE, its rows normalised): one engine, three kernels. Nothing is
sampled: the softmax runs over the whole vocabulary, a block of rows at a time. Blocks are summed in their order, so
the threads change nothing.

Source: J. Su, kexue.fm/archives/6191.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse

from minent.runtime import ordered_map, thread_count
from minent.vectors import kernels

_BLOCK_ROWS = 256


@dataclass(frozen=True)
class PairCost:
    """The cost of vectors for one distribution of pairs.

    Attributes:
        pairs: `p(i, j)`, sums to one, the diagonal empty, every row with some mass.
        log_base: `log r_j`, the score of neighbour `j` before any vector speaks.
        kernel: `"dot"`, `"gauss"` or `"t"`.
    """

    pairs: sparse.csr_matrix
    log_base: np.ndarray
    kernel: str = "dot"

    @property
    def entropy_bits(self) -> float:
        """`H`, the conditional entropy of the neighbour given the centre, in bits per pair."""
        rows = self.mass
        joint = self.pairs.data
        rows, joint = rows[rows > 0], joint[joint > 0]
        return float((rows @ np.log(rows) - joint @ np.log(joint)) / math.log(2))

    @property
    def mass(self) -> np.ndarray:
        """`p(i)`, the share of the pairs whose centre is `i`."""
        return np.asarray(self.pairs.sum(axis=1)).ravel()

    def bits(self, centres: np.ndarray, contexts: np.ndarray) -> float:
        """Return `S` alone, in bits per pair: a third of the work of its gradient.

        Args:
            centres: `v`, of shape (n, dim), float32 or float64.
            contexts: `c`, likewise.
        """
        with ThreadPoolExecutor(thread_count()) as pool:
            bits = ordered_map(pool, lambda first: self._scored(first, centres, contexts)[0], self._firsts())
            return sum(bits) / math.log(2)

    def __call__(self, centres: np.ndarray, contexts: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return `S` in bits per pair and its gradients, in bits, with respect to both tables.

        Args:
            centres: `v`, of shape (n, dim), float32 or float64.
            contexts: `c`, likewise; pass `centres` itself and add the gradients for one shared table.
        """
        cost = 0.0
        centre_gradient = np.empty_like(centres)
        context_gradient = np.zeros(contexts.shape, dtype=np.float64)
        with ThreadPoolExecutor(thread_count()) as pool:
            blocks = ordered_map(pool, lambda first: self._block(first, centres, contexts), self._firsts())
            for first, (value, centre, context) in zip(self._firsts(), blocks):
                cost += value
                centre_gradient[first : first + _BLOCK_ROWS] = centre
                context_gradient += context
        return cost / math.log(2), centre_gradient, context_gradient.astype(contexts.dtype)

    def _firsts(self) -> range:
        return range(0, self.pairs.shape[0], _BLOCK_ROWS)

    def _scored(self, first: int, centres: np.ndarray, contexts: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """The share of the rows from `first` on, in nats; their `p(i) q(j | i)`; and `ds / dx`, see `scores_of`."""
        block = centres[first : first + _BLOCK_ROWS]
        rows = slice(first, first + len(block) + 1)
        mass = kernels.row_sums(self.pairs.indptr[rows], self.pairs.data)
        scores, slopes = scores_of(self.kernel, block, contexts)
        scores += self.log_base.astype(scores.dtype)
        scores[np.arange(len(block)), first + np.arange(len(block))] = -np.inf
        highest = scores.max(axis=1, keepdims=True)
        paired = kernels.paired_scores(self.pairs.indptr[rows], self.pairs.indices, self.pairs.data, scores)
        np.exp(scores - highest, out=scores)
        normaliser = scores.sum(axis=1, dtype=np.float64)
        scores *= (mass / normaliser).astype(scores.dtype)[:, None]
        return float(mass @ (np.log(normaliser) + highest[:, 0])) - paired, scores, slopes

    def _block(self, first: int, centres: np.ndarray, contexts: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """The share of the rows from `first` on, in nats; the rest in bits: `dS / ds_ij = p(i) q(j | i) - p(i, j)`."""
        block = centres[first : first + _BLOCK_ROWS]
        cost, forces, slopes = self._scored(first, centres, contexts)
        rows = slice(first, first + len(block) + 1)
        kernels.subtract_pairs(self.pairs.indptr[rows], self.pairs.indices, self.pairs.data, forces)
        forces /= math.log(2)
        return cost, *pulled(self.kernel, forces, slopes, block, contexts)


def scores_of(kernel: str, centres: np.ndarray, contexts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return `s(v_i, c_j)` and, for the t kernel, `1 / (1 + |v_i - c_j|^2)`, by which its pull falls off.

    Args:
        kernel: One of `KERNELS`.
        centres: (rows, dim).
        contexts: (columns, dim).
    """
    products = centres @ contexts.T
    if kernel == "dot":
        return products, products[:0]
    products *= -2
    products += np.square(contexts).sum(axis=1)
    products += np.square(centres).sum(axis=1)[:, None]
    np.maximum(products, 0, out=products)
    if kernel == "gauss":
        return np.negative(products, out=products), products[:0]
    slopes = 1 / (1 + products)
    return np.log(slopes, out=products), slopes


def pulled(
    kernel: str, forces: np.ndarray, slopes: np.ndarray, centres: np.ndarray, contexts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Carry forces on the scores over to the vectors: the gradients of the centres and of the contexts.

    Args:
        kernel: One of `KERNELS`.
        forces: `dS / ds_ij`, (rows, columns); overwritten.
        slopes: What `scores_of` gave beside the scores.
        centres: (rows, dim).
        contexts: (columns, dim).
    """
    if kernel == "dot":
        return forces @ contexts, forces.T @ centres
    if kernel == "t":
        forces *= slopes
    for_centres = 2 * (forces @ contexts - forces.sum(axis=1)[:, None] * centres)
    for_contexts = 2 * (forces.T @ centres - forces.sum(axis=0)[:, None] * contexts)
    return for_centres, for_contexts


def door_bits(table: np.ndarray, mass: np.ndarray, price: float) -> tuple[float, np.ndarray]:
    """Return the walk from the door, `price * sum p(i) |v_i|`, and its gradient.

    Args:
        table: `v`, (n, dim).
        mass: `p(i)`, (n,).
        price: Bits per unit of length.
    """
    lengths = np.linalg.norm(table, axis=1)
    outward = np.divide(mass, lengths, out=np.zeros_like(mass), where=lengths > 0)
    return price * float(mass @ lengths), (price * outward[:, None] * table).astype(table.dtype)
