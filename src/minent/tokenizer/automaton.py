"""The pieces as an automaton over bytes, and the likeliest segmentation of a text.

**Finding the pieces.** Read a text byte by byte: the automaton (Aho and Corasick) knows the longest piece that ends
here, and each piece knows the longest other piece that ends it (`suffixes`), so all pieces that end at a position are a
chain. A state is a number: its child by byte b is slot `state + b`, if the high half of `units` there is the state
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

from typing import Any, NamedTuple

import numpy as np

from minent.errors import InputError
from minent.tokenizer import plain, seams
from minent.tokenizer.text import Rows, join, over_shards

LONGEST_PIECE, MOST_IDS = 2**11 - 1, 2**21  # what a candidate packed into 64 bits has room for
WIDTH = 3  # candidates of a piece that are looked at without a branch
GRAIN = 256.0  # scores that are multiples of 1 / GRAIN nat are summed as whole numbers
NO_STATE = 2**32 - 1  # the parent of an empty slot
_MOST_COST = 2.0**15  # 128 nats: 4096 of them, shifted, leave room in 64 bits
MOST_SCORE = 2.0**40  # sums of as many as a text may need stay finite
NEVER = 1 << 61  # worse than any sum
BLOCK = 4096  # bytes that are scanned, then chosen from: what they need stays in the nearest cache


class Automaton(NamedTuple):
    """Pieces ready for search. All arrays are read-only, so that each kernel is compiled once."""

    units: np.ndarray  # uint64, by slot: state of the parent << 32 | state of the child
    falls: np.ndarray  # uint32, by state
    pieces: np.ndarray  # int32, by slot: id of the longest piece that ends on arrival
    suffixes: np.ndarray  # int32, by id: the longest other piece that ends this one, or -1
    lengths: np.ndarray  # int32, by id, in bytes
    scores: np.ndarray  # float64, by id
    runs: np.ndarray  # int64, (ids, WIDTH): the first candidates of two bytes and more of a chain, see `packed_runs`
    overflow: np.ndarray  # int32, by id: where the chain goes on after its run, or -1
    of_byte: np.ndarray  # int64, (256,): the candidate of a single byte
    root: int  # state of the root
    reach: int  # length of the longest piece
    packed: bool  # the packed candidates hold: whole costs, none too large
    by_lines: bool  # no piece crosses from a line end into a new line


def build(pieces: list[bytes], ids: np.ndarray, scores: np.ndarray) -> Automaton:
    """Make the automaton of `pieces`, sorted and different; piece i has the id `ids[i]` (int32) and `scores[ids[i]]`.

    Raises:
        InputError: A piece of more than 2047 bytes, or more than 2097151 ids.
    """
    from minent.tokenizer import building

    rows = join(pieces)
    lengths = np.zeros(len(scores), dtype=np.int32)
    lengths[ids] = np.diff(rows.starts)
    check_bounds(lengths)
    queue = np.empty((2, len(pieces), 3), dtype=np.int64)
    order = np.empty(len(rows.buffer) + 1, dtype=np.int64)
    slots, placed = max(1024, 2 * len(pieces)), -1
    while placed < 0:
        slots *= 2
        offsets, parents, owners = np.full((3, slots), -1, dtype=np.int32)
        placed = building.place(rows.buffer, rows.starts, ids, queue, offsets, parents, owners, order)
    slots = int(offsets.max()) + 256
    units, falls = np.full(slots, NO_STATE << 32, dtype=np.uint64), np.full(slots, offsets[0], dtype=np.uint32)
    found, suffixes = np.full(slots, ids[0], dtype=np.int32), np.full(len(scores), -1, dtype=np.int32)
    building.link(order[:placed], offsets[:slots], parents[:slots], owners[:slots], units, falls, found, suffixes)
    return prepare(units, falls, found, suffixes, lengths, scores, int(offsets[0]))


def prepare(
    units: np.ndarray,
    falls: np.ndarray,
    pieces: np.ndarray,
    suffixes: np.ndarray,
    lengths: np.ndarray,
    scores: np.ndarray,
    root: int,
) -> Automaton:
    """Add to an automaton what follows from it and the scores."""
    costs = -GRAIN * scores
    by_lines = not (costs == np.rint(costs)).all()
    packed = not by_lines and bool(np.abs(costs).max() <= _MOST_COST)
    runs, overflow = packed_runs(suffixes, lengths, costs if packed else np.zeros_like(costs))
    of_byte = _packed(np.arange(len(lengths)), lengths, costs if packed else np.zeros_like(costs))
    of_byte = of_byte[pieces[root : root + 256]]
    arrays = (units, falls, pieces, suffixes, lengths, np.asarray(scores, dtype=np.float64), runs, overflow, of_byte)
    named: dict[str, Any] = {name: read_only(array) for name, array in zip(Automaton._fields, arrays)}
    return Automaton(**named, root=root, reach=int(lengths.max()), packed=packed, by_lines=by_lines)


def packed_runs(suffixes: np.ndarray, lengths: np.ndarray, costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each chain without its single byte, cut into runs of `WIDTH` candidates, longest first.

    A candidate is one number: cost in 1/256 nat << 32 | (2047 - length) << 21 | id. So the least is the cheapest,
    and of equals the longest. A run that is short is filled with candidates that never win.
    """
    longer = lengths > 1
    candidates = _packed(np.arange(len(lengths)), lengths, costs)
    going_on = np.append(np.where(longer[suffixes] & (suffixes >= 0), suffixes, -1), np.int32(-1))
    current = np.where(longer, np.arange(len(lengths)), -1)
    runs = np.empty((len(lengths), WIDTH), dtype=np.int64)
    for place in range(WIDTH):
        runs[:, place] = np.where(current >= 0, candidates[current], NEVER | (LONGEST_PIECE - 1) << 21)
        current = going_on[current]
    return runs, current.astype(np.int32)


def window(automaton: Automaton) -> tuple[np.ndarray, np.ndarray]:
    """The costs, or where these are not whole the scores, that `kernels.advance` needs before the begin of a text."""
    best = np.full(window_size(automaton) if automaton.packed else 0, NEVER, dtype=np.int64)
    totals = np.full(0 if automaton.packed else window_size(automaton), -np.inf)
    (best if automaton.packed else totals)[automaton.reach] = 0
    return best, totals


def window_size(automaton: Automaton) -> int:
    """How many values the kernels need: those of the last positions, and of a block."""
    return BLOCK + automaton.reach + 1


def _packed(ids: np.ndarray, lengths: np.ndarray, costs: np.ndarray) -> np.ndarray:
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


def read_only(array: np.ndarray) -> np.ndarray:
    """A view that cannot be written to: kernels are compiled for such, and once only."""
    view = np.ascontiguousarray(array).view()
    view.setflags(write=False)
    return view


def segment(rows: Rows, automaton: Automaton) -> tuple[np.ndarray, np.ndarray]:
    """Segment each row; return the ids of all rows end to end (int32) and the starts of the rows in them (int64)."""
    if plain.is_enough_for(len(rows.buffer)):
        return plain.segment_rows(rows, automaton)
    longest = int(np.diff(rows.starts).argmax()) if len(rows.starts) > 1 else 0
    if seams.are_worth_it(rows, longest):
        return _around(rows, longest, automaton)
    return _on_threads(rows, automaton)


def segment_one(data: bytes, automaton: Automaton) -> np.ndarray:
    """The ids of one text (int32), with as little around the kernel as can be: short texts are encoded one by one."""
    if len(data) > BLOCK:
        return segment(join([data]), automaton)[0]
    if plain.is_enough_for(len(data)):
        return np.array(plain.segment(data, automaton), dtype=np.int32)
    from minent.tokenizer import kernels

    return kernels.segment_one(np.frombuffer(data, dtype=np.uint8), automaton)


def _on_threads(rows: Rows, automaton: Automaton) -> tuple[np.ndarray, np.ndarray]:
    from minent.tokenizer import kernels

    buffer = read_only(rows.buffer)
    counts = np.zeros(len(rows.starts), dtype=np.int64)

    def work(first: int, last: int) -> np.ndarray:
        starts = rows.starts[first : last + 1]
        ways = np.empty(np.diff(starts).max(initial=0), dtype=np.uint32)
        ids = np.empty(starts[-1] - starts[0], dtype=np.int32)  # pages that are not reached are never touched
        return ids[: kernels.segment(buffer, starts, automaton, ways, ids, counts[first + 1 : last + 1])].copy()

    parts = over_shards(work, rows.starts)
    return (parts[0] if len(parts) == 1 else np.concatenate(parts)), np.cumsum(counts)


def _around(rows: Rows, long: int, automaton: Automaton) -> tuple[np.ndarray, np.ndarray]:
    """One row is most of the text: it is cut for the threads, the others are taken as they are."""
    before, counts_before = _on_threads(Rows(rows.buffer, rows.starts[: long + 1]), automaton)
    ids = seams.segment(read_only(rows.buffer[rows.starts[long] : rows.starts[long + 1]]), automaton)
    after, counts_after = _on_threads(Rows(rows.buffer, rows.starts[long + 1 :]), automaton)
    starts = np.concatenate((counts_before, counts_after + len(before) + len(ids)))
    return np.concatenate((before, ids, after)), starts


def sample(buffer: np.ndarray, automaton: Automaton, alpha: float, uniforms: np.ndarray) -> np.ndarray:
    """Draw a segmentation with probability proportional to `exp(alpha * score)`.

    Args:
        buffer: Bytes of one text.
        automaton: The pieces.
        alpha: 0 makes every segmentation as likely as any other; the larger, the nearer to the best one.
        uniforms: A number in [0, 1) for each byte; the one at which a piece ends decides which piece it is.

    Source:
        kexue.fm/archives/9811: the exact law; here by weighing from the front and drawing from the end.
    """
    from minent.tokenizer import drawing

    ids, weights = np.empty(len(buffer), dtype=np.int32), np.empty(len(buffer) + 1)
    buffer = read_only(buffer)
    return ids[drawing.draw(buffer, automaton, alpha, uniforms, weights, ids) :].copy()
