"""Fit vectors: count, start from the singular vectors of the mutual information, then minimise the exact cost."""

from __future__ import annotations

import time

import numpy as np
import scipy.sparse as sparse
from threadpoolctl import threadpool_limits

from minent import artifacts
from minent.runtime import Progress, Reporter, silent
from minent.vectors.config import VectorsConfig, dimension_for
from minent.vectors.counting import checked_rows, cooccurrence
from minent.vectors.objective import PairCost
from minent.vectors.solving import minimise, start
from minent.vectors.texts import common_direction, text_means
from minent.vectors.vectors import Vectors


def train(
    ids: np.ndarray,
    starts: np.ndarray,
    *,
    vocab_size: int,
    config: VectorsConfig | None = None,
    progress: Reporter = silent,
) -> Vectors:
    """Learn one vector per token id from which tokens stand near which.

    The result depends on the data, the config and its seed, never on the number of threads.

    Args:
        ids: Token ids of all texts end to end, each in `[0, vocab_size)`.
        starts: Where each text starts in `ids`, then `len(ids)`; never falling.
        vocab_size: Number of ids; the rows of the result. An id that never stands beside another gets the zero vector.
        config: What to choose; the defaults when None.
        progress: Called after counting, after the start and after every step.

    Returns:
        The vectors, with the cost they reach in bits per pair and the entropy below which no vectors can get.

    Raises:
        InputError: An id outside the vocabulary, or starts that do not cover the ids.

    Source:
        J. Su, kexue.fm/archives/6191 (the objective); O. Levy and Y. Goldberg (2014) (the start).

    Example:
        >>> ids = np.array([0, 1, 2, 3] * 8, dtype=np.int32)
        >>> learned = train(ids, np.arange(0, 33, 4), vocab_size=4, config=VectorsConfig(dim=2, window=1))
        >>> learned.bits_per_pair >= learned.entropy_bits
        True
    """
    config = config or VectorsConfig()
    ids, starts = checked_rows(ids, starts, vocab_size)
    began = time.perf_counter()
    frequencies = np.bincount(ids, minlength=vocab_size).astype(np.int64)
    progress(Progress("count neighbours", 0, len(ids), "tokens"))
    counts = cooccurrence(ids, starts, vocab_size=vocab_size, window=config.window, weighting=config.weighting, directed=config.directed)
    met = np.flatnonzero(np.diff(counts.indptr))
    dim = config.dim or dimension_for(vocab_size)
    matrix = np.zeros((vocab_size, dim), dtype=np.float32)
    curve, entropy = [0.0], 0.0
    with threadpool_limits(1, user_api="blas"):  # blocks run on our threads; the sums inside one never depend on them
        if len(met):
            pairs = _distribution(counts[met][:, met], frequencies[met], config.subsample)
            cost = PairCost(pairs, _log_base(pairs, config.context_power), config.kernel)
            centres, contexts = start(cost, min(dim, len(met) - 1), config.seed)
            progress(Progress("fit word vectors", 0, config.max_iterations, "steps"))
            centres, _, curve = minimise(cost, centres, contexts, config, progress)
            matrix[met, : centres.shape[1]] = centres
            entropy = cost.entropy_bits
    common = common_direction(text_means(matrix, frequencies, ids, starts, config.text_smoothing))
    return Vectors(
        matrix=matrix,
        counts=frequencies,
        common=common,
        config=config,
        curve=tuple(curve),
        entropy_bits=entropy,
        inputs={"ids": artifacts.digest_arrays(ids, starts)},
        seconds=time.perf_counter() - began,
    )


def _distribution(counts: sparse.csr_matrix, frequencies: np.ndarray, subsample: float) -> sparse.csr_matrix:
    """`p(i, j)`, each count thinned by the chance that both tokens would have been kept."""
    share = frequencies / frequencies.sum()
    kept = np.minimum(1.0, np.sqrt(subsample / share)) if subsample else np.ones(len(share))
    thinned = sparse.csr_matrix(sparse.diags(kept) @ counts @ sparse.diags(kept))
    thinned.data /= thinned.data.sum()
    return thinned


def _log_base(pairs: sparse.csr_matrix, power: float) -> np.ndarray:
    mass = np.asarray(pairs.sum(axis=0)).ravel()
    base = power * np.log(np.maximum(mass, mass[mass > 0].min()))  # of directed pairs, a token may never be the second
    return base - np.log(np.exp(base).sum())
