"""Sparse probabilities: entmax for any alpha, with softmax (alpha = 1) and sparsemax (alpha = 2) as its members.

With `e = alpha - 1` and `s = z - max z`, entmax is `p_i = y_i**(1/e)`, `y_i = max(0, 1 + e (s_i - t))`, where `t` makes
the row sum to one. In this form `t` tends to `logsumexp(s)` as alpha falls to 1, so nothing breaks there. For
`1 < alpha <= 2` we ask for `||y||_{1/e} = 1` rather than `sum p = 1`: the same root, but the norm is convex and nearly
straight in `t`, so a few Halley steps from `t = 0` suffice.
"""

from __future__ import annotations

import math
from functools import partial

import torch

from minent.errors import InputError
from minent.simplex.balance import Balanced, falling_root
from minent.simplex.maps import softmax_rows
from minent.simplex.rows import RowMap, rowwise, shifted


def entmax(scores: torch.Tensor, alpha: float = 1.5, dim: int = -1) -> torch.Tensor:
    """Map scores to probabilities, many of them exactly zero: the larger alpha, the fewer remain.

    Weakly monotone (`p_i > p_j` implies `z_i > z_j`) and shift invariant. `-inf` masks an entry; a row that is masked
    throughout gives zeros with zero gradient; NaN and `+inf` make their row NaN. Half precision is computed in
    float32. The gradient costs `O(d)`, and may itself be differentiated.

    Args:
        scores: Floating point, any shape.
        alpha: At least 1. 1 is softmax, 2 is sparsemax; 1.5 lies between and is smooth where it is positive.
        dim: The axis that sums to one.

    Returns:
        Probabilities, shaped and typed like `scores`.

    Raises:
        InputError: alpha is below 1, not finite or a tensor; the scores are not floating point or lack `dim`.

    Source:
        Peters, Niculae and Martins (2019), "Sparse Sequence-to-Sequence Models"; kexue.fm/archives/10145.

    Example:
        >>> entmax(torch.tensor([2.0, 1.0, 0.0]))
        tensor([0.8307, 0.1693, 0.0000])
        >>> entmax(torch.tensor([2.0, 1.0, 0.0]), alpha=1.0)
        tensor([0.6652, 0.2447, 0.0900])
    """
    return rowwise(entmax_rows(check_alpha(alpha)), scores, dim)


def sparsemax(scores: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """Project scores onto the simplex: the nearest probabilities, in Euclidean distance. Entmax with alpha = 2.

    Weakly monotone and shift invariant; masks, NaN and half precision as in `entmax`.

    Args:
        scores: Floating point, any shape.
        dim: The axis that sums to one.

    Returns:
        Probabilities, shaped and typed like `scores`.

    Raises:
        InputError: The scores are not floating point or lack `dim`.

    Source:
        Martins and Astudillo (2016), "From Softmax to Sparsemax"; kexue.fm/archives/10145.

    Example:
        >>> sparsemax(torch.tensor([1.0, 0.5, -1.0]))
        tensor([0.7500, 0.2500, 0.0000])
    """
    return rowwise(entmax_rows(2.0), scores, dim)


def entmax_rows(alpha: float) -> RowMap:
    """Return entmax of one alpha as a map of rows."""
    if alpha == 1.0:
        return softmax_rows
    return lambda rows: Balanced.apply(rows, partial(_solve, e=alpha - 1.0), partial(_slope, exponent=2.0 - alpha))


def check_alpha(alpha: float) -> float:
    """Return alpha as a float, or refuse it."""
    if isinstance(alpha, torch.Tensor):
        raise InputError("alpha is a tensor, but no gradient flows into alpha here; give a plain number, float(alpha).")
    if not 1.0 <= alpha < math.inf:
        raise InputError(f"alpha is {alpha!r}; entmax takes a finite number from 1 (softmax) upward; 2 is sparsemax.")
    return float(alpha)


def _solve(rows: torch.Tensor, e: float) -> torch.Tensor:
    # Above alpha = 2 the map has vertical edges: p = y**(1/e) turns an error of 1e-7 in y into 1e-7**(1/e) in p.
    s, blank = shifted(rows.double() if e > 1 else rows)
    threshold = _threshold(_candidates(s, e), e)
    p = _power(e * (s - threshold), e)
    return (p / p.sum(-1, keepdim=True)).masked_fill(blank, 0.0).to(rows.dtype)


def _slope(p: torch.Tensor, exponent: float) -> torch.Tensor:
    """dp/dz before the threshold moves: `p**(2 - alpha)` on the support."""
    outside = p == 0
    return p.masked_fill(outside, 1.0).pow(exponent).masked_fill(outside, 0.0)


def _candidates(s: torch.Tensor, e: float) -> torch.Tensor:
    """Keep what may be in the support, `e s > -1`, when that is little: the solver never sees the rest again."""
    most = max(int((e * s > -1).sum(-1).max()) if s.numel() else 1, 1)
    return s if most > s.shape[-1] // 8 else s.topk(most, sorted=False).values


def _threshold(s: torch.Tensor, e: float) -> torch.Tensor:
    def norm(t: torch.Tensor) -> list[torch.Tensor]:
        """Taylor coefficients of `(||y|| - 1)`, scaled by a positive factor that keeps them finite as e -> 0."""
        w = e * (s - t)
        p = _power(w, e)
        y = (1 + w).clamp(min=torch.finfo(s.dtype).tiny)
        total, first, second = (term.sum(-1, keepdim=True) for term in (p, p / y, p / y / y))
        value = -total * torch.expm1(-e * torch.log(total)) / e
        return [value, -first, 0.5 * (1 - e) * (second - first * first / total)]

    low = torch.zeros_like(s[..., :1])
    high = torch.full_like(low, -math.expm1(-e * math.log(s.shape[-1])) / e)
    return falling_root(norm, low, high, start=low)


def _power(w: torch.Tensor, e: float) -> torch.Tensor:
    """`max(0, 1 + w)**(1/e)`, exact where e allows and stable as e -> 0."""
    w = w.clamp(min=-1.0)
    if e == 1.0:
        return 1 + w
    if e == 0.5:
        return (1 + w).square()
    return torch.exp(torch.log1p(w) / e)
