"""Text that comes in parts, and ids that come in parts: the same ids and the same text as all at once."""

from __future__ import annotations

import codecs
import functools
import sys
import unicodedata
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
    ways go on side by side, as in a long run of one character. The time grows with the text alone, however it is parted
    and however much is open. A special token counts as text: none is looked for.

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
        self._open = _OpenWays(known.reach)
        self._held: list[str] = []  # text that a later character may compose with

    def feed(self, text: str) -> list[int]:
        """Take more text.

        Args:
            text: What comes next. It may be one character, or nothing.

        Returns:
            The ids that are certain now, and were not before.

        Raises:
            InputError: `text` is no str or holds a lone surrogate; what was taken before stays.
        """
        to_utf8(normalize(text, "none"))
        cut = len(text) if self._tokenizer.normalization == "none" else _last_boundary(text)
        if cut is None:
            self._held.append(text)
            return []
        whole, self._held = "".join([*self._held, text[:cut]]), [text[cut:]]
        return _read(self._open.take(self._advance(whole)))

    def pending(self) -> list[int]:
        """Say what `finish` would return, and go on.

        Returns:
            The ids of what is held back, as if the text ended here. With those returned before they are `encode` of the
            text so far: so a text that grows is encoded again from its last certain id only.
        """
        kept = self._state, self._best.copy(), self._totals.copy(), self._before
        ways = np.concatenate((self._open.ways(), self._advance("".join(self._held))))
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


class _OpenWays:
    """The ways since the last position that all of them share, and the tree that they are; see `kernels.follow`."""

    def __init__(self, reach: int) -> None:
        self._reach, self._root, self._end = reach, 0, 0
        self._ways = np.empty(0, dtype=np.uint32)
        self._tree = np.zeros((2, 1), dtype=np.uint16)

    def ways(self) -> np.ndarray:
        """What is open, a way for each byte."""
        return self._ways[self._root : self._end]

    def take(self, more: np.ndarray) -> np.ndarray:
        """Add ways; return those up to the position that all share now."""
        from minent.tokenizer import kernels

        if self._end + len(more) > len(self._ways):
            self._move(2 * (self._end - self._root + len(more)))  # so that a byte is moved once or twice in all
        begin, end, root = self._end, self._end + len(more), self._root
        self._ways[begin:end] = more
        self._end = end
        self._root = kernels.follow(self._ways, begin, end, root, self._reach, *self._tree)
        return self._ways[root : self._root].copy()

    def _move(self, room: int) -> None:
        """Bring what is open to the front of a larger or a smaller place."""
        ways, tree = np.empty(room, dtype=np.uint32), np.zeros((2, room + 1), dtype=np.uint16)
        size = self._end - self._root
        ways[:size], tree[:, : size + 1] = self.ways(), self._tree[:, self._root : self._end + 1]
        self._ways, self._tree, self._root, self._end = ways, tree, 0, size


def _last_boundary(text: str) -> int | None:
    """Where the last character stands that NFC joins with nothing before it; None if there is none."""
    for i in range(len(text) - 1, -1, -1):
        if text[i] < "\u0300":
            return i
        first = unicodedata.normalize("NFD", text[i])[0]
        if not unicodedata.combining(first) and first not in _second_halves():
            return i
    return None


@functools.cache
def _second_halves() -> frozenset[str]:
    """All characters that NFC joins with the one before them, as far as they are no combining marks."""
    vowels_and_finals = [chr(code) for code in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))]  # of Hangul
    parts = (unicodedata.decomposition(chr(code)).split() for code in range(sys.maxunicode + 1))
    pairs = (pair for pair in parts if len(pair) == 2 and not pair[0].startswith("<"))
    return frozenset([*vowels_and_finals, *(chr(int(second, 16)) for _, second in pairs)])


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
