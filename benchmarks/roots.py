"""Roots beside SciPy's and mpmath's: the answer first, then evaluations, seconds and the ratio.

    python -m benchmarks.roots

Question: one root and a hundred thousand of them against `scipy.optimize.elementwise.find_root` (Chandrupatla; on a
NumPy function, and on one that `numba.vectorize` made), with our function compiled by Numba, as plain NumPy, and by
values alone; one root against `brentq` and `toms748` too, which SciPy's users take for one, with the same compiled
function; many targets of one function through `inverse_function`; 50, 500 and 5,000 digits against `mpmath.findroot`
by its secant (default) and by Newton with the derivative, each with the same start. Every figure is the median of runs
that follow one another. Compilation (seconds, once per process and function) is left out, and said.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
from numba import njit, vectorize
from scipy.optimize import brentq, elementwise, toms748

from minent.roots import find_root, find_root_array, find_root_mp, inverse_function, taylor_of
from minent.runtime import thread_count


@njit
def cosine(x, order, p):
    c, s = math.cos(x), math.sin(x)
    return c - p, -s, -c / 2, s / 6


@njit
def kepler(x, order, p):
    c, s = 0.9 * math.cos(x), 0.9 * math.sin(x)
    return x - s - math.pi * (p + 1) / 2, 1 - c, s / 2, c / 6


@njit
def normal(x, order, p):
    density = math.exp(-x * x / 2) * 0.3989422804014327
    return math.erf(x * 0.7071067811865476) - p, 2 * density, -x * density, (x * x - 1) * density / 3


def scipys() -> dict[str, tuple[Callable, Callable, tuple[float, float]]]:
    from scipy.special import erf

    return {
        "cos x = p": (cosine, lambda x, p: np.cos(x) - p, (0.0, math.pi)),
        "x - 0.9 sin x = p": (kepler, lambda x, p: x - 0.9 * np.sin(x) - math.pi * (p + 1) / 2, (0.0, math.pi)),
        "erf x = p": (normal, lambda x, p: erf(x * 0.7071067811865476) - p, (-6.0, 6.0)),
    }


@njit
def cosine_value(x, p):
    return math.cos(x) - p


@njit
def kepler_value(x, p):
    return x - 0.9 * math.sin(x) - math.pi * (p + 1) / 2


@njit
def normal_value(x, p):
    return math.erf(x * 0.7071067811865476) - p


VALUES = {"cos x = p": cosine_value, "x - 0.9 sin x = p": kepler_value, "erf x = p": normal_value}


def seconds(call: Callable[[], Any], runs: int) -> tuple[float, float, float]:
    """Median, least and most of some runs, after one that is not counted."""
    call()
    taken = []
    for _ in range(runs):
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken), min(taken), max(taken)


def show(name: str, ours: tuple[float, float, float], theirs: tuple[float, float, float], note: str) -> None:
    mine, other = (f"{t[0] * 1e3:9.4f} ms ({t[1] * 1e3:.4f} to {t[2] * 1e3:.4f})" for t in (ours, theirs))
    print(f"{name:44} {mine}  peer {other}  {theirs[0] / ours[0]:6.1f}x  {note}", flush=True)


def arrays(size: int, runs: int) -> None:
    for name, (jitted, function, bracket) in scipys().items():
        p = np.linspace(-0.99, 0.99, size) if size > 1 else np.float64(0.3)
        for order in (3, 4):
            ours = find_root_array(jitted, bracket=bracket, args=(p,), order=order)
            theirs = elementwise.find_root(function, bracket, args=(p,))
            assert ours.converged.all()
            np.testing.assert_allclose(ours.value, theirs.x, rtol=1e-12, atol=1e-14)
            if size == 1:
                mine = seconds(lambda j=jitted, o=order, b=bracket: find_root(j, bracket=b, args=(0.3,), order=o), runs)
            else:
                mine = seconds(
                    lambda j=jitted, o=order, b=bracket, p=p: find_root_array(j, bracket=b, args=(p,), order=o), runs
                )
            other = seconds(lambda f=function, b=bracket, p=p: elementwise.find_root(f, b, args=(p,)), runs)
            note = f"evaluations {np.mean(ours.steps):.2f} to {np.mean(theirs.nfev):.2f}"
            show(f"{name}, n {size}, compiled, order {order}", mine, other, note)
            compiled_peers(name, size, order, p, bracket, mine, runs)

        def alone(x, order, p, f=function):
            return [f(x, p)]

        ours = find_root_array(alone, bracket=bracket, args=(p,), order=1)
        assert ours.converged.all()
        mine = seconds(lambda a=alone, b=bracket, p=p: find_root_array(a, bracket=b, args=(p,), order=1), runs)
        note = f"evaluations {np.mean(ours.steps):.2f} to {np.mean(theirs.nfev):.2f}"
        show(f"{name}, n {size}, NumPy, values alone", mine, other, note)


def compiled_peers(name: str, size: int, order: int, p: Any, bracket: Any, mine: tuple, runs: int) -> None:
    """The same compiled function in SciPy's hands: one root by the scalar solvers, many through a ufunc."""
    value = VALUES[name]
    if size == 1:
        exact = elementwise.find_root(scipys()[name][1], bracket, args=(p,)).x
        for solver in (brentq, toms748):
            found = solver(value, *bracket, args=(0.3,), xtol=1e-15, rtol=4 * np.finfo(float).eps)
            np.testing.assert_allclose(found, exact, rtol=1e-12)
            rules = {"args": (0.3,), "xtol": 1e-15, "rtol": 4 * np.finfo(float).eps}
            other = seconds(lambda s=solver, r=rules: s(value, *bracket, **r), runs)
            show(f"{name}, n 1, order {order}, {solver.__name__}", mine, other, "the same compiled function")
        return
    many = vectorize(["float64(float64, float64)"])(value.py_func)
    other = seconds(lambda: elementwise.find_root(many, bracket, args=(p,)), runs)
    show(f"{name}, n {size}, order {order}, ufunc", mine, other, "the same compiled function")


def inverses(size: int, runs: int) -> None:
    inverse = inverse_function(taylor_of(lambda x: x - 0.9 * np.sin(x)), bracket=(0.0, math.pi))
    targets = np.linspace(0.01, 3.1, size)

    def function(x, t):
        return x - 0.9 * np.sin(x) - t

    theirs = elementwise.find_root(function, (0.0, math.pi), args=(targets,))
    np.testing.assert_allclose(inverse(targets), theirs.x, rtol=1e-12)
    mine = seconds(lambda: inverse(targets), runs)
    other = seconds(lambda: elementwise.find_root(function, (0.0, math.pi), args=(targets,)), runs)
    show(f"inverse_function, {len(inverse.nodes)} nodes, n {size}", mine, other, "no evaluation at all")


def many_digits() -> None:
    problems = {
        "exp x = 5x": (lambda x: mpmath.exp(x) - 5 * x, lambda x: mpmath.exp(x) - 5, lambda x: np.exp(x) - 5 * x, 2.5),
        "x - sin(x)/2 = 1": (
            lambda x: x - mpmath.sin(x) / 2 - 1,
            lambda x: 1 - mpmath.cos(x) / 2,
            lambda x: x - np.sin(x) / 2 - 1,
            1.5,
        ),
        "x^3 = 2x + 5": (lambda x: x**3 - 2 * x - 5, lambda x: 3 * x * x - 2, lambda x: x**3 - 2 * x - 5, 2.0),
    }
    for name, (function, slope, ours, start) in problems.items():
        taylor = taylor_of(ours)
        for digits, runs in ((50, 51), (500, 15), (5000, 3)):
            with mpmath.workdps(digits):
                options = {"secant": {}, "newton": {"solver": "newton", "df": slope}}
                exact = mpmath.findroot(function, start)
                assert abs(find_root_mp(taylor, start=start, digits=digits).value / exact - 1) < mpmath.mpf(10) ** (
                    2 - digits
                )
                mine = seconds(lambda t=taylor, s=start, d=digits: find_root_mp(t, start=s, digits=d), runs)
                for solver, chosen in options.items():
                    other = seconds(lambda f=function, s=start, c=chosen: mpmath.findroot(f, s, **c), runs)
                    show(f"{name}, {digits} digits, {solver}", mine, other, "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=100_000)
    size = parser.parse_args().size
    print(f"threads {thread_count()}; compilation left out: it costs seconds, once per process, function and order")
    arrays(1, 101)
    arrays(size, 7)
    inverses(size, 7)
    many_digits()


if __name__ == "__main__":
    main()
