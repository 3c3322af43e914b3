"""Better columns by exchange: swap a chosen column for another where that helps.

`exchange` swaps to lower the error, on a small matrix that stands for a large one; `strengthen` swaps to raise the
volume that the columns span until no coefficient, and no column left out, is large: Gu and Eisenstat's strong
rank-revealing QR. Both look at all pairs at once, by products of matrices.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from minent.lowrank.matrices import Array, Matrix, column_squares, dense, residual_columns, rows_on, square
from minent.lowrank.orthogonal import inverse as invert

_WORTH = 0.025  # of the squared error, shared by all columns: a swap that gains less is not made
_SHRINK = 1 / 25  # of the squared volume: a swap that loses more is not made, for it would magnify the coefficients
_AT_ONCE = 4
_LARGEST_TABLE = 20_000_000


def exchange(
    b: Array, columns: list[int], fixed: int, most: int, outside: NDArray[np.float64] | None = None
) -> list[int]:
    """Swap one column after the other, the best pair first, as long as each lowers the squared error by 2.5 % / k.

    With `d_i` the direction that chosen column i alone adds, `t_ij = d_i.H b_j` and R the residual, the error after
    i is dropped and j is taken is `||R||**2 + ||t_i||**2 - ||(R + d_i t_i).H (r_j + d_i t_ij)||**2 / ||r_j + d_i
    t_ij||**2`. As `d_i` is perpendicular to R, all pairs come from three products.

    Args:
        b: (l, n), dense.
        columns: Chosen and independent; the first `fixed` stay.
        fixed: How many stay.
        most: How many swaps at most.
        outside: (n,), squared lengths of what the columns have outside of `b`, perpendicular to each other; None for
            zeros. The i-th chosen column has its own in coordinate i below `b`, where the others have zeros.

    Returns:
        As many columns, each new one in the place of the one it replaces.
    """
    chosen = list(columns)
    if len(chosen) * b.shape[1] > _LARGEST_TABLE or len(chosen) == fixed:
        return chosen
    apart = np.zeros(b.shape[1]) if outside is None else outside
    floor = 1e2 * np.finfo(b.dtype).eps ** 1.5 * float(column_squares(b).sum() + apart.sum())
    single, promised, worth_it = chosen, np.inf, _WORTH / len(chosen)
    for _ in range(most):
        rest, added, worth = _state(b, chosen, apart if outside is not None else None)
        left = float(square(rest).sum() + np.delete(apart, chosen).sum())
        if left > promised:  # together the swaps do less than the best of them alone
            chosen, promised = single, np.inf
            continue
        after = left - _gains(rest, added, worth, chosen, apart)
        after[:fixed] = np.inf
        swaps = _best_swaps(after, left, worth_it)
        if left <= floor or not swaps:
            break
        promised = float(after[swaps[0]]) * (1 + 1e-9)
        single, chosen = _swapped(chosen, swaps[:1]), _swapped(chosen, swaps)
    return chosen if left <= promised else single


def _best_swaps(after: NDArray[np.float64], left: float, worth: float) -> list[tuple[int, int]]:
    """The best swap, and up to three more that concern other columns and gain at least half as much."""
    swaps, best = list[tuple[int, int]](), float(after.min(initial=np.inf))
    columns = np.argmin(after, axis=1)
    values = after[np.arange(len(after)), columns]
    limit, worst = (1 - worth) * left, min((1 - worth) * left, (best + left) / 2)
    for place in np.argsort(values, kind="stable")[: 4 * _AT_ONCE]:
        is_new = int(columns[place]) not in [column for _, column in swaps]
        if len(swaps) < _AT_ONCE and is_new and values[place] <= (worst if swaps else limit):
            swaps.append((int(place), int(columns[place])))
    return swaps


def _swapped(chosen: list[int], swaps: list[tuple[int, int]]) -> list[int]:
    changed = list(chosen)
    for place, column in swaps:
        changed[place] = column
    return changed


def _state(b: Array, chosen: list[int], outside: Array | None) -> tuple[Array, Array, NDArray[np.float64]]:
    """The residual, what each chosen column adds to each other one, and the length that it alone adds to itself."""
    basis = b[:, chosen]
    if outside is not None:
        basis = np.vstack([basis, np.diag(np.sqrt(outside[chosen])).astype(b.dtype)])
    q, r = np.linalg.qr(basis)
    inverse, seen = invert(r), q[: len(b)].conj().T @ b
    seen[:, chosen] = r
    rest = -q @ seen
    rest[: len(b)] += b
    rest[:, chosen] = 0.0
    worth = 1 / np.sqrt(square(inverse).sum(axis=1))
    return rest, (inverse @ seen) * worth[:, None], worth


def _gains(
    rest: Array, added: Array, worth: NDArray[np.float64], chosen: list[int], outside: NDArray[np.float64]
) -> NDArray[np.float64]:
    """By how much each swap (chosen, other) lowers the squared error; -inf where it must not be made."""
    sizes = square(added)
    lost = sizes.sum(axis=1)[:, None]
    explained = ((rest @ rest.conj().T) @ rest).conj()  # column j: R R.H r_j, conjugated
    lengths = square(rest).sum(axis=0)
    own = np.einsum("ij,ij->j", explained, rest).real + (2 * lengths + outside) * outside
    cross = (added * (rest.conj().T @ (rest @ added.conj().T)).T).real
    length = lengths + outside + sizes
    gain = own + sizes * lost
    gain += 2 * cross + sizes * (2 * outside)
    allowed = length > np.maximum(_SHRINK * worth[:, None] ** 2, np.finfo(rest.dtype).tiny)
    allowed[:, chosen] = False
    return np.where(allowed, gain / np.where(allowed, length, 1.0) - lost, -np.inf)


def strengthen(a: Matrix, columns: list[int], fixed: int, factor: float) -> list[int]:
    """Swap until every `T_ij**2 + (||r_j|| ||row i of R11**-1||)**2` is at most `factor**2`.

    That quantity is the squared volume after the swap over that before, so each swap raises the volume by more than
    `factor` and it ends.

    Args:
        a: (m, n), dense or sparse.
        columns: Chosen and independent; the first `fixed` stay, and are outside the guarantee.
        fixed: How many stay.
        factor: Above 1.

    Returns:
        As many columns.

    Source:
        Gu & Eisenstat (1996), doi:10.1137/0917055, algorithm 4.
    """
    chosen = list(columns)
    while len(chosen) > fixed:
        q, r = np.linalg.qr(dense(a[:, chosen]))
        inverse, seen = invert(r), rows_on(q, a)
        apart = residual_columns(a, q, seen)
        growth = square(inverse @ seen) + apart * square(inverse).sum(axis=1)[:, None]
        growth[:, chosen] = 0.0
        growth[:fixed] = 0.0
        place, column = np.unravel_index(np.argmax(growth), growth.shape)
        if growth[place, column] <= factor**2:
            break
        chosen[place] = int(column)
    return chosen


def strong_bound(rank: int, columns: int, factor: float) -> float:
    """`||a - a[:, columns] T||_2` is at most this many times the next singular value, after `strengthen`."""
    return math.sqrt(1 + factor**2 * rank * (columns - rank))
