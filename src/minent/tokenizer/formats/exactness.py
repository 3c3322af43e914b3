"""What a tokenizer does that another library may not do: what every export asks before it promises equal ids."""

from __future__ import annotations

import re
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
    """Whether a library that segments a whole text at once could give other ids than line by line."""
    return grain_bits(tokenizer) is None or crosses_line_ends(tokenizer)


def crosses_line_ends(tokenizer: Tokenizer) -> bool:
    """Whether a piece goes on behind a line end."""
    return any(map(_CROSSES_LINE_END.search, tokenizer.pieces))


def special_names(taken: set[str]) -> list[str]:
    """Names of the ids 0, 1, 2 that no piece has."""
    return [free_name(name, taken) for name in ("<pad>", "<s>", "</s>")]


def free_name(name: str, taken: set[str]) -> str:
    """`name`, or `<|name|>` with as many bars as it takes to differ from all that are taken.

    Example:
        >>> free_name("<s>", {"<s>", "<|s|>"})
        '<||s||>'
    """
    bars = 0
    while (free := f"<{'|' * bars}{name[1:-1]}{'|' * bars}>") in taken:
        bars += 1
    return free
