"""From a large draft of pieces to a vocabulary: cut the text, see what each piece saves, keep what saves most, again.

A plan is a list of steps, and a step makes a draft of a draft, so that a run can stop behind any step and go on. A
piece costs its code length and a constant besides; with a large constant the cheapest way is the one with the fewest
pieces, and code length decides between equals.

Source: R. Cognetta et al., arXiv 2512.12641 (prune in few large steps by the loss in context); arXiv 2606.27019
(fewest pieces first, likelihood second); T. Kudo, arXiv 1804.10959 (Unigram).
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numba import njit

from minent.tokenizer import passes, pool, search
from minent.tokenizer.config import SPECIALS, TokenizerConfig
from minent.tokenizer.text import Blocks, join

GRAIN = 256  # costs are in 1/256 nat
_OBJECTIVES = {"fewest": 64, "mixed": 4, "likelihood": 0}  # nats that a piece costs besides its code length
_ALWAYS = 2**62


class Pace(NamedTuple):
    """How fast a draft shrinks, in parts of the size that is wanted."""

    ratios: tuple[float, ...]  # what each step keeps, the first by its uses, the others by what they save
    added: float  # pairs, in each round of adding and pruning again
    rounds: int


_QUICK = Pace((2.5, 1.6, 1.2, 1.0), 0.2, 1)
_THOROUGH = Pace((3.1, 2.2, 1.53, 1.25, 1.09, 1.03, 1.0), 0.125, 2)


class Draft(NamedTuple):
    """Pieces sorted as bytes, the 256 single ones among them, and the weight of their uses."""

    pieces: list[bytes]
    counts: np.ndarray  # int64


class Step(NamedTuple):
    """What to do next: `use` and `prune` keep as many pieces as there is room for, `add` adds so many pairs."""

    verb: str
    room: int
    early: bool  # on a part of the text only


class Text(NamedTuple):
    """The training text, and how much each of its rows counts."""

    blocks: Blocks
    weights: np.ndarray  # int64


def plan(sizes: Sequence[int], thorough: bool) -> Iterator[Step]:
    """The steps to vocabularies of falling sizes; behind the last step of each stands `done`."""
    pace = _THOROUGH if thorough else _QUICK
    for number, size in enumerate(sizes):
        room = size - SPECIALS
        for ratio in pace.ratios:
            verb = "use" if ratio == pace.ratios[0] else "prune"
            if number == 0 or (verb == "prune" and ratio * room < sizes[number - 1] - SPECIALS):
                yield Step(verb, round(ratio * room), early=ratio > 1.05)
        for _ in range(pace.rounds):
            yield Step("add", round(pace.added * room), early=False)
            yield Step("prune", round((1 + pace.added / 2) * room), early=False)
            yield Step("prune", room, early=False)
        yield Step("done", room, early=False)


class Rules:
    """Which strings may be pieces, and which must be."""

    def __init__(self, config: TokenizerConfig) -> None:
        alone = ["\0", "\u2581", *(re.escape(text) for text in config.blocked if len(text) == 1)]
        if config.isolate_digits:
            alone.append(r"\d")
        forbidden = list(alone)
        if not config.cross_lines:
            forbidden.append(r"\n[^\n]")
        if config.word_bounded:
            forbidden.append(r"\S\s")
        self._alone, self._forbidden = re.compile("|".join(alone)), re.compile("|".join(forbidden))
        self.longest = config.max_piece_length
        self.blocked = {text.encode() for text in config.blocked}
        self.forced = {text.encode() for text in config.forced}
        self.forced |= {character.encode() for text in config.forced for character in text}

    def may_join(self, character: str) -> bool:
        """Whether a character may be in a piece with others."""
        return self._alone.match(character) is None

    def allow(self, piece: bytes) -> bool:
        """Whether some characters together may be a piece."""
        return piece not in self.blocked and self._forbidden.search(piece.decode()) is None


def first_draft(blocks: Blocks, found: pool.Pool, characters: np.ndarray, min_count: int, rules: Rules) -> Draft:
    """All frequent substrings, all characters that are not rare, all bytes, and what must be."""
    data = blocks.buffer.tobytes()
    spans = zip(found.firsts.tolist(), found.lengths.tolist(), found.counts.tolist())
    counts = {data[first : first + length]: count for first, length, count in spans}
    least = max(2, min_count // 3)
    for code in np.flatnonzero(characters >= least).tolist():
        if code not in (0, 0x2581):
            counts[chr(code).encode()] = int(characters[code])
    for piece in rules.blocked & counts.keys():
        del counts[piece]
    for piece in rules.forced:
        counts.setdefault(piece, 1)
    for byte, count in enumerate(np.bincount(blocks.buffer, minlength=256).tolist()):
        counts[bytes([byte])] = max(count, 1)
    pieces = sorted(counts)
    return Draft(pieces, np.array([counts[piece] for piece in pieces], dtype=np.int64))


def take(step: Step, draft: Draft, text: Text, objective: str, rules: Rules, within: set[bytes] | None) -> Draft:
    """Do one step.

    Args:
        step: What to do.
        draft: Where to start from.
        text: What to cut: all of it, or for an early step a part.
        objective: Of `TokenizerConfig`.
        rules: Which pieces may be added, and which stay.
        within: Only these may be added; None allows all.
    """
    if step.verb == "prune" and len(draft.pieces) <= step.room:
        return draft
    known = search.dictionary(draft.pieces, costs(draft.counts, objective))
    if step.verb == "add":
        found = passes.pairs(text.blocks, known, text.weights, rules.longest, 4 * step.room)
        return _with_pairs(draft, found, text.blocks.buffer, step.room, rules, within)
    if step.verb == "use":
        used = passes.usage(text.blocks, known, text.weights)
        return _kept(Draft(draft.pieces, used), used, step.room, rules)
    saved, used = passes.losses(text.blocks, known, text.weights)
    return _kept(Draft(draft.pieces, used), saved, step.room, rules)


def costs(counts: np.ndarray, objective: str) -> np.ndarray:
    """What each piece costs in training, in 1/256 nat (int64)."""
    seen = np.maximum(counts, 1)
    return np.rint(GRAIN * (_OBJECTIVES[objective] + np.log(seen.sum()) - np.log(seen))).astype(np.int64)


def scores(pieces: list[bytes], counts: np.ndarray, penalty: int) -> np.ndarray:
    """Log-probabilities less `penalty`, in whole 1/256 nat (float64); no character scores below its bytes together."""
    found = np.rint(GRAIN * (np.log(counts) - np.log(counts.sum()) - penalty))
    byte_scores = dict(zip(pieces, found.tolist()))
    for i, piece in enumerate(pieces):
        if len(piece) > 1 and len(piece.decode()) == 1:
            found[i] = max(found[i], sum(byte_scores[bytes([byte])] for byte in piece))
    return found / GRAIN


def _kept(draft: Draft, worth: np.ndarray, room: int, rules: Rules) -> Draft:
    """The bytes, what is forced, and then the pieces of most worth; what is worth nothing goes in any case.

    A character is worth as much as the best piece that holds it, so no piece ever stays without its characters.
    """
    rows = join(draft.pieces)
    lengths = np.diff(rows.starts)
    worth = worth.copy()
    for piece in rules.forced:
        worth[_place(draft.pieces, piece)] = _ALWAYS
    place_of = np.full(pool.CODE_POINTS, -1, dtype=np.int32)
    _raise_characters(rows.buffer, rows.starts, place_of, worth)
    worth[lengths == 1] = _ALWAYS
    kept = np.zeros(len(worth), dtype=bool)
    kept[np.lexsort((lengths, -worth))[:room]] = True
    kept &= worth > 0
    return Draft([piece for piece, keep in zip(draft.pieces, kept.tolist()) if keep], draft.counts[kept])


def _place(pieces: list[bytes], piece: bytes) -> int:
    return bisect.bisect_left(pieces, piece)


def _with_pairs(
    draft: Draft,
    found: tuple[np.ndarray, ...],
    buffer: np.ndarray,
    wanted: int,
    rules: Rules,
    within: set[bytes] | None,
) -> Draft:
    """Add the most frequent pairs that may be pieces and are none yet."""
    counts = dict(zip(draft.pieces, draft.counts.tolist()))
    firsts, lengths, weights = found
    added = 0
    ranked = np.lexsort((firsts, -weights))
    for first, length, weight in zip(firsts[ranked].tolist(), lengths[ranked].tolist(), weights[ranked].tolist()):
        piece = buffer[first : first + length].tobytes()
        if added == wanted:
            break
        if piece not in counts and (within is None or piece in within) and rules.allow(piece):
            counts[piece] = weight
            added += 1
    pieces = sorted(counts)
    return Draft(pieces, np.array([counts[piece] for piece in pieces], dtype=np.int64))


@njit(cache=True, nogil=True)
def _raise_characters(buffer, starts, place_of, worth):
    """Make each character of several bytes worth at least what the best piece that holds it is worth."""
    for piece in range(len(starts) - 1):
        code, length = pool.code_point(buffer, starts[piece], starts[piece + 1])
        if length > 1 and length == starts[piece + 1] - starts[piece]:
            place_of[code] = piece
    for piece in range(len(starts) - 1):
        i = starts[piece]
        while i < starts[piece + 1]:
            code, length = pool.code_point(buffer, i, starts[piece + 1])
            if length > 1:
                worth[place_of[code]] = max(worth[place_of[code]], worth[piece])
            i += length
