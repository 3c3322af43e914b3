"""Adaptive randomised pivoting: columns drawn by leverage, each draw knowing the ones before it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minent.lowrank.matrices import square
from minent.lowrank.sources import Source, precision
from minent.lowrank.spectral import leading


def by_leverage(source: Source, taken: Sequence[int], count: int, draw: np.random.Generator) -> list[int]:
    """Draw columns in proportion to what the leading right singular vectors still have in them.

    With k columns drawn, the expected squared error is at most k + 1 times the least that rank k can leave.

    Source:
        Cortinovis & Kressner (2024), arXiv:2412.13992.
    """
    rank = min(len(taken) + count, *(side for side in source.shape if side >= 0))
    parts = leading(source, rank, draw)
    largest_side = max(source.shape)
    kept = parts.s > largest_side * precision(source.dtype) * parts.s.max(initial=0.0)
    rows = parts.vt[kept].conj().T.copy()
    for column in taken:
        _turn_away(rows, column)
    chosen: list[int] = []
    while len(chosen) < count and len(taken) + len(chosen) < rows.shape[1]:
        squares = square(rows).sum(axis=1)
        squares[[*taken, *chosen]] = 0.0
        left = float(squares.sum())
        if left <= 1e-12:
            break
        column = int(np.searchsorted(np.cumsum(squares), draw.random() * left, side="right"))
        column = min(column, int(np.flatnonzero(squares)[-1]))
        _turn_away(rows, column)
        chosen.append(column)
    return chosen


def _turn_away(rows: np.ndarray, column: int) -> None:
    """Take the direction of one row out of all rows, in place."""
    direction = rows[column].copy()
    size = float(np.linalg.norm(direction))
    if size > 1e-8:
        direction /= size
        rows -= np.outer(rows @ direction.conj(), direction)
