"""Text that comes in parts, and ids that come in parts: the same ids and the same text as all at once."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from minent.errors import InputError
from minent.tokenizer import automaton as automata
from minent.tokenizer.text import normalize, to_utf8

if TYPE_CHECKING:
    from minent.tokenizer.decoding import Decoding
    from minent.tokenizer.encoding import Encoding


class EncodingStream:
    """Encodes a text that comes in parts; `Tokenizer.stream` makes one.

    What it returns in all is `encode` of the whole text. An id is returned as soon as no text to come can change it.
    What is held back is as long as the choice is open: some dozens of bytes in common text, and more only where equal
    ways go on side by side, as in a long run of one character. A special token counts as text: none is looked for.

    Args:
        tokenizer: What encodes.

    Example:
        >>> from minent.tokenizer import TokenizerConfig, train
        >>> learnt = train(["so it goes\\n" * 9], TokenizerConfig(vocab_size=300))
        >>> stream = learnt.stream()
        >>> ids = stream.feed("so i") + stream.feed("t go") + stream.finish()
        >>> ids == learnt.encode("so it go")
        True
    """

    def __init__(self, tokenizer: Encoding) -> None:
        self._tokenizer = tokenizer
        self._begin()

    def _begin(self) -> None:
        known = self._tokenizer._automaton
        self._best, self._totals = automata.window(known)
        self._state = np.uint64(known.root)
        self._before = b""  # the last byte, which tells whether a line begins
        self._ways = np.empty(0, dtype=np.uint32)
        self._held = ""  # text that a later character may compose with

    def feed(self, text: str) -> list[int]:
        """Take more text.

        Args:
            text: What comes next. It may be one character, or nothing.

        Returns:
            The ids that are certain now, and were not before.

        Raises:
            InputError: `text` is no str or holds a lone surrogate; what was taken before stays.
        """
        held = self._held + normalize(text, "none")
        to_utf8(text)
        cut = len(held)
        if self._tokenizer.normalization != "none":
            cut = _last_boundary(held)
        self._held = held[cut:]
        self._ways = np.concatenate((self._ways, self._advance(held[:cut])))
        return self._commit()

    def pending(self) -> list[int]:
        """Say what `finish` would return, and go on.

        Returns:
            The ids of what is held back, as if the text ended here. With those returned before they are `encode` of the
            text so far: so a text that grows is encoded again from its last certain id only.
        """
        kept = self._state, self._best.copy(), self._totals.copy(), self._before
        ways = np.concatenate((self._ways, self._advance(self._held)))
        self._state, self._best, self._totals, self._before = kept
        return _read(ways)

    def finish(self) -> list[int]:
        """End the text.

        Returns:
            The ids that were held back. The stream is ready for another text.
        """
        ids = self.pending()
        self._begin()
        return ids

    def _advance(self, text: str) -> np.ndarray:
        from minent.tokenizer import kernels

        data = to_utf8(normalize(text, self._tokenizer.normalization))
        ways = np.empty(len(data), dtype=np.uint32)
        if data:
            buffer, begin = np.frombuffer(self._before + data, dtype=np.uint8), len(self._before)
            known, window = self._tokenizer._automaton, (self._best, self._totals)
            self._state = np.uint64(kernels.advance(buffer, begin, self._state, known, *window, ways))
            self._before = data[-1:]
        return ways

    def _commit(self) -> list[int]:
        from minent.tokenizer import kernels

        shared = kernels.ancestor(self._ways, 0, len(self._ways), self._tokenizer._automaton.reach)
        if shared <= 0:
            return []
        certain, self._ways = self._ways[:shared], self._ways[shared:].copy()
        return _read(certain)


def _last_boundary(text: str) -> int:
    """Where the last character stands before which NFC changes nothing: no mark, nor the second half of another."""
    for i in range(len(text) - 1, -1, -1):
        if text[i] < "\u0300" or "\u3400" <= text[i] < "\ua000":
            return i
    return 0


def _read(ways: np.ndarray) -> list[int]:
    from minent.tokenizer import kernels

    ids = np.empty(len(ways), dtype=np.int32)
    written: int = kernels.trace(ways, 0, len(ways), ids, 0)
    return ids[:written].tolist()


class DecodingStream:
    """Decodes ids that come in parts, and never returns a part of a character; `Tokenizer.decoding_stream` makes one.

    Args:
        tokenizer: What decodes.

    Example:
        >>> from minent.tokenizer import TokenizerConfig, train
        >>> stream = train(["so it goes"], TokenizerConfig(vocab_size=259)).decoding_stream()
        >>> [stream.feed([198]), stream.feed([172, 36]), stream.finish()]
        ['', 'é!', '']
    """

    def __init__(self, tokenizer: Decoding) -> None:
        self._tokenizer = tokenizer
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, ids: Iterable[int]) -> str:
        """Take more ids.

        Args:
            ids: Ids below `vocab_size`.

        Returns:
            The text that is whole now. Bytes that can never become a character are U+FFFD.

        Raises:
            InputError: An id outside the vocabulary; its position is named, and none of these ids is taken.
        """
        if isinstance(ids, int):
            raise InputError(f"ids is the number {ids}; it takes a row of them. Write [{ids}].")
        return self._decoder.decode(self._tokenizer.decode_bytes(ids))

    def finish(self) -> str:
        """End the ids.

        Returns:
            U+FFFD for a character that stayed unfinished, else nothing. The stream is ready for other ids.
        """
        text = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return text
