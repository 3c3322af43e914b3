"""Fit vectors: count, start from the singular vectors of the mutual information, then minimise the exact cost."""

from __future__ import annotations

import time

import numpy as np
import scipy.optimize
import scipy.sparse as sparse
from threadpoolctl import threadpool_limits

from minent import artifacts
from minent.lowrank import svd
from minent.runtime import Progress, Reporter, silent
from minent.vectors.config import VectorsConfig, dimension_for
from minent.vectors.counting import checked_rows, cooccurrence
from minent.vectors.objective import PairCost
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
    counts = cooccurrence(ids, starts, vocab_size=vocab_size, window=config.window, weighting=config.weighting)
    met = np.flatnonzero(np.diff(counts.indptr))
    dim = config.dim or dimension_for(vocab_size)
    matrix = np.zeros((vocab_size, dim), dtype=np.float32)
    curve, entropy = [0.0], 0.0
    with threadpool_limits(1, user_api="blas"):  # blocks run on our threads; the sums inside one never depend on them
        if len(met):
            pairs = _distribution(counts[met][:, met], frequencies[met], config.subsample)
            cost = PairCost(pairs, _log_base(pairs, config.context_power))
            centres, contexts = _start(cost, min(dim, len(met) - 1), config.seed)
            progress(Progress("fit word vectors", 0, config.max_iterations, "steps"))
            centres, curve = _minimise(cost, centres, contexts, config, progress)
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
    base = power * np.log(np.asarray(pairs.sum(axis=0)).ravel())
    return base - np.log(np.exp(base).sum())


def _start(cost: PairCost, dim: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Both tables from the singular vectors of the positive part of `log p(j | i) - log r_j`."""
    pairs = cost.pairs
    rows = np.asarray(pairs.sum(axis=1)).ravel()
    scores = pairs.copy()
    at = np.repeat(np.arange(len(rows)), np.diff(pairs.indptr))
    scores.data = np.maximum(0.0, np.log(pairs.data) - np.log(rows)[at] - cost.log_base[pairs.indices])
    scores.eliminate_zeros()
    factors = svd(scores, rank=dim, seed=seed)
    root = np.sqrt(factors.s)
    return (factors.u * root).astype(np.float32), (factors.vt.T * root).astype(np.float32)


def _minimise(
    cost: PairCost, centres: np.ndarray, contexts: np.ndarray, config: VectorsConfig, progress: Reporter
) -> tuple[np.ndarray, list[float]]:
    """Follow L-BFGS from the start; returns the centres and the cost, in bits per pair, at the start and every step.

    The curvature along a token's vector grows with its share of the pairs, so L-BFGS sees each row scaled by the root
    of its share: rare tokens then move as readily as frequent ones.
    """
    shared = config.tables == "shared"
    start = centres if shared else np.concatenate([centres, contexts])
    mass = np.asarray(cost.pairs.sum(axis=1))
    mass = mass if shared else np.concatenate([mass, mass])
    scale = np.sqrt(mass)
    n, dim = centres.shape

    def value(flat: np.ndarray) -> tuple[float, np.ndarray]:
        table = (flat.reshape(-1, dim) / scale).astype(np.float32)
        bits, for_centres, for_contexts = cost(table[:n], table[-n:])
        gradient = for_centres + for_contexts if shared else np.concatenate([for_centres, for_contexts])
        return bits, (gradient / scale).ravel()

    def step(intermediate_result: scipy.optimize.OptimizeResult) -> None:
        curve.append(float(intermediate_result.fun))
        note = f"{curve[-1]:.3f} bits per pair"
        progress(Progress("fit word vectors", len(curve) - 1, config.max_iterations, "steps", note))

    flat = (start * scale).ravel()
    curve = [float(value(flat)[0])]
    if config.max_iterations:
        options = {"maxiter": config.max_iterations}
        flat = scipy.optimize.minimize(value, flat, jac=True, method="L-BFGS-B", callback=step, options=options).x
    return (flat.reshape(-1, dim) / scale)[:n].astype(np.float32), curve
