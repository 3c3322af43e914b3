"""The cost of a large library, from a sample: every neighbour that was met counts, of the others some stand for all.

The normaliser splits into the tokens met beside the centre, which are summed whole, and the rest, of which each block
of rows draws its own sample. Token `j` is drawn with the probability `pi_j`, and its score is corrected by `-log pi_j`,
so the sum is right in expectation; tokens with `pi_j = 1`, the frequent ones, add no noise at all. A sample is fixed by
the seed, the round and the block, so the cost is an ordinary function of the vectors and the same on any number of
threads.

Source: J. Su, kexue.fm/archives/6191; S. Jean et al. (2015), arXiv:1412.2007 (corrected logits); Horvitz & Thompson
(1952) and Madow (1949), systematic sampling with unequal probabilities.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from minent.vectors import kernels
from minent.vectors.config import KERNELS
from minent.vectors.objective import PairCost, pulled, scores_of

_BLOCK_ROWS = 256
_FLATTENING = 0.75  # as in word2vec: samples follow a flatter law than the neighbours do


@dataclass(frozen=True)
class SampledCost:
    """A `PairCost` whose normalisers are estimated.

    Attributes:
        exact: The cost that is estimated.
        samples: How many tokens each block of rows draws.
        seed: Of the samples.
        round: Another round draws other samples.
    """

    exact: PairCost
    samples: int
    seed: int = 0
    round: int = 0

    @cached_property
    def inclusion(self) -> np.ndarray:
        """`pi_j`, with the sum `samples` (or all ones): proportional to a power of `r_j`, none above one."""
        weights = np.exp(_FLATTENING * (self.exact.log_base - self.exact.log_base.max()))
        if self.samples >= len(weights):
            return np.ones(len(weights))
        sure = np.zeros(len(weights), dtype=bool)
        while True:
            left = self.samples - sure.sum()
            inclusion = np.where(sure, 1.0, left * weights / weights[~sure].sum())
            if (inclusion <= 1.0).all():
                return inclusion
            sure |= inclusion >= 1.0

    def drawn(self, first: int) -> np.ndarray:
        """Return the tokens, rising, that stand for all in the block of rows from `first` on."""
        random = np.random.default_rng([self.seed, self.round, first])
        order = random.permutation(len(self.inclusion))
        steps = np.floor(np.cumsum(self.inclusion[order]) + random.random())
        return np.sort(order[np.diff(steps, prepend=0.0) > 0])

    def __call__(self, centres: np.ndarray, contexts: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return an estimate of `S` in bits per pair and its gradients, in bits; see `PairCost`.

        Args:
            centres: `v`, of shape (n, dim), float32 or float64.
            contexts: `c`, likewise.
        """
        cost = 0.0
        centre_gradient = np.empty_like(centres)
        context_gradient = np.zeros(contexts.shape, dtype=np.float64)
        for first in self.firsts():
            value, centre, context = self.block(first, centres, contexts)
            cost += value
            centre_gradient[first : first + len(centre)] = centre
            context_gradient += context
        return cost, centre_gradient, context_gradient.astype(contexts.dtype)

    def firsts(self) -> range:
        """The first row of each block."""
        return range(0, self.exact.pairs.shape[0], _BLOCK_ROWS)

    def block(self, first: int, centres: np.ndarray, contexts: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return the share of the rows from `first` on: its bits, and its gradients for those centres and all contexts.

        Args:
            first: One of `firsts()`.
            centres: `v`, (n, dim).
            contexts: `c`, (n, dim).
        """
        pairs, kernel, kind = self.exact.pairs, self.exact.kernel, KERNELS.index(self.exact.kernel)
        block = centres[first : first + _BLOCK_ROWS]
        begins = pairs.indptr[first : first + len(block) + 1]
        met = slice(begins[0], begins[-1])
        mass = kernels.row_sums(begins, pairs.data)
        drawn = self.drawn(first)
        scores, slopes = scores_of(kernel, block, contexts[drawn])
        scores += (self.exact.log_base[drawn] - np.log(self.inclusion[drawn])).astype(scores.dtype)
        place = np.full(len(contexts), -1, dtype=np.int64)
        place[drawn] = np.arange(len(drawn))
        kernels.hide(begins, pairs.indices, first, place, scores)
        met_scores, met_slopes = np.empty((2, begins[-1] - begins[0]), dtype=np.float64)
        kernels.score_pairs(begins, pairs.indices, block, contexts, kind, met_scores, met_slopes)
        met_scores += self.exact.log_base[pairs.indices[met]]
        highest = np.maximum(scores.max(axis=1, initial=-np.inf), kernels.row_maxima(begins, met_scores))
        highest = np.where(np.isfinite(highest), highest, 0)
        row = np.repeat(np.arange(len(block)), np.diff(begins))
        paired = float(pairs.data[met] @ met_scores)
        np.exp(scores - highest[:, None].astype(scores.dtype), out=scores)
        forces = np.exp(met_scores - highest[row])
        normaliser = scores.sum(axis=1, dtype=np.float64) + np.bincount(row, forces, len(block))
        share = mass / normaliser / math.log(2)
        scores *= share[:, None].astype(scores.dtype)
        forces = (forces * share[row] - pairs.data[met] / math.log(2)) * met_slopes
        for_contexts = np.zeros_like(contexts)
        for_centres, for_contexts[drawn] = pulled(kernel, scores, slopes, block, contexts[drawn])
        kernels.pull_pairs(begins, pairs.indices, forces, block, contexts, kind, for_centres, for_contexts)
        cost = float(mass @ (np.log(normaliser) + highest)) - paired
        return cost / math.log(2), for_centres, for_contexts
