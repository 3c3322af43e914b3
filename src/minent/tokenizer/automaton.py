"""The pieces as an automaton over symbols, and the likeliest segmentation of a text.

A symbol is a byte here; `characters` makes the same of symbols that are characters.

**Finding the pieces.** Read a text symbol by symbol: the automaton (Aho and Corasick) knows the longest piece that ends
here, and each piece knows the longest other piece that ends it (`suffixes`), so all pieces that end at a position are a
chain. A state is a number: its child by symbol s is slot `state + s`, if the high half of `units` there is the state
itself; the low half is the state of the child. If there is no child, `falls[state]` is the state to try instead.

**Choosing among them, the one rule for all.** Forward over positions; the best way to a position is replaced only by a
strictly better one; candidates arrive in order of increasing start, so among equals the longest last piece wins. Where
all scores are whole multiples of 1/256 nat, sums are exact and equals are equals. Other scores, as imported models have
them, are summed in float64 from the start of each line, and no piece crosses from a line end into a new line.

Callers make sure that each of the 256 bytes is a piece, so every position can be reached, and that buffers hold what
the starts say.

Source: A. Aho, M. Corasick (1975); J. Aoe (1989) for the double array; J. Su, kexue.fm/archives/9752 for the search.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minent.errors import InputError
from minent.tokenizer.text import join

LONGEST_PIECE, MOST_IDS = 2**11 - 1, 2**21  # what a candidate packed into 64 bits has room for
WIDTH = 2  # candidates of three symbols and more that are looked at without a branch
GRAIN = 256.0  # scores that are multiples of 1 / GRAIN nat are summed as whole numbers
NO_STATE = 2**32 - 1  # the parent of an empty slot
_MOST_COST = 2.0**15  # 128 nats: 4096 of them, shifted, leave room in 64 bits
MOST_SCORE = 2.0**40  # sums of as many as a text may need stay finite
NEVER = 1 << 61  # worse than any sum
BLOCK = 4096  # symbols that are scanned, then chosen from: what they need stays in the nearest cache
MOST_SLOTS = 2**24  # what a step packed into 64 bits has room for
_NO_SYMBOL = 2**16 - 1  # of an empty slot
WINDOW = LONGEST_PIECE + 1 + BLOCK  # values of the positions before a block, as far as a piece may reach, and in it


class Links(NamedTuple):
    """What is saved of an automaton, its scores with it: enough to search by plain loops."""

    units: np.ndarray  # uint64, by slot: state of the parent << 32 | state of the child
    falls: np.ndarray  # uint32, by state
    pieces: np.ndarray  # int32, by slot: id of the longest piece that ends on arrival
    suffixes: np.ndarray  # int32, by id: the longest other piece that ends this one, or -1
    lengths: np.ndarray  # int32, by id, in symbols
    scores: np.ndarray  # float64, by id
    root: int  # state of the root
    alphabet: int  # symbols are below it
    by_lines: bool  # no piece crosses from a line end into a new line


class Automaton(NamedTuple):
    """Pieces ready for the kernels. All arrays are read-only, so that each kernel is compiled once."""

    units: np.ndarray  # to `scores`: see `Links`
    falls: np.ndarray
    pieces: np.ndarray
    suffixes: np.ndarray
    lengths: np.ndarray
    scores: np.ndarray
    steps: np.ndarray  # uint64, by slot: state of the child << 40 | symbol << 24 | place of the piece
    rows: np.ndarray  # int64: the candidates of two symbols and more that end with a piece, from its place on
    of_symbol: np.ndarray  # int64: the candidate of a single symbol
    crowded: int  # pieces whose place is here or later have more candidates than a row has room for
    root: int  # state of the root
    reach: int  # length of the longest piece
    packed: bool  # rows and places hold: whole costs, none too large. If not, the place of a piece is its id
    by_lines: bool  # see `Links`


def build(pieces: list[bytes], ids: np.ndarray, scores: np.ndarray) -> Links:
    """Link `pieces`, sorted and different; piece i has the id `ids[i]` (int32) and `scores[ids[i]]`.

    Raises:
        InputError: A piece of more than 2047 bytes, more than 2097151 ids, or pieces of too many bytes together.
    """
    rows = join(pieces)
    return link(rows.buffer.astype(np.uint16), rows.starts, ids, scores, 256)


def link(symbols: np.ndarray, starts: np.ndarray, ids: np.ndarray, scores: np.ndarray, alphabet: int) -> Links:
    """The same of pieces that are rows of symbols (uint16) below `alphabet`; each symbol alone is one of them."""
    from minent.tokenizer import building

    lengths = np.zeros(len(scores), dtype=np.int32)
    lengths[ids] = np.diff(starts)
    check_bounds(lengths)
    queue = np.empty((2, len(ids), 3), dtype=np.int64)
    order = np.empty(len(symbols) + 1, dtype=np.int64)
    slots, placed = max(4 * alphabet, 2 * len(ids)), -1
    while placed < 0:
        slots *= 2
        offsets, parents, owners = np.full((3, slots), -1, dtype=np.int32)
        placed = building.place(symbols, starts, ids, alphabet, queue, offsets, parents, owners, order)
    slots = int(offsets.max()) + alphabet
    check_slots(slots)
    units, falls = np.full(slots, NO_STATE << 32, dtype=np.uint64), np.full(slots, offsets[0], dtype=np.uint32)
    found, suffixes = np.full(slots, ids[0], dtype=np.int32), np.full(len(scores), -1, dtype=np.int32)
    building.link(order[:placed], offsets[:slots], parents[:slots], owners[:slots], units, falls, found, suffixes)
    return linked(units, falls, found, suffixes, lengths, scores, int(offsets[0]), alphabet)


def linked(
    units: np.ndarray,
    falls: np.ndarray,
    pieces: np.ndarray,
    suffixes: np.ndarray,
    lengths: np.ndarray,
    scores: np.ndarray,
    root: int,
    alphabet: int = 256,
) -> Links:
    """Put together what was linked before."""
    scores = np.asarray(scores, dtype=np.float64)
    costs = -GRAIN * scores
    arrays = [read_only(array) for array in (units, falls, pieces, suffixes, lengths, scores)]
    return Links._make([*arrays, root, alphabet, not (costs == np.rint(costs)).all()])


def prepare(links: Links) -> Automaton:
    """Add what the kernels need besides, which follows from the links and the scores."""
    suffixes, lengths = links.suffixes, links.lengths
    costs = -GRAIN * links.scores
    packed = not links.by_lines and bool(np.abs(costs).max() <= _MOST_COST)
    candidates = _packed(lengths, costs if packed else np.zeros_like(costs))
    rows, places, crowded = np.empty(0, dtype=np.int64), np.arange(len(lengths), dtype=np.int32), 0
    if packed:
        rows, places, crowded = packed_rows(suffixes, lengths, candidates)
    singles = links.pieces[links.root : links.root + links.alphabet]
    made = [read_only(array) for array in (_steps(links.units, places[links.pieces]), rows, candidates[singles])]
    return Automaton._make([*links[:6], *made, crowded, links.root, int(lengths.max()), packed, links.by_lines])


def _steps(units: np.ndarray, places: np.ndarray) -> np.ndarray:
    """What a step needs to know, in one word. A slot is a child where its symbol is the distance from its parent."""
    symbols = np.arange(len(units), dtype=np.uint64) - (units >> np.uint64(32))  # far too large in an empty slot
    symbols = np.minimum(symbols, np.uint64(_NO_SYMBOL))
    children = units & np.uint64(NO_STATE)
    return children << np.uint64(40) | symbols << np.uint64(24) | places.astype(np.uint64)


def packed_rows(
    suffixes: np.ndarray, lengths: np.ndarray, candidates: np.ndarray
) -> tuple[np.ndarray, np.ndarray, int]:
    """Of each piece its chain without the single symbol, as a row; the places of the rows; from where on they go on.

    A row is the candidate of two symbols, then the `WIDTH` longest of three and more. Where there are more, the place
    of the row that goes on stands behind them, and the row lies behind those that are whole. Room that is left holds a
    candidate that is there already; or, of two symbols, one that never wins.
    """
    ids = np.arange(len(lengths))
    followers = np.append(np.where(lengths[suffixes] > 1, suffixes, -1), -1)  # the last is the follower of none
    followers[:-1][suffixes < 0] = -1
    held = np.full((len(ids), WIDTH + 1), -1)
    current = np.where(lengths > 1, ids, -1)
    for place in range(WIDTH + 1):
        held[:, place], current = current, followers[current]
    shortest = _ends(ids, followers[:-1])
    of_two = np.where(lengths[shortest] == 2, shortest, -1)
    single = _ends(ids, suffixes)
    held = np.where(lengths[held] > 2, held, -1)
    table = np.empty((len(ids), WIDTH + 2), dtype=np.int64)
    table[:, 0] = np.where(of_two >= 0, candidates[of_two], NEVER | (LONGEST_PIECE - 2) << 21)
    spare = np.where(of_two >= 0, candidates[of_two], candidates[single])
    for place in range(WIDTH):
        table[:, place + 1] = np.where(held[:, place] >= 0, candidates[held[:, place]], spare)
        spare = table[:, 1]
    goes_on = held[:, WIDTH] >= 0
    crowded = int((~goes_on).sum()) * (WIDTH + 1)
    whole_places, other_places = (np.cumsum(~goes_on) - 1) * (WIDTH + 1), (np.cumsum(goes_on) - 1) * (WIDTH + 2)
    places = np.where(goes_on, crowded + other_places, whole_places).astype(np.int32)
    table[:, WIDTH + 1] = places[held[:, WIDTH]]
    rows = np.concatenate((table[~goes_on, : WIDTH + 1].ravel(), table[goes_on].ravel()))
    return rows, places, crowded


def _ends(ids: np.ndarray, followers: np.ndarray) -> np.ndarray:
    """Where each id comes to when it goes on to its follower as long as there is one (-1: none)."""
    ends = np.where(followers >= 0, followers, ids)
    while True:
        further = ends[ends]
        if np.array_equal(further, ends):
            return ends
        ends = further


def window(automaton: Automaton) -> tuple[np.ndarray, np.ndarray]:
    """The costs, or where these are not whole the scores, that `kernels.advance` needs before the begin of a text."""
    best = np.full(WINDOW if automaton.packed else 0, NEVER, dtype=np.int64)
    totals = np.full(0 if automaton.packed else WINDOW, -np.inf)
    (best if automaton.packed else totals)[LONGEST_PIECE] = 0
    return best, totals


def _packed(lengths: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """The candidate of each id in one number: cost in 1/256 nat << 32 | (2047 - length) << 21 | id.

    So the least is the cheapest, and of equals the longest.
    """
    ids = np.arange(len(lengths))
    return np.rint(costs).astype(np.int64) << 32 | (LONGEST_PIECE - lengths.astype(np.int64)) << 21 | ids


def check_bounds(lengths: np.ndarray) -> None:
    """Whether the packed candidates have room.

    Raises:
        InputError: A piece of more than 2047 bytes, or more than 2097151 ids.
    """
    if len(lengths) >= MOST_IDS:
        raise InputError(f"there are {len(lengths)} ids; a tokenizer holds fewer than {MOST_IDS}. Take fewer pieces.")
    if lengths.max() > LONGEST_PIECE:
        raise InputError(
            f"the piece of id {int(lengths.argmax())} has {int(lengths.max())} bytes; a piece has at most "
            f"{LONGEST_PIECE}. Leave out longer ones."
        )


def check_slots(slots: int) -> None:
    """Whether the packed steps have room.

    Raises:
        InputError: The pieces have too many bytes together.
    """
    if slots >= MOST_SLOTS:
        raise InputError(
            f"the pieces take {slots} slots of the search array; a tokenizer has {MOST_SLOTS}. Leave out long ones."
        )


def read_only(array: np.ndarray) -> np.ndarray:
    """A view that cannot be written to: kernels are compiled for such, and once only."""
    view = np.ascontiguousarray(array).view()
    view.setflags(write=False)
    return view
