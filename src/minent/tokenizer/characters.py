"""Characters as symbols: a long text is read a character at a time where no piece cuts one.

A search over bytes stops inside characters for nothing, if longer pieces hold whole characters, every character in a
piece is a piece itself, and its bytes apart cost at least as much: then the best way is through whole characters, and
of equals the longest last piece wins in both. Symbols 0 to 255 are bytes: ASCII, and the bytes of characters that are
in no piece. From 256 on they are characters, the likeliest first.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numba import njit

from minent.tokenizer import automaton as automata
from minent.tokenizer.automaton import Automaton, Links, read_only
from minent.tokenizer.config import SPECIALS
from minent.tokenizer.pieces import Pieces
from minent.tokenizer.text import Rows, row_starts, slabs

_FIRST = SPECIALS + 256  # id of the first piece of more than a byte
_CODE_POINTS = 0x110000
_PART = 2**15  # characters that are translated at once, which stay in a near cache


class Characters(NamedTuple):
    """The pieces as rows of characters, ready for the kernels."""

    symbols: np.ndarray  # uint16, by code point; 0 where the character is in no piece
    automaton: Automaton


def build(pieces: Pieces, links: Links) -> Characters | None:
    """The automaton over characters; None where it would not always find the same as that over bytes."""
    ids = len(links.lengths)
    begin, end = pieces.starts[_FIRST], pieces.starts[ids]
    buffer, starts = pieces.buffer[begin:end], pieces.starts[_FIRST : ids + 1] - begin
    try:
        codes = np.frombuffer(buffer.tobytes().decode().encode("utf-32-le"), dtype=np.uint32)
    except UnicodeDecodeError:
        return None
    is_lead = buffer & 0xC0 != 0x80
    if links.by_lines or not is_lead[starts[:-1]].all():
        return None
    starts = np.append(0, np.cumsum(is_lead))[starts]
    found = _known_characters(codes, starts, links.scores)
    if found is None:
        return None
    symbols = np.zeros(_CODE_POINTS, dtype=np.uint16)
    symbols[:128], symbols[found] = np.arange(128), np.arange(256, 256 + len(found))
    every = np.concatenate((np.arange(256, dtype=np.uint16), symbols[codes]))
    starts = np.concatenate((np.arange(256), starts + 256))
    ordered, order = _sorted(every, starts)
    linked = automata.link(every[ordered], _starts_of(starts, order), order + SPECIALS, links.scores, 256 + len(found))
    return Characters(read_only(symbols), automata.prepare(linked))


def _known_characters(codes: np.ndarray, starts: np.ndarray, scores: np.ndarray) -> np.ndarray | None:
    """The characters beyond ASCII, the likeliest first; None if one is no piece, or is worth less than its bytes."""
    alone = np.flatnonzero(np.diff(starts) == 1)
    own = codes[starts[alone]]
    known = np.unique(codes[codes >= 128])
    if not len(known) or len(known) > 2**16 - 512 or not np.isin(known, own).all():
        return None
    in_bytes = [np.frombuffer(chr(code).encode(), dtype=np.uint8) for code in own.tolist()]
    apart = np.array([scores[SPECIALS + one].sum() for one in in_bytes])
    if (scores[_FIRST + alone] < apart).any():
        return None
    return own[np.argsort(-scores[_FIRST + alone], kind="stable")]


def _sorted(symbols: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of symbols in their order: which symbols stand where, and which row (int32)."""
    data, ends = symbols.astype(">u2").tobytes(), (2 * starts).tolist()
    keys = [data[a:b] for a, b in pairwise(ends)]
    order = np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int32)
    sizes = np.diff(starts)[order]
    return np.repeat(starts[order] - np.cumsum(sizes) + sizes, sizes) + np.arange(len(symbols)), order


def _starts_of(starts: np.ndarray, order: np.ndarray) -> np.ndarray:
    return np.append(0, np.cumsum(np.diff(starts)[order]))


def to_rows(texts: list[str], known: Characters) -> Rows:
    """Texts as rows of symbols.

    Raises:
        UnicodeEncodeError: A surrogate: a broken byte that was kept, which may be part of a character, or no text.
    """
    parts = [_part(some, known.symbols) for some in slabs(texts, _PART)]
    sizes = np.concatenate([np.diff(part.starts) for part in parts])
    return Rows(np.concatenate([part.buffer for part in parts]), np.append(0, np.cumsum(sizes)))


def _part(texts: list[str], known: np.ndarray) -> Rows:
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), dtype=np.uint32)
    starts, symbols = row_starts(texts), np.empty(len(codes), dtype=np.uint16)
    unknown = _translate(codes, known, symbols)
    if unknown:
        spelled = np.empty(len(codes) + 3 * unknown, dtype=np.uint16)
        symbols = spelled[: _spell(codes, symbols, starts, spelled)]
    return Rows(symbols, starts)


@njit(cache=True, nogil=True)
def _translate(codes, known, symbols):
    """The symbol of each character; returns how many have none, or are NUL."""
    unknown = 0
    for i in range(len(codes)):
        symbol = known[codes[i]]
        symbols[i] = symbol
        unknown += symbol == 0
    return unknown


@njit(cache=True, nogil=True)
def _spell(codes, symbols, starts, spelled):
    """Copy the symbols, with characters that have none as their bytes; moves the starts, returns how many there are."""
    at, zero, one = np.uint64(0), np.uint64(0), np.uint64(1)
    begin = starts[0]
    for row in range(len(starts) - 1):
        starts[row] = at
        for i in range(np.uint64(begin), np.uint64(starts[row + 1])):
            symbol = symbols[i]
            spelled[at] = symbol
            at += one
            if symbol == 0 and codes[i] != 0:
                code = np.uint64(codes[i])
                more = one + np.uint64(code >= 0x800) + np.uint64(code >= 0x10000)  # bytes after the first
                six = np.uint64(6)
                lead = (np.uint64(0xFF00) >> (more + one)) & np.uint64(0xFF)
                spelled[at - one] = lead | code >> (six * more)
                while more > zero:
                    more -= one
                    spelled[at] = np.uint64(0x80) | (code >> (six * more)) & np.uint64(0x3F)
                    at += one
        begin = starts[row + 1]
    starts[len(starts) - 1] = at
    return at
