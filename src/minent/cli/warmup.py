"""`minent warmup`: compile the inner loops of text and vectors now, so that no later run waits for it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minent.tokenizer import Tokenizer

TEXTS = ["so it goes, and so it went on 猫\n" * 40] * 3
_WORDS = [
    "the",
    "cat",
    "sat",
    "on",
    "a",
    "mat",
    "and",
    "saw",
    "many",
    "other",
    "words",
    "of",
    "text",
    "猫",
    "说",
    "话\n",
]
_DRAWN = 80_000


def warmup() -> None:
    """Compile the inner loops of tokenizers and word vectors, and say where they are kept."""
    begun = time.perf_counter()
    learnt = _tokenizers()
    _vectors(learnt)
    place = os.environ.get("NUMBA_CACHE_DIR") or "the __pycache__ folders of minent"
    print(f"the inner loops are compiled for this machine, and kept in {place} ({time.perf_counter() - begun:.1f} s)")


def _tokenizers() -> Tokenizer:
    from minent import tokenizer

    learnt: Tokenizer = tokenizer.train([_varied()], tokenizer.TokenizerConfig(vocab_size=300, min_count=2))
    faithful: Tokenizer = tokenizer.train(TEXTS, tokenizer.TokenizerConfig(vocab_size=300, faithful=True))
    for made in (learnt, faithful):
        text = "".join(TEXTS)
        made.cut(text, 9)
        ids, _ = made.encode_arrays(TEXTS)
        made.encode("so it goes")
        made.encode_arrays(["so it goes 猫" * 80_000])  # enough for the loops over characters and for several threads
        made.encode(text, alpha=0.1, seed=0)
        made.marginals(text)
        made.decode(list(ids) * 20)
        stream = made.stream()
        stream.feed(text)
        stream.finish()
    return learnt


def _vectors(learnt: Tokenizer) -> None:
    import numpy as np

    from minent import vectors

    ids, starts = learnt.encode_arrays(TEXTS)
    for solver in ("exact", "sampled"):
        config = vectors.VectorsConfig(solver=solver, max_iterations=2)
        vectors.train(ids, starts.astype(np.int64), vocab_size=learnt.vocab_size, config=config).map(9)
    vectors.train_words(TEXTS, learnt)
    vectors.LibraryPlanner(np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])).plan([[0, 2], [0, 2], [1]], items=3)


def _varied() -> str:
    """Words in a drawn order: enough that pieces must be given up, tables grow, and two threads have a part each."""
    import numpy as np

    return " ".join(_WORDS[i] for i in np.random.default_rng(0).integers(0, len(_WORDS), _DRAWN))
