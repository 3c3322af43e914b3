"""Fit vectors: count, start from the singular vectors of the mutual information, then minimise the exact cost."""

from __future__ import annotations

import time
from collections.abc import Iterable

import numpy as np
import scipy.sparse as sparse
from threadpoolctl import threadpool_limits

from minent import artifacts
from minent.errors import InputError
from minent.runtime import Progress, Reporter, silent
from minent.vectors.config import FOR_WORDS, VectorsConfig, dimension_for
from minent.vectors.counting import checked_rows, cooccurrence
from minent.vectors.lexicon import Lexicon, Pieces, check_several
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
    lexicon: Lexicon | None = None,
    progress: Reporter = silent,
) -> Vectors:
    """Learn one vector per token id from which tokens stand near which.

    The result depends on the data, the config and its seed, never on the number of threads.

    Args:
        ids: Token ids of all texts end to end, each in `[0, vocab_size)`.
        starts: Where each text starts in `ids`, then `len(ids)`; never falling.
        vocab_size: Number of ids; the rows of the result. An id that never stands beside another gets the zero vector.
        config: What to choose; the defaults when None.
        lexicon: The names of the ids, kept with the vectors so that words can be asked for.
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
    if lexicon is not None and len(lexicon) != vocab_size:
        raise InputError(
            f"lexicon names {len(lexicon)} ids, but vocab_size is {vocab_size}. Give the lexicon of the ids."
        )
    ids, starts = checked_rows(ids, starts, vocab_size)
    began = time.perf_counter()
    frequencies = np.bincount(ids, minlength=vocab_size).astype(np.int64)
    progress(Progress("count neighbours", 0, len(ids), "tokens"))
    counts = cooccurrence(
        ids, starts, vocab_size=vocab_size, window=config.window, weighting=config.weighting, directed=config.directed
    )
    beside = np.diff(counts.indptr) + np.bincount(counts.indices, minlength=vocab_size)
    met = np.flatnonzero(beside)  # of directed pairs, some are only ever the second
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
        lexicon=lexicon and Lexicon(lexicon.units, frequencies, lexicon.is_cut),
    )


def train_words(
    texts: Iterable[str],
    pieces: Pieces,
    *,
    config: VectorsConfig | None = None,
    min_count: int = 5,
    most: int = 60_000,
    progress: Reporter = silent,
) -> Vectors:
    """Learn one vector per word of raw texts, in any script.

    Args:
        texts: A re-iterable of str, such as a list; each is a document, and no window leaves it.
        pieces: A tokenizer, trained on such texts.
        config: What to choose; None for `FOR_WORDS`: the singular vectors, frequent words thinned strongly.
        min_count: Words rarer than this are composed of fragments.
        most: Bound on the number of words and fragments.
        progress: Called after each stage.

    Returns:
        Vectors with a lexicon.

    Raises:
        InputError: The texts hold no word, are one str, or can be read only once.

    Example:
        >>> from minent import tokenizer
        >>> texts = ["the cat sat", "a cat ran", "the dog sat", "a dog ran"] * 5
        >>> learnt = train_words(texts, tokenizer.train(texts, tokenizer.TokenizerConfig(vocab_size=300)))
        >>> learnt.nearest("Cat", k=1)[0][0]
        'dog'
    """
    config = config or FOR_WORDS
    check_several(texts)
    if iter(texts) is texts:
        raise InputError("texts can be read only once, and it is read twice. Give a list: list(texts).")
    progress(Progress("find words", 0, None, "texts"))
    lexicon = Lexicon.learn(texts, pieces, min_count=min_count, most=most)
    ids, starts = lexicon.encode_arrays(texts)
    return train(ids, starts, vocab_size=len(lexicon), config=config, lexicon=lexicon, progress=progress)


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
