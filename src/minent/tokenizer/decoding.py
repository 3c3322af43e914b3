"""Ids to text: the verbs of a tokenizer that decode, and its vocabulary."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from minent.errors import InputError
from minent.tokenizer.pieces import Pieces
from minent.tokenizer.streaming import DecodingStream
from minent.tokenizer.text import to_utf8

if TYPE_CHECKING:
    pass

_KERNEL_FROM = 1024  # ids; fewer are joined sooner by Python


class Decoding:
    """What `Tokenizer` inherits to decode."""

    specials: tuple[str, ...]
    _pieces: Pieces

    def decode(self, ids: Iterable[int]) -> str:
        """Write ids as text again; padding, begin and end give nothing, other special tokens their string.

        Args:
            ids: Ids below `vocab_size`.

        Returns:
            The text. Bytes that are no UTF-8, as when a row of ids was cut inside a character, become U+FFFD.

        Raises:
            InputError: An id outside the vocabulary; its position is named.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> train(["so it goes"], TokenizerConfig(vocab_size=259)).decode([1, 100, 36, 2])
            'a!'
        """
        return self.decode_bytes(ids).decode(errors="replace")

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """Write ids as the bytes of their pieces; padding, begin and end give nothing.

        Args:
            ids: Ids below `vocab_size`. An int32 array is the fastest.

        Returns:
            The bytes.

        Raises:
            InputError: An id outside the vocabulary; its position is named.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> train(["so it goes"], TokenizerConfig(vocab_size=259)).decode_bytes([198, 172])
            b'\\xc3\\xa9'
        """
        try:
            row: Any = ids if isinstance(ids, (np.ndarray, list)) else list(ids)
            if len(row) >= _KERNEL_FROM and _may_compile(len(row)):
                return self._joined(row)
            row = row.tolist() if isinstance(row, np.ndarray) else row
            if not row or min(row) >= 0:
                return b"".join(map(self._pieces.by_id.__getitem__, row))
        except IndexError:
            pass
        except TypeError as error:
            raise InputError(f"ids are no row of whole numbers ({error}). Give a list or an array of ids.") from None
        self._refuse(row)

    def decoding_stream(self) -> DecodingStream:
        """Decode ids that come in parts.

        Returns:
            A `DecodingStream`: `feed(ids)` returns the text that is whole, `finish()` ends it.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> stream = train(["so it goes"], TokenizerConfig(vocab_size=259)).decoding_stream()
            >>> stream.feed([198]), stream.feed([172])
            ('', 'é')
        """
        return DecodingStream(self)

    # --- the vocabulary -----------------------------------------------------------------------------------------------

    @property
    def vocab_size(self) -> int:
        """How many ids there are: padding, begin and end, the pieces, and special tokens."""
        return len(self._pieces)

    @property
    def pieces(self) -> tuple[bytes, ...]:
        """The pieces of ids 3, 4, ..; the first 256 are the single bytes in their order."""
        return self._pieces.learnt

    @property
    def special_ids(self) -> dict[str, int]:
        """The id of each special token of the user."""
        first = self.vocab_size - len(self.specials)
        return {special: first + i for i, special in enumerate(self.specials)}

    def id_to_piece(self, id: int) -> bytes:
        """The bytes of an id.

        Args:
            id: An id below `vocab_size`.

        Returns:
            Its piece; nothing for the ids 0, 1 and 2, its string for another special token.

        Raises:
            InputError: The id is outside the vocabulary.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> train(["so it goes"], TokenizerConfig(vocab_size=259)).id_to_piece(100)
            b'a'
        """
        return self.decode_bytes([id])

    def piece_to_id(self, piece: bytes | str) -> int:
        """The id of a piece.

        Args:
            piece: Its bytes, or its text; or a special token.

        Returns:
            The id, 3 or more.

        Raises:
            InputError: There is no such piece.

        Example:
            >>> from minent.tokenizer import TokenizerConfig, train
            >>> train(["so it goes"], TokenizerConfig(vocab_size=259)).piece_to_id("a")
            100
        """
        data = to_utf8(piece, "piece") if isinstance(piece, str) else piece
        if data in self._pieces.id_of:
            return self._pieces.id_of[data]
        if isinstance(piece, str) and piece in self.specials:
            return self.special_ids[piece]
        raise InputError(f"piece {piece!r} is none of the {len(self.pieces)} pieces; encode() writes any text.")

    # --- inside -------------------------------------------------------------------------------------------------------

    def _joined(self, row: Sequence[int] | np.ndarray) -> bytes:
        from minent.tokenizer import kernels
        from minent.tokenizer.automaton import read_only

        try:
            ids = row if isinstance(row, np.ndarray) else np.frombuffer(array("i", row), dtype=np.int32)
        except OverflowError:
            self._refuse(row)
        if ids.ndim != 1 or ids.dtype.kind not in "iu":
            raise InputError(
                f"ids are no row of whole numbers ({ids.dtype} of shape {ids.shape}). Give a list or an array of ids."
            )
        if ids.dtype != np.int32:
            if int(ids.min()) < 0 or int(ids.max()) >= self.vocab_size:
                self._refuse(ids)
            ids = ids.astype(np.int32)
        ids, starts, data = (read_only(array) for array in (ids, self._pieces.starts, self._pieces.buffer))
        size = kernels.total_length(ids, starts)
        if size < 0:
            self._refuse(ids)
        out = np.empty(size, dtype=np.uint8)
        kernels.join_pieces(ids, starts, data, out)
        return out.tobytes()

    def _refuse(self, row: Sequence[int] | np.ndarray) -> NoReturn:
        outside = [position for position, id in enumerate(row) if not 0 <= id < self.vocab_size]
        raise InputError(
            f"ids[{outside[0]}] is {row[outside[0]]}, but vocab_size is {self.vocab_size} ({len(outside)} of "
            f"{len(row)} ids are outside). Did another tokenizer make them?"
        )


def _may_compile(size: int) -> bool:
    return "minent.tokenizer.kernels" in sys.modules or size > 2**20
