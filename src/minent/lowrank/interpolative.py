"""The interpolative decomposition: a matrix from a few of its own columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minent.errors import InputError, did_you_mean, listing, number
from minent.lowrank import growing
from minent.lowrank.adaptive import by_leverage
from minent.lowrank.estimates import PROBES, ErrorKind, largest
from minent.lowrank.exchange import strengthen
from minent.lowrank.fitting import Fit, fewest, fit, fit_on_mixtures, spare
from minent.lowrank.matrices import Array, check_goal
from minent.lowrank.selection import Selector, by_gain, by_length, by_pool
from minent.lowrank.sketch import draw_sketch, settled, triangle_of, width_for
from minent.lowrank.sources import Source, in_memory, open_source, root
from minent.lowrank.tensors import like, to_numpy

METHODS = ("sketch", "qr", "strong", "greedy", "columns", "arp")
_SELECTORS: dict[str, Selector] = {"qr": by_length, "strong": by_length, "columns": by_pool, "greedy": by_gain}
_FIRST_ROUND = 16


@dataclass(frozen=True, eq=False)
class Interpolative:
    """`a` is near `a[:, columns] @ coefficients`.

    Attributes:
        columns: int64 (k,), the columns that are kept, those of `start` first.
        coefficients: (k, n) in the dtype of the matrix; the identity on `columns`.
        error: Frobenius norm of `a - a[:, columns] @ coefficients`, or a bound of it.
        relative_error: `error` over the Frobenius norm of `a` (for an operator, over a lower bound of it); 0 for a
            zero matrix.
        error_kind: How the error is known: `"exact"` in memory, to six digits or more (where it is not itself the
            rounding of the matrix); `"upper bound with probability
            0.999"` from mixtures of the rows that were kept apart to test with, where the entries cannot be looked at.
        largest_coefficient: `max |coefficients|`, 1 or more unless nothing is kept: how much an error in a kept
            column may grow in the others.
    """

    columns: NDArray[np.int64]
    coefficients: Array
    error: float
    relative_error: float
    error_kind: ErrorKind = ErrorKind.EXACT
    largest_coefficient: float = 0.0

    @property
    def rank(self) -> int:
        """How many columns are kept."""
        return len(self.columns)


def interpolative(
    a: ArrayLike | Any,
    *,
    rank: int | None = None,
    tolerance: float | None = None,
    method: str = "sketch",
    start: Sequence[int] | NDArray[np.integer[Any]] = (),
    factor: float = 2.0,
    seed: int = 0,
) -> Interpolative:
    """Choose columns of a matrix and write all the others as mixtures of them.

    The coefficients are the least-squares ones on the chosen columns, whatever way chose them. No more columns are
    kept than the matrix has rank to rounding, so a zero matrix keeps none.

    Args:
        a: (m, n), real or complex: an array, scipy.sparse in any format, a torch tensor, a `LinearOperator`, a
            memory-mapped array, a function that returns an iterator over chunks of rows, or such an iterator. A
            function is called twice by rank, and once more each time the sketch must grow to reach a tolerance. Of an
            iterator, read once, the coefficients come from the sketch too, which costs some 15 % of the error.
        rank: How many columns to keep, those of `start` included, from 0 to `min(m, n)`.
        tolerance: Or else, the largest error allowed, relative to the Frobenius norm of `a`: so few columns that none
            (by `"qr"`, `"greedy"`, `"columns"`, `"arp"`: not the last) can be left out.
        method: `"sketch"`, pivoted QR and exchanges on a few mixtures of the rows (by tolerance, somewhat more pivots
            than are needed, of which those that are missed least go): the fastest, and nearly always more accurate
            than `"qr"`; `"qr"`, column-pivoted QR; `"strong"`, then exchanged until no coefficient is above `factor`
            and the error is bounded in terms of the next singular value; `"greedy"`, always the column that lowers
            the error most; `"columns"`, pivoted QR among columns drawn at random; `"arp"`, drawn by leverage, with the
            best bound of the expected error. All but `"sketch"` and `"arp"` need `a` in memory.
        start: Columns that are taken first, whatever they are worth, without repeats.
        factor: Of `"strong"`: above 1. Columns of `start` stay, outside the guarantee.
        seed: Of the random mixtures and draws; `"qr"`, `"strong"` and `"greedy"` have none.

    Returns:
        The columns, the coefficients and the error; tensors for a tensor.

    Raises:
        InputError: Neither or both of `rank` and `tolerance`, a rank or start column that does not exist, an unknown
            method, or one that cannot work on what was passed, or a matrix that is empty, not numeric or not finite.

    Source:
        J. Su, kexue.fm/archives/10501; Voronin & Martinsson (2017), doi:10.1007/s10444-016-9494-8.

    Example:
        >>> import numpy as np
        >>> a = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 3.0]])
        >>> found = interpolative(a, rank=2, method="qr")
        >>> found.columns.tolist(), bool(np.allclose(a[:, found.columns] @ found.coefficients, a))
        ([2, 0], True)
    """
    _check_method(method, rank, tolerance, factor)
    source = open_source(a)
    _check_shape(source, rank, tolerance)
    first = _checked_start(to_numpy(start), rank, source.shape)
    draw = np.random.default_rng(seed)
    if method == "sketch":
        if rank is not None:
            found = _sketched(source, first, rank, draw)
        else:
            assert tolerance is not None  # one of both is given
            found = growing.reach(source, first, float(tolerance), draw)
    else:
        select = _selector(source, method)
        if rank is not None:
            found = _fit_anew(source, [*first, *select(first, rank - len(first), draw)], draw)
        else:
            assert tolerance is not None  # one of both is given
            found = _reach(source, select, first, float(tolerance), draw)
        if method == "strong":
            found = _strong(source, found, len(first), factor, tolerance)
    return like(_result(found), a)


def _result(found: Fit) -> Interpolative:
    coefficients, error, size = found.coefficients(), root(found.squares), root(found.size)
    relative = error / size if size else 0.0
    return Interpolative(found.columns, coefficients, error, relative, found.kind, largest(coefficients))


def _check_method(method: str, rank: int | None, tolerance: float | None, factor: float) -> None:
    if (rank is None) == (tolerance is None):
        raise InputError(f"rank is {rank} and tolerance is {tolerance}; give one of them, the other follows from it.")
    if method not in METHODS:
        raise InputError(f"method is {method!r}, but there are {listing(METHODS)}.{did_you_mean(method, METHODS)}")
    number("factor", factor, 1, ", such as 2: it bounds coefficients of which some are 1", above=True)


def _check_shape(source: Source, rank: int | None, tolerance: float | None) -> None:
    counted = source.shape[0] >= 0
    check_goal(rank, tolerance, source.shape if counted else (source.shape[1], source.shape[1]))
    if source.once and rank is None:
        raise InputError(
            "a is an iterator, whose rows can be read once, but a tolerance may need several passes; give rank, or "
            "pass the function that makes the iterator."
        )


def _checked_start(start: Sequence[int] | Array, rank: int | None, shape: tuple[int, int]) -> list[int]:
    first = [int(column) for column in start]
    for place, column in enumerate(first):
        if not 0 <= column < shape[1]:
            raise InputError(f"start[{place}] is {column}, but the columns are 0 to {shape[1] - 1}.")
        if column in first[:place]:
            raise InputError(f"start[{place}] is {column}, which stands there before; name each column once.")
    most = min(side for side in shape if side >= 0) if rank is None else rank
    if len(first) > most:
        raise InputError(f"start has {len(first)} columns, but at most {most} are kept; shorten it or raise rank.")
    return first


Select = Callable[[Sequence[int], int, np.random.Generator], list[int]]


def _selector(source: Source, method: str) -> Select:
    if method == "arp":
        if source.once:
            raise InputError("a is an iterator, whose rows can be read once; use method='sketch', or pass its maker.")
        return lambda taken, count, draw: by_leverage(source, taken, count, draw)
    cure = "use method='sketch' or 'arp', or np.asarray of it"
    matrix, select = in_memory(source, f"method={method!r}", cure), _SELECTORS[method]
    return lambda taken, count, draw: select(matrix, taken, count, draw)


# --- by sketch --------------------------------------------------------------------------------------------------------


def _sketched(source: Source, first: list[int], rank: int, draw: np.random.Generator) -> Fit:
    source = settled(source, width_for(source, rank))
    sketch = draw_sketch(source, rank, draw)
    columns = sketch.choose(first, rank - len(first))
    if source.once:
        assert sketch.mixtures is not None
        assert sketch.probes is not None
        return fit_on_mixtures(source, columns, sketch.mixtures, sketch.probes)
    return fit(source, columns, sketch.mixtures, sketch.probes)


# --- by the others --------------------------------------------------------------------------------------------------


def _fit_anew(source: Source, columns: list[int], draw: np.random.Generator) -> Fit:
    """Least squares on columns that were chosen without mixtures; where those are needed, they are drawn now."""
    if source.matrix is not None:
        return fit(source, columns)
    both = source.mixtures(width_for(source, len(columns)) + PROBES, draw)
    return fit(source, columns, both[:-PROBES], both[-PROBES:])


def _reach(source: Source, select: Select, first: list[int], tolerance: float, draw: np.random.Generator) -> Fit:
    """Choose in rounds that double, until the error is small enough; then drop what was not needed."""
    columns, most = list(first), min(side for side in source.shape if side >= 0)
    found = _fit_anew(source, columns, draw)
    while found.squares > tolerance**2 * found.size and len(columns) < most:
        wanted = min(max(_FIRST_ROUND, len(columns)), most - len(columns))
        new = select(columns, wanted, draw)
        columns += new
        found = _fit_anew(source, columns, draw)
        if len(new) < wanted:
            break
    return fewest(found, len(first), tolerance**2 * found.size)


def _strong(source: Source, found: Fit, fixed: int, factor: float, tolerance: float | None) -> Fit:
    """Exchange until the guarantee holds; for a tolerance, with the fewest columns with which it is still reached."""
    matrix = triangle_of(source.matrix)

    def strong(columns: list[int]) -> Fit:
        return fit(source, strengthen(matrix, columns, fixed, factor))

    found = strong(found.columns.tolist())
    if tolerance is None:
        return found
    target = tolerance**2 * found.size
    while found.squares > target:
        new = by_length(matrix, found.columns.tolist(), 1)
        if not new:
            return found
        found = strong([*found.columns.tolist(), *new])
    while len(spare(found, fixed, target).columns) < len(found.columns):
        fewer = strong(spare(found, fixed, target).columns.tolist())
        if fewer.squares > target:
            return found
        found = fewer
    return found
