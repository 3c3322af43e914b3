"""BytePiece: a tokenizer learnt from your own text, lossless on any text, with no merges and no word list.

Two byte language models make it. A byte n-gram model cuts the training text where the bytes are least predictable
(`lattice`); the parts are counted, and the rare and the wasted are given back to the others until the vocabulary fits
(`lexicon`). To encode is to find the likeliest way to write a text as a row of pieces (`trie`).

    >>> from minent import samples, tokenizer
    >>> texts = samples.load("subjectivity").unlabeled[:1000]
    >>> learnt = tokenizer.train(texts, tokenizer.TokenizerConfig(vocab_size=1000))
    >>> learnt.tokenize("the story is about a film .")
    [b'the story ', b'is', b' about ', b'a', b' film', b' .']
    >>> learnt.decode(learnt.encode("a café, a 猫")) == "a café, a 猫"
    True

Ids 0, 1, 2 are padding, begin and end; ids 3 to 258 are the 256 bytes, so nothing is ever unknown.

Source: J. Su, kexue.fm/archives/9752 (BytePiece), 9768 and 9811 (sampling), 3956 (the lattice); bytepiece 0.6.3.
"""

from minent.tokenizer.config import TokenizerConfig
from minent.tokenizer.model import Tokenizer
from minent.tokenizer.training import train

__all__ = ["Tokenizer", "TokenizerConfig", "train"]
