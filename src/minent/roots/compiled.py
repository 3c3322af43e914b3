"""The search of `search.py` under Numba: one compiled loop over all elements, with the caller's function inside it.

The text is compiled as it stands; only the two views of a float as its bits are said in another way. Each function of
the caller's costs a compilation of the search around it, once per process.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import njit, types
from numba.core.errors import NumbaError
from numba.extending import overload, register_jitable
from numba.np.unsafe.ndarray import to_fixed_tuple
from numpy.typing import NDArray

from minent.errors import InputError
from minent.roots import search as text
from minent.roots.result import Root, root_of_arrays
from minent.runtime import thread_count

OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
_ELEMENTS_PER_THREAD = 2000  # fewer are done sooner by one thread than handed out


@overload(text.bits_of)
def _bits_of(x):
    return lambda x: np.float64(x).view(np.int64)


@overload(text.float_of)
def _float_of(bits):
    return lambda bits: np.int64(bits).view(np.float64)


@overload(text.scratch)
def _scratch(size):
    return lambda size: np.empty(size)


for _function in vars(text).copy().values():
    if getattr(_function, "__module__", "") == text.__name__ and _function not in (
        text.bits_of,
        text.float_of,
        text.scratch,
    ):
        register_jitable(error_model="numpy")(_function)


@functools.lru_cache(maxsize=256)
def bind(taylor: Any, count: int, order: int, family: int, multiplicity: int) -> tuple[Any, Any]:
    """Compile the search around `taylor`, which takes `count` parameters: for one root, and the loop over many."""
    _check(taylor, count, order)
    # The type of an intrinsic counts the context, which Numba passes itself.
    spread = njit((lambda row: to_fixed_tuple(row, count)) if count else (lambda row: ()), **OPTIONS)  # type: ignore[call-arg]

    @njit(**OPTIONS)
    def look(x, parameters):
        a = taylor(x, order - 1, *parameters)
        return a[0], text.trusted_step(a, order, family, multiplicity)

    @njit(**OPTIONS)
    def one(low, high, start, parameters, relative, absolute, enough, most):
        return text.search(look, spread(parameters), low, high, start, order, (relative, absolute, enough, most))

    @njit(**OPTIONS)
    def many(low, high, start, parameters, enough, settings, values, ends, steps, codes):
        relative, absolute, most = settings
        for i in range(len(low)):
            limits = (relative, absolute, enough[i], most)
            outcome = text.search(look, spread(parameters[i]), low[i], high[i], start[i], order, limits)
            values[0, i], values[1, i], steps[i], codes[i], ends[0, i], ends[1, i] = outcome

    return one, many


def _check(taylor: Any, count: int, order: int) -> None:
    """Refuse a `taylor` whose type, once it is compiled, is not a tuple of enough floats."""
    arguments = (types.float64, types.int64, *[types.float64] * count)
    try:
        taylor.compile(arguments)
        returned = taylor.overloads[arguments].signature.return_type
    except (NumbaError, TypeError) as error:  # a TypeError where the number of arguments is wrong
        lines = " ".join(str(error).strip().splitlines()[:3])
        raise InputError(f"taylor does not compile as taylor(x, order, *args) with {count} args: {lines}") from error
    if not isinstance(returned, types.UniTuple) or returned.dtype is not types.float64:
        raise InputError(
            f"taylor is compiled and returns {returned}; it takes a tuple (a_0, a_1, ...) of floats, 1.0 and not 1."
        )
    if len(returned) < order:
        raise InputError(
            f"taylor is compiled and returns {len(returned)} coefficients, but [a_0 .. a_{order - 1}] are needed; "
            f"lower the order to {len(returned)}, or return more."
        )


def search_compiled(
    taylor: Any, low: float, high: float, start: float, args: Sequence[float], settings: Any
) -> text.Outcome:
    """`search` of one root; the arguments are checked."""
    order, family, multiplicity, limits = settings
    one, _ = bind(taylor, len(args), order, family, multiplicity)
    for place, arg in enumerate(args):
        if np.ndim(arg):
            raise InputError(
                f"args[{place}] has shape {np.shape(arg)}, but one root takes numbers; find_root_array takes arrays."
            )
    return one(low, high, start, np.array(args, dtype=np.float64), *limits)


def search_arrays(
    taylor: Any,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    start: NDArray[np.float64],
    args: Sequence[NDArray[np.float64]],
    enough: NDArray[np.float64],
    settings: Any,
) -> Root:
    """`search` of one root for each element, shared among threads; the arguments are checked and of one shape."""
    order, family, multiplicity, limits = settings
    _, many = bind(taylor, len(args), order, family, multiplicity)
    shape, size = low.shape, low.size
    values, ends = np.empty((2, size)), np.empty((2, size))
    steps, codes = np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64)
    parameters = np.stack([parameter.ravel() for parameter in args], axis=-1) if args else np.empty((size, 0))
    inputs = [array.flatten() for array in (low, high, start)]  # copies: Numba warns of views that were broadcast
    inputs += [parameters, enough.flatten()]

    def part(piece: slice) -> None:
        many(
            *(array[piece] for array in inputs),
            limits,
            values[:, piece],
            ends[:, piece],
            steps[piece],
            codes[piece],
        )

    _share(part, size)
    bracket = (ends[0].reshape(shape), ends[1].reshape(shape))
    value, residual, steps, codes = (array.reshape(shape) for array in (*values, steps, codes))
    return root_of_arrays(value, residual, steps, codes, bracket)


def _share(part: Any, size: int) -> None:
    """Call `part` on slices that cover `size` elements, one for each thread."""
    threads = min(thread_count(), size // _ELEMENTS_PER_THREAD + 1)
    edges = [size * i // threads for i in range(threads + 1)]
    pieces = [slice(a, b) for a, b in itertools.pairwise(edges)]
    if threads == 1:
        part(pieces[0])
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(part, pieces))
