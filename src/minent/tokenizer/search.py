"""The search array of the trainer: pieces as a double-array trie, with the cost and the number of a piece in one word.

A node is a slot, and `units[slot]` holds its parent in the high half and an offset in the low half: the child of node n
by byte b is slot `offset of n + b`, if the parent of that slot is n. `values[slot]` holds `cost << 32 | piece` where a
piece ends, and a number above all others where none does. So the best of all candidates at a position is one `min`
without a branch, and of equals the lowest number wins.

Source: J. Aoe, IEEE Transactions on Software Engineering 15 (1989).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minent.tokenizer import trie
from minent.tokenizer.text import join

NONE = np.uint64(2**62)


class Dictionary(NamedTuple):
    """Pieces ready for a pass, numbered in the order of their bytes."""

    units: np.ndarray  # uint64, (slots,)
    values: np.ndarray  # uint64, (slots,)
    lengths: np.ndarray  # int64, by piece


def dictionary(pieces: list[bytes], costs: np.ndarray) -> Dictionary:
    """Make the search array of `pieces`, sorted and different, the 256 bytes among them; costs are int64, from 0."""
    rows = join(pieces)
    packed = costs.astype(np.uint64) << np.uint64(32) | np.arange(len(pieces), dtype=np.uint64)
    units, values = trie.lay(rows, packed, NONE)
    return Dictionary(units, values, np.diff(rows.starts))
