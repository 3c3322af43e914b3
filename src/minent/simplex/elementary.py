"""exp, log and their shifted forms for the kernels, written so that LLVM turns a loop of them into vector code.

The library functions that Numba would call take one number at a time. These take sixteen: no branch, no table, only
arithmetic and the bits of a float. Errors stay under 2 units in the last place over the range that the kernels use
(`exp` of at most a few units, `log` of positive normal numbers); beyond it they saturate instead of overflowing.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types
from numba.extending import overload

vector = njit(cache=True, nogil=True, forceinline=True, error_model="numpy", fastmath={"contract"})


def exponential(x):
    """`exp(x)`; 0 below about -87 (float32) or -708 (float64)."""
    return np.exp(x)


def exponential_less_one(x):
    """`exp(x) - 1`, as exact near 0 as elsewhere."""
    return np.expm1(x)


def logarithm(y):
    """`log(y)` for positive normal numbers."""
    return np.log(y)


@vector
def _exponential32(x):
    x = min(max(x, np.float32(-88.0)), np.float32(88.0))
    k = np.int32(x * np.float32(1.4426950408889634) + np.float32(0.5 if x > 0 else -0.5))
    r = x - np.float32(k) * np.float32(0.693359375) + np.float32(k) * np.float32(2.12194440e-4)  # ln 2 in two parts
    p = np.float32(1 / 5040)
    p = p * r + np.float32(1 / 720)
    p = p * r + np.float32(1 / 120)
    p = p * r + np.float32(1 / 24)
    p = p * r + np.float32(1 / 6)
    p = p * r + np.float32(1 / 2)
    p = p * r + np.float32(1)
    p = p * r + np.float32(1)
    scaled = p * np.int32(np.int32(k + 127) << np.int32(23)).view(np.float32)
    return scaled if x > np.float32(-87.0) else np.float32(0)


@vector
def _exponential64(x):
    x = min(max(x, -709.0), 709.0)
    k = np.int64(x * 1.4426950408889634 + (0.5 if x > 0 else -0.5))
    r = x - np.float64(k) * 6.93147180369123816490e-01 - np.float64(k) * 1.90821492927058770002e-10
    p = 1 / 6227020800
    p = p * r + 1 / 479001600
    p = p * r + 1 / 39916800
    p = p * r + 1 / 3628800
    p = p * r + 1 / 362880
    p = p * r + 1 / 40320
    p = p * r + 1 / 5040
    p = p * r + 1 / 720
    p = p * r + 1 / 120
    p = p * r + 1 / 24
    p = p * r + 1 / 6
    p = p * r + 1 / 2
    p = p * r + 1.0
    p = p * r + 1.0
    scaled = p * np.int64((k + 1023) << 52).view(np.float64)
    return scaled if x > -708.0 else 0.0


@vector
def _logarithm32(y):
    bits = np.float32(y).view(np.int32)
    k = np.int32(np.int32(bits - np.int32(0x3F3504F3)) >> np.int32(23))  # so that m lies in [sqrt(1/2), sqrt(2))
    m = np.int32(bits - np.int32(k << np.int32(23))).view(np.float32)
    f = (m - np.float32(1)) / (m + np.float32(1))  # log m = 2 (f + f**3 / 3 + f**5 / 5 + ...)
    q = f * f
    p = np.float32(2 / 9)
    p = p * q + np.float32(2 / 7)
    p = p * q + np.float32(2 / 5)
    p = p * q + np.float32(2 / 3)
    p = p * q + np.float32(2)
    return np.float32(k) * np.float32(0.693359375) + (f * p - np.float32(k) * np.float32(2.12194440e-4))


@vector
def _logarithm64(y):
    bits = np.float64(y).view(np.int64)
    k = np.int64(bits - np.int64(0x3FE6A09E667F3BCD)) >> np.int64(52)
    m = np.int64(bits - (k << np.int64(52))).view(np.float64)
    f = (m - 1.0) / (m + 1.0)
    q = f * f
    p = 2 / 21
    p = p * q + 2 / 19
    p = p * q + 2 / 17
    p = p * q + 2 / 15
    p = p * q + 2 / 13
    p = p * q + 2 / 11
    p = p * q + 2 / 9
    p = p * q + 2 / 7
    p = p * q + 2 / 5
    p = p * q + 2 / 3
    p = p * q + 2.0
    return np.float64(k) * 6.93147180369123816490e-01 + (f * p + np.float64(k) * 1.90821492927058770002e-10)


@vector
def _less_one32(x):
    p = np.float32(1 / 5040)
    p = p * x + np.float32(1 / 720)
    p = p * x + np.float32(1 / 120)
    p = p * x + np.float32(1 / 24)
    p = p * x + np.float32(1 / 6)
    p = p * x + np.float32(1 / 2)
    p = p * x + np.float32(1)
    return p * x if abs(x) < np.float32(0.35) else _exponential32(x) - np.float32(1)


@vector
def _less_one64(x):
    p = 1 / 1307674368000
    p = p * x + 1 / 87178291200
    p = p * x + 1 / 6227020800
    p = p * x + 1 / 479001600
    p = p * x + 1 / 39916800
    p = p * x + 1 / 3628800
    p = p * x + 1 / 362880
    p = p * x + 1 / 40320
    p = p * x + 1 / 5040
    p = p * x + 1 / 720
    p = p * x + 1 / 120
    p = p * x + 1 / 24
    p = p * x + 1 / 6
    p = p * x + 1 / 2
    p = p * x + 1.0
    return p * x if abs(x) < 0.35 else _exponential64(x) - 1.0


@overload(exponential, inline="always")
def _choose_exponential(x):
    chosen = _exponential32 if x == types.float32 else _exponential64
    return lambda x: chosen(x)


@overload(exponential_less_one, inline="always")
def _choose_less_one(x):
    chosen = _less_one32 if x == types.float32 else _less_one64
    return lambda x: chosen(x)


@overload(logarithm, inline="always")
def _choose_logarithm(y):
    chosen = _logarithm32 if y == types.float32 else _logarithm64
    return lambda y: chosen(y)
