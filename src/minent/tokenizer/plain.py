"""The same segmentation without compiled loops, for a process that encodes little: Numba alone takes longer to load.

Scores that are whole multiples of 1/256 nat have exact sums in float64 too, so both ways always agree.
"""

from __future__ import annotations

import os
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from minent.tokenizer.text import Rows

if TYPE_CHECKING:
    from minent.tokenizer.automaton import Links

_BYTES = 2**15  # a process that encodes more than this loads the kernels: about 0.05 s of plain loops
_spent = 0


def is_enough_for(size: int) -> bool:
    """Whether so many bytes are better done here: nothing compiled is loaded yet, and the process did little so far."""
    global _spent
    if "minent.tokenizer.kernels" in sys.modules or os.environ.get("MINENT_PLAIN_TOKENIZER") == "0":
        return False
    _spent += size
    return _spent <= _BYTES


def segment_rows(rows: Rows, links: Links) -> tuple[np.ndarray, np.ndarray]:
    """What `segmentation.segment` returns."""
    data, ends = rows.buffer.tobytes(), rows.starts.tolist()
    parts = [segment(data[a:b], links) for a, b in pairwise(ends)]
    starts = np.zeros(len(ends), dtype=np.int64)
    np.cumsum([len(part) for part in parts], out=starts[1:])
    return np.array([id for part in parts for id in part], dtype=np.int32), starts


def segment(data: bytes, links: Links) -> list[int]:
    """The ids of one text."""
    units, falls, pieces, suffixes, lengths, scores = (part.data for part in links[:6])
    state, line, before = links.root, 0, -1
    totals, last = [0.0], []
    for i, byte in enumerate(data):
        while units[state + byte] >> 32 != state:
            state = falls[state]
        piece, state = pieces[state + byte], units[state + byte] & 0xFFFFFFFF
        if links.by_lines and before == 10 and byte != 10:
            line, totals[i] = i, 0.0
        before = byte
        highest, chosen = -np.inf, -1
        while piece >= 0:
            begin = i + 1 - lengths[piece]
            if begin >= line and totals[begin] + scores[piece] > highest:
                highest, chosen = totals[begin] + scores[piece], piece
            piece = suffixes[piece]
        totals.append(highest)
        last.append(chosen)
    ids, end = [], len(data)
    while end:
        ids.append(last[end - 1])
        end -= lengths[ids[-1]]
    return ids[::-1]
