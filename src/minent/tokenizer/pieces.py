"""The pieces of a tokenizer: one buffer of bytes and where each begins; Python objects only when someone asks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise

import numpy as np

from minent.errors import InputError, listing
from minent.tokenizer.config import SPECIALS
from minent.tokenizer.text import join

_BYTE_OF = [bytes([byte]) for byte in range(256)]


class Pieces:
    """All ids: nothing for 0 to 2, then the pieces, then the strings of special tokens."""

    def __init__(self, pieces: Sequence[bytes], specials: tuple[str, ...] = ()) -> None:
        """Check and keep the pieces of ids 3, 4, .."""
        rows = join([b""] * SPECIALS + list(pieces) + [special.encode() for special in specials])
        self._keep(rows.buffer, rows.starts, specials)
        if list(pieces[:256]) != _BYTE_OF:
            raise InputError("pieces must begin with the 256 single bytes in their order; else some text had no ids.")
        if len(self.id_of) != len(pieces) or b"" in self.id_of:
            wrong = len(pieces) - len(self.id_of) + (b"" in self.id_of)
            raise InputError(f"pieces holds {wrong} empty or repeated pieces; each once.")

    @classmethod
    def of_rows(cls, buffer: np.ndarray, starts: np.ndarray, specials: tuple[str, ...]) -> Pieces:
        """What `buffer` and `starts` of a checked one hold."""
        made = cls.__new__(cls)
        made._keep(buffer, starts, specials)
        return made

    def _keep(self, buffer: np.ndarray, starts: np.ndarray, specials: tuple[str, ...]) -> None:
        self.buffer, self.starts, self.specials = buffer, starts, specials

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """int64, in bytes, by id."""
        return np.diff(self.starts)

    @cached_property
    def by_id(self) -> tuple[bytes, ...]:
        """The bytes of every id; of the ids 0 to 2 nothing."""
        data = self.buffer.tobytes()
        return tuple([data[a:b] for a, b in pairwise(self.starts.tolist())])

    @cached_property
    def numbers(self) -> np.ndarray:
        """Every id as a Python number: a list of these is made in half the time, and takes a quarter of the room."""
        return np.array(range(len(self)), dtype=object)

    @cached_property
    def learnt(self) -> tuple[bytes, ...]:
        """The pieces alone."""
        return self.by_id[SPECIALS : len(self) - len(self.specials)]

    @cached_property
    def id_of(self) -> dict[bytes, int]:
        """The id of every piece."""
        return {piece: id for id, piece in enumerate(self.learnt, start=SPECIALS)}

    @cached_property
    def sorted(self) -> list[bytes]:
        """The pieces in the order of their bytes."""
        return sorted(self.learnt)

    def beginning_with(self, prefix: bytes) -> list[int]:
        """The ids of all pieces that begin with some bytes."""
        first = bisect_left(self.sorted, prefix)
        last = first
        while last < len(self.sorted) and self.sorted[last].startswith(prefix):
            last += 1
        return sorted(self.id_of[piece] for piece in self.sorted[first:last])


def check_specials(specials: Sequence[str]) -> tuple[str, ...]:
    """The special tokens as a tuple.

    Raises:
        InputError: A bare string, one that is empty, no str or repeated, or one that is no text.
    """
    if isinstance(specials, (str, bytes)):
        raise InputError(f"specials is one {type(specials).__name__}; it takes several. Write [special].")
    for special in specials:
        if not isinstance(special, str) or not special:
            raise InputError(f"specials holds {special!r}; each takes a str that is not empty, such as '<mask>'.")
        if not special.isascii() and special.encode(errors="replace").decode() != special:
            raise InputError(f"specials holds {special!r}, which is no text. Leave out lone surrogates.")
    if len(set(specials)) != len(specials):
        twice = sorted({special for special in specials if list(specials).count(special) > 1})
        raise InputError(f"specials holds {listing(twice)} more than once; each once.")
    return tuple(specials)
