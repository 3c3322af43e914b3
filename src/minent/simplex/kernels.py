"""Entmax on the CPU, compiled: blocks of rows, and no branch in a loop over entries. Its gradient: `slope_kernels`.

Callers have checked everything: contiguous arrays `(rows, d)` of float32 or float64 with `d >= 1`, and `parameters`
from `cpu.solver_parameters`. Two layouts, by the length of the rows:

- **short rows** stand side by side, 64 of them, one per lane: every step of the solver is vector code over rows;
- **long rows** are solved one at a time. First their block maxima: the threshold of a part of a row never exceeds the
  row's own, so what lies below it is outside the support, and only the candidates meet the solver.

In symbols: `s = z - max z`, `w = e (s - t)`, `y = max(0, 1 + w)`, `p = y**(1/e)` with `e = alpha - 1`, and the sums
over a row `total` of p, `first` of p / y, `second` of p / y**2. A `power` gives these three for one entry; the one for
any e is stable as e falls to 0, those for e = 1 and e = 1/2 are exact.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from minent.simplex.elementary import exponential, exponential_less_one, logarithm

LANES = 64
SHORT = 512  # rows up to this length stand side by side
_BLOCK = 16  # entries of a long row that share one maximum
CHUNK = 4096  # entries that are summed in one go before the sum moves to float64
_MOST_STEPS = 200  # halving alone needs under 60
_MASKED = -1e30  # stands for -inf: below every support, and harmless in arithmetic
TINY = np.float32(1e-30)

# These run inside an entry point at the end of the file, which is what the cache keeps. A sum may be taken in any order
# (`reassoc`), so LLVM spreads it over vector lanes; what must keep its order, as in log(1 + w), stands in a `power`,
# whose rules travel with it.
inner = njit(nogil=True, forceinline=True, error_model="numpy", fastmath={"contract"})
summing = njit(nogil=True, forceinline=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
ordered = njit(nogil=True, forceinline=True, error_model="numpy", fastmath={"nnan", "nsz", "reassoc"})  # sees no NaN
entry = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})


# --- one entry, one step ----------------------------------------------------------------------------------------------


@inner
def power_linear(w, inverse, one):
    y = max(one + w, one - one)
    inside = one * (y > one - one)
    return y, inside, one - one  # nothing asks for the second derivative of a straight line


@inner
def power_square(w, inverse, one):
    y = max(one + w, one - one)
    return y * y, y, one * (y > one - one)


@inner
def power_any(w, inverse, one):
    y = max(one + w, one - one)
    reciprocal = one / max(y, one * TINY)
    log_y = logarithm(y) + (w - (y - one)) * reciprocal  # the second term is what the sum 1 + w lost in rounding
    p = exponential(log_y * inverse) * (y > one - one)
    first = p * reciprocal
    return p, first, first * reciprocal


@inner
def _next(t, total, first, second, low, high, e, tolerance, one):
    """Narrow the bracket by what was seen at t; return it, the next t, and whether the search may end there.

    The step is Halley's toward the root of `total**e - 1`, or Newton's where the bend is too strong to be trusted.
    """
    half = one / (one + one)
    low, high = t if total >= one else low, t if total <= one else high
    newton = -total * exponential_less_one(-e * logarithm(total)) / (e * first)
    bend = half * (one - e) * newton * (second - first * first / total) / first
    step = newton / (one - bend) if abs(bend) < half else newton
    # Above alpha = 2 the slope is infinite at the edges: a short step proves nothing, only a narrow bracket does. So
    # each step goes a little too far on purpose there, and the bracket closes from both sides.
    close = tolerance * (one + t)
    steep = e > one
    ended = high - low <= close + close if steep else abs(step) <= close
    following = t + (step + (close if step > 0 else -close) if steep else step)
    inside = (following > low) & (following < high)
    following = following if inside | ended else half * (low + high)
    return low, high, t if ended & steep else following, ended


# --- short rows, one per lane -----------------------------------------------------------------------------------------


@inner
def _load_lanes(x, start, rows, s, peak, spoilt):
    """Stand rows side by side, less their peaks. What is spoilt, by NaN or +inf, sums to NaN; lanes to spare repeat."""
    zero = s.dtype.type(0)
    masked = s.dtype.type(_MASKED)
    for lane in range(LANES):
        row = start + min(lane, rows - 1)
        for j in range(x.shape[1]):
            s[j, lane] = x[row, j]
        peak[lane] = -np.inf
        spoilt[lane] = zero
    for j in range(x.shape[1]):
        for lane in range(LANES):
            z = s[j, lane]
            peak[lane] = z if z > peak[lane] else peak[lane]
            spoilt[lane] += zero if z == -np.inf else z * zero
    for j in range(x.shape[1]):
        for lane in range(LANES):
            z = s[j, lane]
            s[j, lane] = masked if z == -np.inf else z - peak[lane]


@inner
def _solve_lanes(s, state, sums, e, inverse, tolerance, high, power):
    """Move every open lane's t to its root, and close it: no row depends on its neighbours. Count the evaluations."""
    one = s.dtype.type(1)
    zero = one - one
    t, low, top, is_open, count = state[0], state[1], state[2], state[3], state[4]
    total, first, second = sums[0], sums[1], sums[2]
    for lane in range(LANES):
        t[lane], low[lane], top[lane], count[lane] = zero, zero, high[lane], zero
    for _ in range(_MOST_STEPS):
        for lane in range(LANES):
            total[lane], first[lane], second[lane] = zero, zero, zero
        for j in range(s.shape[0]):
            for lane in range(LANES):
                p, q, r = power(e[lane] * (s[j, lane] - t[lane]), inverse[lane], one)
                total[lane] += p
                first[lane] += q
                second[lane] += r
        for lane in range(LANES):
            low[lane], top[lane], following, ended = _next(
                t[lane], total[lane], first[lane], second[lane], low[lane], top[lane], e[lane], tolerance[lane], one
            )
            t[lane] = following if is_open[lane] > zero else t[lane]
            count[lane] += is_open[lane]
            is_open[lane] = zero if ended else is_open[lane]
        remaining = 0  # counted by themselves and in whole numbers: a maximum among the steps keeps them scalar code
        for lane in range(LANES):
            remaining += is_open[lane] > zero
        if remaining == 0:
            return


@inner
def _entmax_short(x, out, parameters, counts, begin, end, power):
    d, many = x.shape[1], parameters.shape[1] > 1
    s = np.empty((d, LANES), parameters.dtype)
    own = np.empty((4, LANES), parameters.dtype)
    state = np.empty((5, LANES), parameters.dtype)
    sums = np.empty((3, LANES), parameters.dtype)
    peak, spoilt = np.empty(LANES, parameters.dtype), np.empty(LANES, parameters.dtype)
    one = s.dtype.type(1)
    zero = one - one
    for start in range(begin, end, LANES):
        rows = min(LANES, end - start)
        for lane in range(LANES):
            for i in range(4):
                own[i, lane] = parameters[i, start + min(lane, rows - 1) if many else 0]
        _load_lanes(x, start, rows, s, peak, spoilt)
        for lane in range(LANES):
            blank = (peak[lane] == -np.inf) & (spoilt[lane] == zero)
            spoilt[lane] = zero if blank else spoilt[lane] + one  # 0 for masks, 1 for a good row, NaN for a bad one
            state[3, lane] = one if spoilt[lane] == one else zero
        _solve_lanes(s, state, sums, own[0], own[1], own[2], own[3], power)
        e, inverse, t, total = own[0], own[1], state[0], sums[0]
        for lane in range(LANES):
            total[lane] = zero
        for j in range(d):
            for lane in range(LANES):
                p, _, _ = power(e[lane] * (s[j, lane] - t[lane]), inverse[lane], one)
                s[j, lane] = p
                total[lane] += p
        for lane in range(rows):
            counts[start + lane] = state[4, lane]
            scale = one / total[lane] if spoilt[lane] == one else spoilt[lane]
            for j in range(d):
                out[start + lane, j] = s[j, lane] * scale


# --- long rows, one at a time -----------------------------------------------------------------------------------------


@summing
def _sum_chunk(s, t, e, inverse, power, one):
    total = first = second = one - one
    for i in range(s.size):  # from 0: where an index might be negative, nothing becomes vector code
        p, q, r = power(e * (s[i] - t), inverse, one)
        total += p
        first += q
        second += r
    return total, first, second


@inner
def _solve_row(s, count, t, high, e, inverse, tolerance, power):
    """Return the root, at t or above, and the number of evaluations."""
    one = s.dtype.type(1)
    low, ended = t, False
    for step in range(_MOST_STEPS):
        total = first = second = 0.0
        for begin in range(0, count, CHUNK):
            sums = _sum_chunk(s[begin : min(begin + CHUNK, count)], t, e, inverse, power, one)
            total, first, second = total + sums[0], first + sums[1], second + sums[2]
        low, high, t, ended = _next(
            t, s.dtype.type(total), s.dtype.type(first), s.dtype.type(second), low, high, e, tolerance, one
        )
        if ended:
            return t, step + 1
    return t, _MOST_STEPS


@summing
def _has_nan(x):
    count = 0
    for i in range(x.size):
        count += x[i] != x[i]
    return count > 0


@ordered
def _block_maxima(x, maxima):
    """Fill in the maximum of each block of a row without NaN."""
    whole = x.size // _BLOCK
    for block in range(whole):
        part = x[block * _BLOCK : block * _BLOCK + _BLOCK]
        most = part[0]
        for i in range(1, _BLOCK):
            most = part[i] if part[i] > most else most
        maxima[block] = most
    if whole < maxima.size:
        maxima[whole] = _extremes(x[whole * _BLOCK :])[1]


@ordered
def _extremes(x):
    least, most = x[0], x[0]
    for i in range(x.size):
        least = x[i] if x[i] < least else least
        most = x[i] if x[i] > most else most
    return least, most


@inner
def _gather(x, maxima, cut, peak, s, places):
    """Copy what lies above the cut when it is less the peak, and note its places; return how much that is."""
    blocks = 0
    for block in range(maxima.size):
        blocks += maxima[block] - peak > cut
    if 4 * blocks > maxima.size:  # a plain scan is faster than stepping over few blocks
        return _scan(x, 0, cut, peak, s, places, 0)
    count = 0
    for block in range(maxima.size):
        if maxima[block] - peak > cut:
            count = _scan(x[block * _BLOCK : block * _BLOCK + _BLOCK], block * _BLOCK, cut, peak, s, places, count)
    return count


@inner
def _scan(x, start, cut, peak, s, places, count):
    for i in range(x.size):  # no branch: the next one overwrites what did not count
        s[count] = x[i] - peak
        places[count] = start + i
        count += x[i] - peak > cut
    return count


@summing
def _turn_chunk(s, t, e, inverse, power, one):
    total = one - one
    for i in range(s.size):
        p, _, _ = power(e * (s[i] - t), inverse, one)
        s[i] = p
        total += p
    return total


@inner
def _turn(s, count, t, e, inverse, power):
    """Turn scores into `p`; return their sum."""
    total = 0.0
    for begin in range(0, count, CHUNK):
        total += _turn_chunk(s[begin : min(begin + CHUNK, count)], t, e, inverse, power, s.dtype.type(1))
    return total


@inner
def _entmax_long(x, out, parameters, counts, begin, end, power):
    d, many = x.shape[1], parameters.shape[1] > 1
    maxima = np.empty((d + _BLOCK - 1) // _BLOCK, x.dtype)
    s = np.empty(d + 1, parameters.dtype)
    places = np.empty(d + 1, np.int32)
    for row in range(begin, end):
        own = parameters[:, row if many else 0]
        counts[row] = _entmax_row(x[row], out[row], maxima, s, places, own[0], own[1], own[2], own[3], power)


@inner
def _entmax_row(x, out, maxima, s, places, e, inverse, tolerance, high, power):
    """Fill in the row; return the number of evaluations over its candidates."""
    one, masked = s.dtype.type(1), s.dtype.type(_MASKED)
    if _has_nan(x):
        out[:] = np.nan
        return 0
    _block_maxima(x, maxima)
    least, peak = _extremes(x)[0], _extremes(maxima)[1]
    if np.isinf(peak):
        out[:] = np.nan if peak > 0 else 0
        return 0
    for block in range(maxima.size):
        s[block] = max(maxima[block] - peak, masked)
    t, _ = _solve_row(s, maxima.size, one - one, high, e, inverse, tolerance, power)
    slack = tolerance * (one + t)
    t = max(t - slack - slack, one - one)
    cut = t - inverse  # of what is less the peak, which beside a large peak would be rounded away
    everything = least - peak > cut
    if everything:
        count = x.size
        for i in range(x.size):
            s[i] = x[i] - peak
    else:
        count = _gather(x, maxima, cut, peak, s, places)
    t, evaluations = _solve_row(s, count, t, high, e, inverse, tolerance, power)
    scale = s.dtype.type(1.0 / _turn(s, count, t, e, inverse, power))
    if everything:
        for i in range(x.size):
            out[i] = s[i] * scale
    else:
        out[:] = 0
        for i in range(count):
            out[places[i]] = s[i] * scale
    return evaluations


# --- entry points: one for each power, compiled when first asked for --------------------------------------------------


@entry
def entmax_short_any(x, out, parameters, counts, begin, end):
    _entmax_short(x, out, parameters, counts, begin, end, power_any)


@entry
def entmax_short_square(x, out, parameters, counts, begin, end):
    _entmax_short(x, out, parameters, counts, begin, end, power_square)


@entry
def entmax_short_linear(x, out, parameters, counts, begin, end):
    _entmax_short(x, out, parameters, counts, begin, end, power_linear)


@entry
def entmax_long_any(x, out, parameters, counts, begin, end):
    _entmax_long(x, out, parameters, counts, begin, end, power_any)


@entry
def entmax_long_square(x, out, parameters, counts, begin, end):
    _entmax_long(x, out, parameters, counts, begin, end, power_square)


@entry
def entmax_long_linear(x, out, parameters, counts, begin, end):
    _entmax_long(x, out, parameters, counts, begin, end, power_linear)
