"""Bytes written as characters, for libraries whose pieces are text: two spellings, and the map that applies them.

`alphabet` gives each byte a visible character, as GPT-2 does; it fits every vocabulary, and nobody can read Chinese in
it. `readable` keeps the characters that the vocabulary knows whole, and gives each other byte a private-use character:
U+E0E7 stands for the byte E7. Both are applied to raw bytes from the left, the longest key first, so any bytes at all
have exactly one spelling.

The map that does it inside SentencePiece and llama.cpp is a double array in the layout of Darts: a unit of 32 bits
holds the label (bits 0 to 7), whether a key ends here (bit 8) and the offset of the children (from bit 10); the child
of the node at `p` by byte `b` is the unit at `p ^ offset ^ b`, and the value of a key stands at `p ^ offset`, bit 31
set.

Source: S. Yata, Darts-clone, `darts.h`; the normalizer of google/sentencepiece.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from minent.tokenizer.model import Tokenizer

SPACE_MARK = "\u2581"  # SentencePiece and llama.cpp read it as a space, so it never stands for itself
_UNUSED = 1 << 31
_PRIVATE_BLOCKS = range(0xE000, 0xF800, 0x100)


class Spelling(NamedTuple):
    """Which bytes become which character: every single byte, and whole characters."""

    characters: dict[bytes, str]

    def spell(self, piece: bytes) -> str:
        """The piece in characters, from the left, the longest key first."""
        text, i = [], 0
        while i < len(piece):
            size = next(size for size in (4, 3, 2, 1) if piece[i : i + size] in self.characters)
            text.append(self.characters[piece[i : i + size]])
            i += size
        return "".join(text)

    def charsmap(self) -> bytes:
        """The map from raw bytes to the spelling. ASCII that stands for itself is left out: it passes anyway."""
        pairs = {key: char.encode() for key, char in self.characters.items()}
        return charsmap({key: new for key, new in pairs.items() if len(key) > 1 or key != new})

    def inverse(self) -> bytes:
        """The map from the spelling back to raw bytes; NUL, which ends a string there, comes back as nothing."""
        keys = {char.encode(): key for key, char in self.characters.items() if char.encode() != key}
        return charsmap({spelt: b"" if key == b"\0" else key for spelt, key in keys.items()})


def alphabet() -> Spelling:
    """GPT-2's: printable Latin-1 stands for itself, and the others follow from U+0100 in their order.

    Example:
        >>> alphabet().spell("a é".encode())
        'aĠÃ©'
    """
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in set(visible)]
    return Spelling(
        {bytes([byte]): chr(byte) for byte in visible}
        | {bytes([byte]): chr(0x100 + i) for i, byte in enumerate(hidden)}
    )


def readable(tokenizer: Tokenizer) -> Spelling:
    """Known characters and ASCII as they are, other bytes as private characters; the alphabet where that is not exact.

    A character may stand for itself if no best segmentation cuts it: no piece begins or ends inside a character, it is
    a piece itself, and its score is no worse than that of its bytes together.
    """
    known = _uncut_characters(tokenizer)
    block = next((b for b in _PRIVATE_BLOCKS if not any(b <= ord(char) < b + 0x100 for char in known or ())), None)
    if known is None or block is None:
        return alphabet()
    single = {bytes([byte]): chr(byte if 0 < byte < 0x80 else block + byte) for byte in range(256)}
    return Spelling(single | {char.encode(): char for char in known})


def _uncut_characters(tokenizer: Tokenizer) -> set[str] | None:
    """The multi-byte characters that are never cut, or None where pieces cut characters."""
    scores = dict(zip(tokenizer.pieces, tokenizer.scores.tolist()))
    known = set()
    for piece in tokenizer.pieces[256:]:
        try:
            text = piece.decode()
        except UnicodeDecodeError:
            return None
        whole = len(text) == 1 and len(piece) > 1 and text != SPACE_MARK
        if whole and scores[piece] >= sum(scores[piece[i : i + 1]] for i in range(len(piece))):
            known.add(text)
    return known


# --- the character map ------------------------------------------------------------------------------------------------


def charsmap(replacements: Mapping[bytes, bytes]) -> bytes:
    """Lay out replacements as SentencePiece stores them: the size of the trie, the trie, the strings with a NUL each.

    No replacement may hold NUL, and no key may begin another and go on with NUL.
    """
    strings, values = bytearray(), {}
    for key, new in sorted(replacements.items()):
        values[key] = len(strings)
        strings += new + b"\0"
    units = double_array(values).astype("<u4").tobytes()
    return struct.pack("<I", len(units)) + units + bytes(strings)


def double_array(values: Mapping[bytes, int]) -> np.ndarray:
    """The Darts units of keys and their values (uint32); their number is a multiple of 256, as SentencePiece asks."""
    children: dict[bytes, list[int]] = {b"": []}
    for key in sorted(values):
        for i in range(len(key)):
            if key[: i + 1] not in children:
                children[key[: i + 1]] = []
                children[key[:i]].append(key[i])
    units: dict[int, int] = {0: 0}
    places = {b"": 0}
    bases: set[int] = set()  # no two nodes share one: a unit says by which byte it was reached, but not from where
    lowest_free = 1
    for node, bytes_on in sorted(children.items(), key=lambda item: len(item[0])):
        place, ends = places[node], node in values
        if bytes_on:
            base = 256
            while base in bases or any(base ^ byte in units for byte in bytes_on) or (ends and base in units):
                base += 64
        else:
            while lowest_free in units or lowest_free in bases:
                lowest_free += 1
            base = lowest_free
        bases.add(base)
        offset = place ^ base
        assert offset < 1 << 21, "the keys of a vocabulary fill no more than a part of two million units"
        units[place] |= offset << 10 | ends << 8
        if ends:
            units[base] = _UNUSED | values[node]
        for byte in bytes_on:
            units[base ^ byte] = byte
            places[node + bytes([byte])] = base ^ byte
    array = np.full(-(-(max(units) + 256) // 256) * 256, _UNUSED, dtype=np.uint32)
    array[list(units)] = list(units.values())
    return array
