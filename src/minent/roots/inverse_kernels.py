"""Compiled loops behind `inverses.py`: arrays of one shape, checked by the callers; the last one is filled.

A step shorter than `NEAR` of its place leaves an error of about its fourth or fifth power, so it is the last one.
"""

import math

from numba import njit

import minent.roots.compiled  # noqa: F401 - tells Numba the functions of search.py
from minent.roots.search import trusted_step

NEAR = 1e-4
MOST = 60


@njit(cache=True, nogil=True, error_model="numpy")
def kepler(mean, eccentricity, out):
    """`E - e sin E = M`, with `M` taken to [0, pi] by its two symmetries; a bracket keeps what the steps would lose."""
    turn = 2 * math.pi
    for i in range(mean.size):
        if abs(mean.flat[i]) > 2.0**53:  # floats are farther apart there than `E` is from `M`
            out.flat[i] = mean.flat[i]
            continue
        e, turns = eccentricity.flat[i], math.floor(mean.flat[i] / turn + 0.5)
        m = mean.flat[i] - turns * turn
        if m == 0:
            out.flat[i] = turns * turn
            continue
        sign, m = math.copysign(1.0, m), min(abs(m), math.pi)
        low, high = m, min(m + e, math.pi)
        x = max(low, min(m + 0.85 * e, m / (1 - e), (6 * m / max(e, 0.1)) ** (1 / 3), high))
        for _ in range(MOST):
            s, c, half = e * math.sin(x), e * math.cos(x), math.sin(x / 2)
            value = (1 - e) * x + e * _minus_sine(x) - m  # x - e sin x, which loses all digits where e is near 1
            slope = (1 - e) + 2 * e * half * half
            if value > 0:
                high = x
            else:
                low = x
            step = trusted_step((value, slope, s / 2, c / 6, -s / 24), 5, 0, 1)
            new = x + step
            if not low <= new <= high:
                new = (low + high) / 2
            done = (abs(new - x) <= NEAR * abs(x) and new == x + step) or low == high or new == x
            x = new
            if done:
                break
        out.flat[i] = sign * x + turns * turn


@njit(cache=True, nogil=True, error_model="numpy")
def _minus_sine(x):
    """`x - sin x`, by its series near zero."""
    if abs(x) > 0.5:
        return x - math.sin(x)
    z = x * x
    return x * z / 6 * (1 - z / 20 * (1 - z / 42 * (1 - z / 72 * (1 - z / 110 * (1 - z / 156)))))


@njit(cache=True, nogil=True, error_model="numpy")
def lambert_w(y, branch, out):
    """`w + log(w / y) = 0`, and the series in `sqrt(2 (e y + 1))` near the branch point."""
    for i in range(y.size):
        out.flat[i] = _lambert_w(y.flat[i], branch)


@njit(cache=True, nogil=True, error_model="numpy")
def _lambert_w(y, branch):
    if y == math.inf or (branch == 0 and abs(y) < 1e-17):  # the next term, -y * y, is below rounding
        return y
    if y < -0.25:
        p = math.sqrt(max(0.0, 2 * _above_branch(y)))
        p = p if branch == 0 else -p
        w = p * (680863 / 43545600 + p * (-1963 / 204120 + p * (226287557 / 37623398400)))
        w = -1 + p * (1 + p * (-1 / 3 + p * (11 / 72 + p * (-43 / 540 + p * (769 / 17280 + p * (w - 221 / 8505))))))
        if abs(p) < 0.04:  # the next term is below rounding here, and steps would meet the flat of the branch point
            return w
    elif branch == 0 and y < 3:
        w = math.log1p(y)
    else:
        first = math.log(abs(y))
        second = math.log(abs(first))
        w = first - second + second / first
    for _ in range(MOST):
        ratio = w / y
        log = math.log(ratio) if ratio < math.inf else math.log(abs(w)) - math.log(abs(y))
        step = trusted_step((w + log, 1 + 1 / w, -1 / (2 * w * w), 1 / (3 * w * w * w)), 4, 0, 1)
        w += step
        if not abs(step) > NEAR * abs(w):
            break
    return w


@njit(cache=True, nogil=True, error_model="numpy")
def _above_branch(y):
    """`e y + 1` with all its digits: the rounding of the product (Dekker 1971) and of `e` itself are put back."""
    product, wide = math.e * y, 134217729.0
    e_high, y_high = wide * math.e - (wide * math.e - math.e), wide * y - (wide * y - y)
    e_low, y_low = math.e - e_high, y - y_high
    lost = ((e_high * y_high - product) + e_high * y_low + e_low * y_high) + e_low * y_low
    return (product + 1) + (lost + 1.4456468917292502e-16 * y)


@njit(cache=True, nogil=True, error_model="numpy")
def normal_quantile(probability, out):
    """The lower half, and the upper one by symmetry."""
    for i in range(probability.size):
        p = probability.flat[i]
        out.flat[i] = _lower(p) if p <= 0.5 else -_lower(1 - p)


@njit(cache=True, nogil=True, error_model="numpy")
def _lower(p):
    if p == 0:
        return -math.inf
    if p == 0.5:
        return 0.0
    t = math.sqrt(-2 * math.log(p))
    x = (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t
    for _ in range(MOST):
        density = math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        if p > 0.25:  # the difference from one half keeps its digits here
            a = (math.erf(x / math.sqrt(2)) / 2 - (p - 0.5), density, -x * density / 2, (x * x - 1) * density / 6)
        else:
            tail = math.erfc(-x / math.sqrt(2)) / 2
            r = density / tail
            a = (math.log(tail / p), r, -r * (x + r) / 2, r * ((x + r) * (x + 2 * r) - 1) / 6)
        step = trusted_step(a, 4, 0, 1)
        x += step
        if not abs(step) > NEAR * abs(x):
            break
    return x
