"""Training as bytepiece 0.6.3 does it: cut by the byte n-gram model, count, prune.

Source: J. Su, kexue.fm/archives/9752; `Trainer` of bytepiece 0.6.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from minent import artifacts, runtime
from minent.tokenizer import lattice, lexicon
from minent.tokenizer.config import TokenizerConfig
from minent.tokenizer.text import gather


def train(
    texts: Iterable[str], config: TokenizerConfig, progress: runtime.Reporter
) -> Iterator[tuple[list[bytes], np.ndarray, np.ndarray, np.ndarray, dict[str, int], dict[str, str]]]:
    """Yield for each size, falling: pieces, counts, scores, uses on the training text, facts, and digests of it."""
    progress(runtime.Progress("read texts", 0, None, "texts"))
    chunks, text_count = gather(texts, config.normalization, config.isolate_digits)
    size = len(chunks.buffer)
    progress(runtime.Progress("read texts", text_count, text_count, "texts"))

    min_count = config.min_count_for(size)
    progress(runtime.Progress("count n-grams", 0, size, "bytes"))
    ngrams = lattice.count(chunks, config.order, min_count)
    progress(runtime.Progress("count n-grams", size, size, "bytes", f"{len(ngrams.scores)} different ones"))

    progress(runtime.Progress("cut into pieces", 0, size, "bytes"))
    cuts = lattice.cut(chunks, ngrams, ensure_unicode=config.ensure_unicode)
    del ngrams  # the largest arrays of the run
    counted = lexicon.count(cuts)
    progress(runtime.Progress("cut into pieces", size, size, "bytes", f"{len(counted.pieces)} different ones"))

    sizes = sorted(config.sizes, reverse=True)
    lexica = lexicon.prune(
        counted,
        sizes,
        min_count=min_count,
        max_piece_length=config.max_piece_length,
        faithful=True,
        report=lambda now, wanted: progress(
            runtime.Progress("prune pieces", now, None, "pieces", f"{wanted} are wanted")
        ),
    )
    facts = {"texts": text_count, "bytes": size, "min_count": min_count}
    for found in lexica:
        scores = lexicon.log_scores(found.counts, faithful=True)
        used = lexicon.usage(found, chunks, faithful=True)
        yield found.pieces, found.counts, scores, used, facts, {"texts": artifacts.digest_arrays(chunks.buffer)}
