"""`scipy.optimize.elementwise.find_root` made of `find_root_array`, so that SciPy's own tests can judge it.

Run as a pytest plugin: it puts the shim in place of SciPy's function in SciPy's installed test module.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from minent.roots import Status, find_root_array

TINY = float(np.finfo(np.float64).tiny)
EPSILON = float(np.finfo(np.float64).eps)
CODES = {Status.CONVERGED: 0, Status.JUMP: 0, Status.NO_SIGN_CHANGE: -1, Status.STEP_LIMIT: -2, Status.NOT_FINITE: -3}


class Result(SimpleNamespace):
    """Attributes that can be read as items too, like SciPy's."""

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def keys(self) -> list[str]:
        return list(vars(self))


def find_root(f, init, /, *, args=(), tolerances=None, maxiter=None, callback=None) -> Result:
    limits = {"xatol": None, "xrtol": None, "fatol": None, "frtol": 0, **(tolerances or {})}
    _validate(f, limits, maxiter, callback)
    args = args if isinstance(args, tuple) else (args,)
    low, high = (np.asarray(end) for end in init)
    if np.iscomplexobj(low) or np.iscomplexobj(high):
        raise ValueError("Abscissae and function output must be real numbers.")
    dtype = np.result_type(
        low, high, *(np.asarray(a).dtype for a in args if np.asarray(a).dtype.kind == "f"), np.float16
    )
    dtype = dtype if dtype.kind == "f" else np.dtype(np.float64)
    low, high, *args = np.broadcast_arrays(low, high, *args)
    if low.dtype.kind != "f" and high.dtype.kind != "f":
        dtype = np.result_type(dtype, np.float64)
    info, seen = np.finfo(dtype), dict[tuple[int, float], float]()
    shape, size = low.shape, low.size

    def call(x: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        given = [np.reshape(np.asarray(a).ravel()[chosen], x.shape) for a in args]
        value = np.asarray(f(x.astype(dtype), *given))
        if value.shape != x.shape:
            raise ValueError("The shape of the array returned by `func` must be the same as the array it is given.")
        value = value.astype(np.float64)
        seen.update(zip(zip(chosen.tolist(), x.astype(dtype).ravel().tolist()), value.ravel().tolist()))
        return value

    def taylor(x: np.ndarray, order: int, index: np.ndarray) -> list[np.ndarray]:
        chosen = index.astype(np.int64).ravel()
        x = x.reshape(shape) if x.size == size else x
        return [np.reshape(call(x, chosen), index.shape)]

    xatol = 4 * info.smallest_normal if limits["xatol"] is None else limits["xatol"]
    xrtol = 4 * info.eps if limits["xrtol"] is None else limits["xrtol"]
    enough = np.full(size, float(info.smallest_normal) if limits["fatol"] is None else limits["fatol"])
    if limits["frtol"]:
        everyone = np.arange(size)
        ends = [np.abs(call(end.astype(dtype), everyone)).ravel() for end in (low, high)]
        enough = enough + limits["frtol"] * np.minimum(*ends)
    index = np.arange(size, dtype=np.float64).reshape(shape)
    ends = [end.astype(np.float64) for end in (low, high)]
    same = ends[0] == ends[1]  # our brackets have a width; SciPy's test also asks for those of none
    options = {"order": 1, "tolerance": max(float(xrtol), 1e-30), "absolute_tolerance": max(float(xatol), 4 * TINY)}
    if same.any():
        call(low.astype(dtype), np.arange(size))
    bracket = (ends[0], np.where(same, np.nextafter(ends[0], np.inf), ends[1]))
    bracket = (np.where(np.isinf(bracket[0]), np.finfo(np.float64).max / 2, bracket[0]), bracket[1])

    def run(most: int) -> Result:
        root = find_root_array(
            taylor, bracket=bracket, args=(index,), residual_tolerance=enough.reshape(shape), max_steps=most, **options
        )
        return _result(root, same, ends[0], seen, dtype)

    with np.errstate(all="ignore"):
        if callback is None:
            return run(2 + (2 * info.bits if maxiter is None else maxiter))
        for iteration in range(200):  # by replay: the search is deterministic, so its first k steps are always the same
            result = run(2 + iteration)
            if np.all(result.status != -2):
                return result
            result.status = np.full(shape, 1, dtype=np.int32)[()]
            try:
                callback(result)
            except StopIteration:
                result.status = np.full(shape, -4, dtype=np.int32)[()]
                return result
    raise AssertionError("never reached")


def _validate(f, limits, maxiter, callback) -> None:
    if not callable(f):
        raise ValueError("`func` must be callable.")
    for value in limits.values():
        if value is not None and (not isinstance(value, (int, float, np.number)) or not value >= 0):
            raise ValueError("Tolerances must be non-negative scalars.")
    if maxiter is not None and (maxiter != int(maxiter) or maxiter < 0):
        raise ValueError("`maxiter` must be a non-negative integer.")
    if callback is not None and not callable(callback):
        raise ValueError("`callback` must be callable.")


def _result(root, same, place, seen, dtype) -> Result:
    status = np.vectorize(CODES.__getitem__, otypes=[np.int32])(root.status)
    low, high = (np.where(same, place, end).astype(dtype) for end in root.bracket)
    values = [
        np.reshape([seen.get((i, x), math.nan) for i, x in enumerate(end.ravel().tolist())], end.shape).astype(dtype)
        for end in (low, high)
    ]
    best = np.where(np.abs(values[0]) <= np.abs(values[1]), low, high)
    residual = np.where(np.abs(values[0]) <= np.abs(values[1]), *values)
    status = np.where(same, np.where(residual == 0, 0, -1), status).astype(np.int32)
    failed = (status == -1) | (status == -3)
    x, residual = np.where(failed, math.nan, best).astype(dtype), np.where(failed, math.nan, residual).astype(dtype)
    fields = {
        "success": status == 0,
        "status": status,
        "x": x,
        "f_x": residual,
        "nfev": root.steps.astype(np.int32),
        "nit": (root.steps - 2).astype(np.int32),
        "bracket": (low[()], high[()]),
        "f_bracket": (values[0][()], values[1][()]),
    }
    return Result(**{name: field if isinstance(field, tuple) else field[()] for name, field in fields.items()})


@pytest.fixture(autouse=True)
def ours_in_place_of_theirs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request.module, "find_root", find_root)
