"""What a tokenizer does that another library may not do: what every export asks before it promises equal ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from minent.tokenizer.model import Tokenizer

_CROSSES_LINE_END = re.compile(rb"\n[^\n]")


def grain_bits(tokenizer: Tokenizer) -> int | None:
    """The least k up to 10 for which all scores are multiples of 2^-k; None where sums of scores depend on rounding."""
    for bits in range(11):
        scaled = tokenizer.scores * 2**bits
        if np.array_equal(scaled, np.round(scaled)) and np.abs(scaled).max() < 2**24:
            return bits
    return None


def line_cuts_matter(tokenizer: Tokenizer) -> bool:
    """Whether this tokenizer goes line by line, and a library that takes a whole text could give other ids for it.

    It goes line by line where scores are no multiples of 1/256.
    """
    bits = grain_bits(tokenizer)
    return bits is None or (bits > 8 and crosses_line_ends(tokenizer))


def crosses_line_ends(tokenizer: Tokenizer) -> bool:
    """Whether a piece goes on behind a line end."""
    return any(map(_CROSSES_LINE_END.search, tokenizer.pieces))


def special_names(taken: set[str]) -> list[str]:
    """Names of the ids 0, 1, 2 that no piece has."""
    return free_names(("<pad>", "<s>", "</s>"), taken)


def free_name(name: str, taken: set[str]) -> str:
    """`name`, with as many bars inside its ends as it takes to differ from all that are taken.

    Example:
        >>> free_name("<s>", {"<s>", "<|s|>"})
        '<||s||>'
    """
    while name in taken:
        name = f"{name[0]}|{name[1:-1]}|{name[-1]}"
    return name


def free_names(names: Sequence[str], taken: set[str]) -> list[str]:
    """`free_name` for several names that are also to differ from each other."""
    found: list[str] = []
    for name in names:
        found.append(free_name(name, taken.union(found)))
    return found
