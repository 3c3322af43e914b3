"""One long text on many threads, with the very ids that one thread finds.

What comes next depends on the state of the automaton and on the costs of the last `reach` positions relative to each
other. A thread that starts early, from nothing, soon has them right: where its values at its seam equal those that the
thread before it ends with, all that it chose is what one thread would have chosen; where they differ, its part is done
again. Whole costs make that comparison exact. Imported models have none, but their lines stand alone.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np

from minent.runtime import thread_count
from minent.tokenizer.automaton import LONGEST_PIECE, Automaton, window
from minent.tokenizer.text import Rows

_LEAST_BYTES = 2**20  # of a text that is worth cutting
_LEAD = 2**12  # how much earlier a thread starts than its part


def are_worth_it(rows: Rows, longest: int) -> bool:
    """Whether one row is long, and too much of the whole to be one thread's work."""
    size = int(rows.starts[longest + 1] - rows.starts[longest]) if len(rows.starts) > 1 else 0
    return size >= _LEAST_BYTES and thread_count() > 1 and size * thread_count() > len(rows.buffer)


def line_starts(buffer: np.ndarray, automaton: Automaton) -> np.ndarray:
    """The rows of a text that may be cut without a look at its seams: its lines, if no piece crosses them."""
    if not automaton.by_lines:
        return np.array([0, len(buffer)])
    is_begin = (buffer[:-1] == 10) & (buffer[1:] != 10)
    return np.concatenate(([0], np.flatnonzero(is_begin) + 1, [len(buffer)]))


def segment(buffer: np.ndarray, automaton: Automaton) -> np.ndarray:
    """The ids (int32) of one text by whole costs, on as many threads as are allowed."""
    ways = np.empty(len(buffer), dtype=np.uint32)
    cuts = np.linspace(0, len(buffer), thread_count() + 1).astype(int).tolist()
    with ThreadPoolExecutor(thread_count()) as pool:
        _choose(buffer, cuts, automaton, ways, pool.map)
        return _read(ways, cuts, automaton, pool.map)


def _choose(
    buffer: np.ndarray, cuts: list[int], automaton: Automaton, ways: np.ndarray, on_threads: Callable[..., Any]
) -> None:
    """Fill `ways`, every part on a thread of its own; what the seams refute is done again."""
    from minent.tokenizer import kernels

    nothing = np.empty(0)

    def last_of(window: np.ndarray) -> np.ndarray:
        return window[LONGEST_PIECE - automaton.reach : LONGEST_PIECE + 1]

    def part(begin: int, end: int) -> tuple[np.ndarray, np.ndarray, np.uint64]:
        early = max(0, begin - max(_LEAD, 2 * automaton.reach))
        best, _ = window(automaton)
        scratch = np.empty(begin - early, dtype=np.uint32)
        state = kernels.advance(buffer[early:begin], 0, np.uint64(automaton.root), automaton, best, nothing, scratch)
        assumed = last_of(best).copy()
        kernels.advance(buffer[begin:end], 0, np.uint64(state), automaton, best, nothing, ways[begin:end])
        return assumed, best, state

    found = list(on_threads(part, cuts[:-1], cuts[1:]))
    true = found[0][1]
    for (begin, end), (assumed, best, state) in zip(pairwise(cuts[1:]), found[1:]):
        if not np.array_equal(assumed, last_of(true)):
            kernels.advance(buffer[begin:end], 0, np.uint64(state), automaton, true, nothing, ways[begin:end])
        else:
            true = best


def _read(ways: np.ndarray, cuts: list[int], automaton: Automaton, on_threads: Callable[..., Any]) -> np.ndarray:
    """Read the ways back between positions that all of them share; such a position lies a little before each seam."""
    from minent.tokenizer import kernels

    shared = [0]
    for cut in cuts[1:-1]:
        position = kernels.ancestor(ways, shared[-1], cut, automaton.reach)
        if position > shared[-1]:
            shared.append(position)

    def part(begin: int, end: int) -> np.ndarray:
        ids = np.empty(end - begin, dtype=np.int32)
        return ids[: kernels.trace(ways, begin, end, ids, 0)]

    return np.concatenate(list(on_threads(part, shared, [*shared[1:], len(ways)])))
