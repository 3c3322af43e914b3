"""From texts to a tokenizer: cut, count, prune."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from minent import artifacts, runtime
from minent.errors import InputError
from minent.tokenizer import lattice, lexicon
from minent.tokenizer.config import TokenizerConfig
from minent.tokenizer.lexicon import Lexicon
from minent.tokenizer.model import Tokenizer
from minent.tokenizer.text import Rows, gather


def train(
    texts: Iterable[str], config: TokenizerConfig | None = None, *, progress: runtime.Reporter = runtime.silent
) -> Any:
    """Learn a tokenizer from texts.

    The texts are read once and held as bytes; peak memory is about 45 times that.

    Args:
        texts: Any iterable of str; an iterator will do.
        config: What is wanted; None takes the defaults.
        progress: Told what is being done.

    Returns:
        A `Tokenizer`; or, where `config.vocab_size` is a tuple, a tuple of them in the same order, each vocabulary a
        part of the next larger. A text that holds fewer pieces than were asked for gives a smaller vocabulary, and
        `vocab_size` says which.

    Raises:
        InputError: No character in the texts, a value that is no str, or a lone surrogate; its place is named.

    Source:
        J. Su, kexue.fm/archives/9752; `Trainer` of bytepiece 0.6.3. A step inside a character that the pruning of
        n-grams removed keeps a finite score here, unless `config.faithful`.

    Example:
        >>> from minent import samples
        >>> texts = samples.load("subjectivity").unlabeled[:1000]
        >>> small, large = train(texts, TokenizerConfig(vocab_size=(500, 1000)))
        >>> set(small.pieces) < set(large.pieces)
        True
    """
    config = TokenizerConfig() if config is None else config
    if not isinstance(config, TokenizerConfig):
        raise InputError(f"config is {type(config).__name__}; it takes a TokenizerConfig.")
    progress(runtime.Progress("read texts", 0, None, "texts"))
    chunks, text_count = gather(texts, config.normalization, config.isolate_digits)
    size = len(chunks.buffer)
    progress(runtime.Progress("read texts", text_count, text_count, "texts"))

    min_count = config.min_count_for(size)
    progress(runtime.Progress("count n-grams", 0, size, "bytes"))
    ngrams = lattice.count(chunks, config.order, min_count)
    progress(runtime.Progress("count n-grams", size, size, "bytes", f"{len(ngrams.scores)} different ones"))

    progress(runtime.Progress("cut into pieces", 0, size, "bytes"))
    cuts = lattice.cut(chunks, ngrams, ensure_unicode=config.ensure_unicode, floor=not config.faithful)
    del ngrams  # the largest arrays of the run
    counted = lexicon.count(cuts)
    progress(runtime.Progress("cut into pieces", size, size, "bytes", f"{len(counted.pieces)} different ones"))

    lexica = lexicon.prune(
        counted,
        sorted(config.sizes, reverse=True),
        min_count=min_count,
        max_piece_length=config.max_piece_length,
        faithful=config.faithful,
        report=lambda now, wanted: progress(
            runtime.Progress("prune pieces", now, None, "pieces", f"{wanted} are wanted")
        ),
    )
    by_size = dict(zip(sorted(config.sizes, reverse=True), lexica))
    made = tuple(_finish(by_size[size], replace(config, vocab_size=size), chunks, text_count) for size in config.sizes)
    return made if isinstance(config.vocab_size, tuple) else made[0]


def _finish(found: Lexicon, config: TokenizerConfig, chunks: Rows, text_count: int) -> Tokenizer:
    """Give ids by length and bytes, and note what the report will tell."""
    by_length = sorted(range(len(found.pieces)), key=lambda i: (len(found.pieces[i]), found.pieces[i]))
    pieces = [found.pieces[i] for i in by_length]
    counts = found.counts[by_length]
    scores = lexicon.log_scores(counts, config.faithful)
    used = lexicon.usage(found, chunks, config.faithful)[by_length]
    tokens = int(used.sum())
    facts = {
        "asked_vocab_size": config.vocab_size,
        "min_count": config.min_count_for(len(chunks.buffer)),
        "texts": text_count,
        "bytes": len(chunks.buffer),
        "tokens": tokens,
        "bytes_per_token": round(len(chunks.buffer) / tokens, 4),
        "pieces": _most_used(pieces, used, 60),
    }
    inputs = {"texts": artifacts.digest_arrays(chunks.buffer)}
    return Tokenizer(
        pieces, counts, scores, normalization=config.normalization, config=config, facts=facts, inputs=inputs
    )


def _most_used(pieces: list[bytes], used: np.ndarray, limit: int) -> list[dict[str, Any]]:
    """The pieces used most on the training text, of those that a person can read: whole characters only."""
    readable: list[dict[str, Any]] = []
    for i in np.argsort(-used, kind="stable"):
        if len(readable) == limit or not used[i]:
            break
        try:
            readable.append({"piece": pieces[i].decode(), "count": int(used[i])})
        except UnicodeDecodeError:
            continue
    return readable
