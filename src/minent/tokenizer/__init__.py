"""BytePiece: a tokenizer learnt from your own text, lossless on any text, with no merges and no word list.

Every frequent string of the training text may become a piece (`pool`); the text is cut into the fewest of them
(`passes`), what saves least is given up, and again, until the vocabulary fits (`pruning`). A text is written as ids by
the best way through the pieces (`trie`). `faithful` training is that of bytepiece 0.6.3: a byte n-gram model cuts the
text where bytes are least predictable (`lattice`), and the counted parts are brought down to size (`lexicon`).

    >>> from minent import samples, tokenizer
    >>> texts = samples.load("subjectivity").unlabeled[:1000]
    >>> learnt = tokenizer.train(texts, tokenizer.TokenizerConfig(vocab_size=1000))
    >>> learnt.tokenize("the story is about a film .")
    [b'the ', b'story ', b'is ', b'about ', b'a ', b'film', b' .']
    >>> learnt.decode(learnt.encode("a café, a 猫")) == "a café, a 猫"
    True

Ids 0, 1, 2 are padding, begin and end; ids 3 to 258 are the 256 bytes, so nothing is ever unknown.

Source: J. Su, kexue.fm/archives/9752 (BytePiece), 9768 and 9811 (sampling), 3956 (the lattice); bytepiece 0.6.3.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from minent.tokenizer.config import TokenizerConfig
from minent.tokenizer.model import Tokenizer
from minent.tokenizer.streaming import DecodingStream, EncodingStream

if TYPE_CHECKING:
    from minent.tokenizer.sampling import TextSample as TextSample
    from minent.tokenizer.training import train as train

__all__ = ["DecodingStream", "EncodingStream", "TextSample", "Tokenizer", "TokenizerConfig", "train"]

_LEARNING = {"TextSample": "sampling", "train": "training"}  # compiled loops, which encoding a few texts needs not


def __getattr__(name: str) -> Any:
    if name in _LEARNING:
        return getattr(importlib.import_module(f"minent.tokenizer.{_LEARNING[name]}"), name)
    raise AttributeError(f"module 'minent.tokenizer' has no attribute {name!r}")
