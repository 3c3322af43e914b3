"""The Triton programs behind `gpu`. Read `kernels` first: the same symbols, the same steps, one row per program.

Exponents, thresholds and sums are float64 scalars; entries are computed in the dtype of the rows, or in float64 above
alpha = 2, where the map has vertical edges.
"""

from __future__ import annotations

from types import SimpleNamespace

import torch

try:
    import triton
    import triton.language as tl
except ModuleNotFoundError:  # then `gpu.available` says no and nothing here runs, but the file can still be read
    triton, tl = SimpleNamespace(jit=lambda function: function), None

_LARGEST_TILE = 8192
_STEPS = 100  # a bound, never the rule: a row leaves the loop when its bracket or its step is small enough


def launch_entmax(x: torch.Tensor, out: torch.Tensor, excess: torch.Tensor) -> None:
    """Fill `out` with entmax of the rows of x; all checked by `gpu`."""
    wide = x.dtype == torch.float64 or bool((excess > 1).any())
    tile = min(triton.next_power_of_2(x.shape[1]), _LARGEST_TILE)
    epsilon = float(torch.finfo(torch.float64 if wide else torch.float32).eps)
    _entmax_program[(x.shape[0],)](
        x, out, excess, x.shape[1], epsilon, TILE=tile, WIDE=wide, STEPS=_STEPS, num_warps=_warps(tile)
    )


def launch_project(p: torch.Tensor, v: torch.Tensor, out: torch.Tensor, excess: torch.Tensor) -> None:
    """Fill `out` with the Jacobian of entmax at p times v, row by row."""
    tile = min(triton.next_power_of_2(p.shape[1]), _LARGEST_TILE)
    _project_program[(p.shape[0],)](p, v, out, excess, p.shape[1], TILE=tile, num_warps=_warps(tile))


def _warps(tile: int) -> int:
    return max(min(tile // 256, 16), 1)


@triton.jit
def _log_one_plus(w):
    """`log(1 + w)`, w above -1. A GPU's float32 logarithm is exact in absolute terms, so near 0 stands a series."""
    y = 1.0 + w
    if w.dtype == tl.float64:
        return tl.log(y) + (w - (y - 1.0)) / y
    f = w / (2.0 + w)
    q = f * f
    series = 2.0 * f * (1.0 + q * (1.0 / 3 + q * (1.0 / 5 + q * (1.0 / 7 + q / 9))))
    return tl.where(w > -0.3, series, tl.log(y))


@triton.jit
def _less_one(x):
    """`exp(x) - 1`, by its series near 0."""
    high = 1 + x / 5 * (1 + x / 6 * (1 + x / 7 * (1 + x / 8 * (1 + x / 9))))
    series = x * (1 + x / 2 * (1 + x / 3 * (1 + x / 4 * high)))
    return tl.where(tl.abs(x) < 0.05, series, tl.exp(x) - 1.0)


@triton.jit
def _powers(s, t, e):
    """`p` and `1 / y` of a tile; both 0 outside the support."""
    w = e * (s - t)
    inside = w > -1.0
    w = tl.where(inside, w, 0.0)
    p = tl.where(inside, tl.exp(_log_one_plus(w) / e), 0.0)
    return p, tl.where(inside, 1.0 / (1.0 + w), 0.0)


@triton.jit
def _tile(x, row, start, d, peak, TILE: tl.constexpr, WIDE: tl.constexpr):
    """Load part of a row less its peak; what is masked or past the end lies below every support."""
    place = start + tl.arange(0, TILE)
    z = tl.load(x + row * d + place, mask=place < d, other=-float("inf"))
    if WIDE:
        z = z.to(tl.float64)
    return tl.where(z == -float("inf"), -1e30, z - peak)


@triton.jit
def _entmax_program(x, out, excess, d, epsilon, TILE: tl.constexpr, WIDE: tl.constexpr, STEPS: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    e64 = tl.load(excess + row)
    peak = tl.full([], -float("inf"), x.dtype.element_ty)
    spoilt = tl.zeros([], tl.float32)
    for start in range(0, d, TILE):
        place = start + tl.arange(0, TILE)
        z = tl.load(x + row * d + place, mask=place < d, other=-float("inf"))
        peak = tl.maximum(peak, tl.max(z, 0))
        spoilt += tl.sum(tl.where((z != z) | (z == float("inf")), 1.0, 0.0), 0)
    blank = peak == -float("inf")
    peak = tl.where(blank | (spoilt > 0), 0.0, peak)
    e = e64 if WIDE else e64.to(tl.float32)
    peak = peak.to(tl.float64) if WIDE else peak.to(tl.float32)
    low = tl.zeros([], tl.float64)
    high = -_less_one(-e64 * tl.log(tl.zeros([], tl.float64) + d)) / e64
    high = high + 8 * epsilon * (1.0 + high)
    t = low
    steep = e64 > 1.0
    # How short the last step must be: its cube, and what leaves the support on the way, stay below the precision.
    shortest = tl.exp(tl.log(epsilon) * tl.minimum(tl.maximum(e64, 0.5), 1.0)) * 8
    tolerance = tl.where(steep, 2.0 * epsilon, shortest)
    going = (spoilt == 0) & (blank == 0)
    step_count = 0
    while going & (step_count < STEPS):
        total = tl.zeros([], tl.float64)
        first = tl.zeros([], tl.float64)
        second = tl.zeros([], tl.float64)
        for start in range(0, d, TILE):
            s = _tile(x, row, start, d, peak, TILE, WIDE)
            p, reciprocal = _powers(s, t.to(s.dtype), e)
            total += tl.sum(p, 0).to(tl.float64)
            first += tl.sum(p * reciprocal, 0).to(tl.float64)
            second += tl.sum(p * reciprocal * reciprocal, 0).to(tl.float64)
        low = tl.where(total >= 1.0, t, low)
        high = tl.where(total <= 1.0, t, high)
        newton = -total * _less_one(-e64 * tl.log(total)) / (e64 * first)
        bend = 0.5 * (1.0 - e64) * newton * (second - first * first / total) / first
        step = tl.where(tl.abs(bend) < 0.5, newton / (1.0 - bend), newton)
        close = tolerance * (1.0 + t)
        ended = tl.where(steep, high - low <= 2.0 * close, tl.abs(step) <= close)
        following = t + tl.where(steep, step + tl.where(step > 0, close, -close), step)
        inside = (following > low) & (following < high)
        following = tl.where(inside | ended, following, 0.5 * (low + high))
        t = tl.where(ended & steep, t, following)
        going = ended == 0
        step_count += 1
    total = tl.zeros([], tl.float64)
    for start in range(0, d, TILE):
        s = _tile(x, row, start, d, peak, TILE, WIDE)
        p, _ = _powers(s, t.to(s.dtype), e)
        total += tl.sum(p, 0).to(tl.float64)
    for start in range(0, d, TILE):
        s = _tile(x, row, start, d, peak, TILE, WIDE)
        p, _ = _powers(s, t.to(s.dtype), e)
        p = tl.where(blank, 0.0, p / tl.where(blank, 1.0, total).to(s.dtype))
        p = tl.where(spoilt > 0, float("nan"), p)
        place = start + tl.arange(0, TILE)
        tl.store(out + row * d + place, p.to(out.dtype.element_ty), mask=place < d)


@triton.jit
def _slope(p, e):
    inside = p > 0
    return tl.where(inside, tl.exp((1.0 - e) * tl.log(tl.where(inside, p, 1.0))), 0.0)


@triton.jit
def _project_program(p, v, out, excess, d, TILE: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    e = tl.load(excess + row).to(p.dtype.element_ty)
    total = tl.zeros([], tl.float64)
    weighted = tl.zeros([], tl.float64)
    for start in range(0, d, TILE):
        place = start + tl.arange(0, TILE)
        g = _slope(tl.load(p + row * d + place, mask=place < d, other=0.0), e)
        # Where g is 0, v is not asked: it may be anything, and NaN there must not spread.
        each = tl.load(v + row * d + place, mask=place < d, other=0.0)
        total += tl.sum(g, 0).to(tl.float64)
        weighted += tl.sum(g * each, 0).to(tl.float64)
    mean = (weighted / tl.where(total == 0, 1.0, total)).to(p.dtype.element_ty)
    for start in range(0, d, TILE):
        place = start + tl.arange(0, TILE)
        g = _slope(tl.load(p + row * d + place, mask=place < d, other=0.0), e)
        each = tl.load(v + row * d + place, mask=place < d, other=0.0)
        tl.store(out + row * d + place, g * (each - mean), mask=place < d)
