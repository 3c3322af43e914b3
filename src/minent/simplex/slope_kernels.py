"""The gradient of entmax on the CPU, compiled: `g (v - <g, v> / sum g)` in each row, `g = p**(2 - alpha)` where p > 0.

Callers have checked everything: contiguous arrays `(rows, d)` of one float type with `d >= 1`. The slope for any alpha
goes through our own logarithm and exponential; those for alpha = 2 and 1.5 are exact.
"""

from __future__ import annotations

import numpy as np

from minent.simplex.elementary import exponential, logarithm
from minent.simplex.kernels import CHUNK, TINY, entry, inner, summing


@inner
def slope_linear(p, exponent, one):
    return one * (p > one - one)


@inner
def slope_square(p, exponent, one):
    return np.sqrt(p)


@inner
def slope_any(p, exponent, one):
    return exponential(exponent * logarithm(max(p, one * TINY))) * (p > one - one)


@inner
def _slopes(p, g, exponent, slope, one):
    for i in range(p.size):
        g[i] = slope(p[i], exponent, one)


@summing
def _weigh(g, v, zero):
    total = weighted = zero
    for i in range(g.size):
        total += g[i]
        weighted += g[i] * v[i]
    return total, weighted


@inner
def _project(p, v, out, exponents, begin, end, slope):
    """`g (v - <g, v> / sum g)`, row by row, with `g = p**(2 - alpha)` on the support."""
    d, one = p.shape[1], p.dtype.type(1)
    together = max(CHUNK // d, 1) if exponents.size == 1 else 1  # rows that take their slopes in one long loop
    g = np.empty((together, d), p.dtype)
    for start in range(begin, end, together):
        stop = min(start + together, end)
        exponent = exponents[start if exponents.size > 1 else 0]
        _slopes(p[start:stop].reshape(-1), g.reshape(-1), exponent, slope, one)
        for row in range(stop - start):
            total = weighted = 0.0
            for at in range(0, d, CHUNK):
                part = slice(at, min(at + CHUNK, d))
                sums = _weigh(g[row, part], v[start + row, part], one - one)
                total, weighted = total + sums[0], weighted + sums[1]
            mean = p.dtype.type(weighted / total if total != 0 else 0.0)
            _centre(g[row], v[start + row], mean, out[start + row])


@inner
def _centre(g, v, mean, out):
    for i in range(g.size):
        out[i] = g[i] * (v[i] - mean)


# --- entry points: one for each power, compiled when first asked for --------------------------------------------------


@entry
def project_any(p, v, out, exponents, begin, end):
    _project(p, v, out, exponents, begin, end, slope_any)


@entry
def project_square(p, v, out, exponents, begin, end):
    _project(p, v, out, exponents, begin, end, slope_square)


@entry
def project_linear(p, v, out, exponents, begin, end):
    _project(p, v, out, exponents, begin, end, slope_linear)
