"""Rows of symbols to ids, on as many threads as are allowed: what stands between the verbs and the kernels."""

from __future__ import annotations

import numpy as np

from minent.tokenizer import seams
from minent.tokenizer.automaton import BLOCK, Automaton, read_only
from minent.tokenizer.text import Rows, join, over_shards

_WORTH_A_THREAD = 2**19  # symbols: some milliseconds; waking a thread takes half of one


def segment(rows: Rows, automaton: Automaton) -> tuple[np.ndarray, np.ndarray]:
    """Segment each row; return the ids of all rows end to end (int32) and the starts of the rows in them (int64)."""
    longest = int(np.diff(rows.starts).argmax()) if len(rows.starts) > 1 else 0
    if seams.are_worth_it(rows, longest):
        return _around(rows, longest, automaton)
    return _on_threads(rows, automaton)


def segment_one(data: bytes, automaton: Automaton) -> np.ndarray:
    """The ids of one text (int32), with as little around the kernel as can be: short texts are encoded one by one."""
    if len(data) > BLOCK:
        return segment(join([data]), automaton)[0]
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

    parts = over_shards(work, rows.starts, _WORTH_A_THREAD)
    return (parts[0] if len(parts) == 1 else np.concatenate(parts)), np.cumsum(counts)


def _around(rows: Rows, long: int, automaton: Automaton) -> tuple[np.ndarray, np.ndarray]:
    """One row is most of the text: it is cut for the threads, the others are taken as they are."""
    before, counts_before = _on_threads(Rows(rows.buffer, rows.starts[: long + 1]), automaton)
    row = read_only(rows.buffer[rows.starts[long] : rows.starts[long + 1]])
    if automaton.packed:
        ids = seams.segment(row, automaton)
    else:
        ids, _ = _on_threads(Rows(row, seams.line_starts(row, automaton)), automaton)
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
