"""Sparse probabilities: entmax for any alpha, with softmax (alpha = 1) and sparsemax (alpha = 2) as its members.

With `e = alpha - 1` and `s = z - max z`, entmax is `p_i = y_i**(1/e)`, `y_i = max(0, 1 + e (s_i - t))`, where `t` makes
the row sum to one. In this form `t` tends to `logsumexp(s)` as alpha falls to 1, so nothing breaks there. For
`1 < alpha <= 2` we ask for `||y||_{1/e} = 1` rather than `sum p = 1`: the same root, but the norm is convex and nearly
straight in `t`, so two or three Halley steps suffice. On the CPU compiled kernels do it, on a GPU Triton's where it is
installed, elsewhere plain torch.
"""

from __future__ import annotations

import math

import torch

from minent.errors import InputError, number
from minent.simplex import cpu, gpu
from minent.simplex.balance import Balanced, falling_root, projected
from minent.simplex.entropy import second_remainder
from minent.simplex.maps import softmax_rows
from minent.simplex.rows import any_of, is_legacy_batch, open_rows, shifted, spread


def entmax(scores: torch.Tensor, alpha: float | torch.Tensor = 1.5, dim: int = -1) -> torch.Tensor:
    """Map scores to probabilities, many of them exactly zero: the larger alpha, the fewer remain.

    Weakly monotone (`p_i > p_j` implies `z_i > z_j`) and shift invariant. `-inf` masks an entry; a row that is masked
    throughout gives zeros with zero gradient; NaN and `+inf` make their row NaN. Half precision is computed in
    float32. The gradient costs `O(d)`, and may itself be differentiated, by scores and by alpha.

    Args:
        scores: Floating point, any shape.
        alpha: At least 1. 1 is softmax, 2 is sparsemax; 1.5 lies between and is smooth where it is positive. A tensor
            gets a gradient; it holds one value, or one per row in a shape that broadcasts with size 1 along `dim`.
        dim: The axis that sums to one.

    Returns:
        Probabilities, shaped and typed like `scores`.

    Raises:
        InputError: alpha is below 1, not finite, or of a shape that fits no row; the scores are not floating point or
            lack `dim`.

    Source:
        Peters, Niculae and Martins (2019), "Sparse Sequence-to-Sequence Models"; Correia, Niculae and Martins (2019)
        for the gradient of alpha; kexue.fm/archives/10145.

    Example:
        >>> entmax(torch.tensor([2.0, 1.0, 0.0]))
        tensor([0.8307, 0.1693, 0.0000])
        >>> entmax(torch.tensor([2.0, 1.0, 0.0]), alpha=1.0)
        tensor([0.6652, 0.2447, 0.0900])
        >>> scores = torch.tensor([[2.0, 1.0, 0.0], [2.0, 1.0, 0.0]])
        >>> entmax(scores, alpha=torch.tensor([[1.5], [2.0]]))  # one alpha per row
        tensor([[0.8307, 0.1693, 0.0000],
                [1.0000, 0.0000, 0.0000]])
    """
    rows = open_rows(scores, dim)
    checked = check_alpha(alpha, scores, dim)
    return entmax_rows(rows, checked).movedim(-1, dim).to(scores.dtype)


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
    return entmax(scores, 2.0, dim)


def entmax_rows(rows: torch.Tensor, alpha: float | torch.Tensor) -> torch.Tensor:
    """Entmax along the last axis, for an alpha that `check_alpha` has passed."""
    if isinstance(alpha, float):
        if alpha == 1.0:
            return softmax_rows(rows)
        alpha = torch.tensor(alpha, dtype=torch.float64, device=rows.device)
    return Balanced.apply(rows, alpha, _ENTMAX)


def check_alpha(alpha: float | torch.Tensor, scores: torch.Tensor, dim: int) -> float | torch.Tensor:
    """Return alpha as a float, or as a tensor lined up with the rows of the scores; or refuse it."""
    if not isinstance(alpha, torch.Tensor):
        return number("alpha", alpha, 1, ": 1 is softmax, 2 is sparsemax")
    if not alpha.is_floating_point():
        raise InputError(f"alpha has dtype {alpha.dtype}; give floating point, such as alpha.float().")
    wrong = ~((alpha.detach() >= 1.0) & (alpha.detach() < math.inf))
    if any_of(wrong):
        raise InputError(
            f"alpha holds {float(alpha.detach()[wrong][0])!r} ({int(wrong.sum())} of {alpha.numel()} out of reach); "
            f"entmax takes finite numbers from 1 (softmax) upward, such as 1 + sigmoid of a free parameter."
        )
    return spread("alpha", alpha, scores, dim)


class _Entmax:
    """`p = max(0, 1 + e (s - t))**(1/e)`; see `balance.Family`. On the support `e (s - t) = p**e - 1`."""

    def solve(self, rows: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
        if rows.device.type == "cpu":
            return cpu.entmax(rows, alpha)[0]
        return gpu.entmax(rows, alpha) if gpu.available(rows) else solve_by_torch(rows, alpha)

    def project(self, p: torch.Tensor, v: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
        if is_legacy_batch(v):  # of `torch.autograd.grad(is_grads_batched=True)`: no kernel can read it
            return projected(self.slope(p, alpha), v)
        if p.device.type == "cpu":
            return cpu.project(p, v, alpha)
        return gpu.project(p, v, alpha) if gpu.available(p) else projected(self.slope(p, alpha), v)

    def slope(self, p: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
        outside = p == 0
        return p.masked_fill(outside, 1.0).pow((2.0 - alpha).to(p.dtype)).masked_fill(outside, 0.0)

    def bend(self, p: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
        outside, exponent = p == 0, (2.0 - alpha).to(p.dtype)
        return (exponent * p.masked_fill(outside, 1.0).pow(exponent - 1)).masked_fill(outside, 0.0)

    def drift(self, p: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
        return -self.slope(p, alpha) * torch.log(p.masked_fill(p == 0, 1.0))

    def tilt(self, p: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
        """With `l = log p`: the entry alone moves by `-p (e l + expm1(-e l)) / e**2`, then the threshold follows.

        The published formula divides by `(alpha - 1)**2` what cancels; here the quotient is smooth at alpha = 1.
        """
        log_p = torch.log(p.masked_fill(p == 0, 1.0))
        alone = -p * log_p.square() * second_remainder((alpha - 1.0).to(p.dtype) * log_p)
        g = self.slope(p, alpha)
        total = g.sum(-1, keepdim=True)
        return alone - g * alone.sum(-1, keepdim=True) / torch.where(total == 0, 1.0, total)


_ENTMAX = _Entmax()


def solve_by_torch(rows: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """Entmax in plain torch, for devices that have no kernel; the twin that the kernels are tested against."""
    e = (alpha.double() - 1.0).clamp(min=1e-30)
    # Above alpha = 2 the map has vertical edges: p = y**(1/e) turns an error of 1e-7 in y into 1e-7**(1/e) in p.
    s, blank = shifted(rows.double() if (e > 1).any() else rows)
    e = e.to(s.dtype)
    p = _power(e * (s - _threshold(_candidates(s, e), e, s.shape[-1])), e)
    return (p / p.sum(-1, keepdim=True)).masked_fill(blank, 0.0).to(rows.dtype)


def _candidates(s: torch.Tensor, e: torch.Tensor) -> torch.Tensor:
    """Keep what may be in the support, `e s > -1`, when that is little: the solver never sees the rest again."""
    most = max(int((e * s > -1).sum(-1).max()) if s.numel() else 1, 1)
    return s if most > s.shape[-1] // 8 else s.topk(most, sorted=False).values


def _threshold(s: torch.Tensor, e: torch.Tensor, d: int) -> torch.Tensor:
    def norm(t: torch.Tensor) -> list[torch.Tensor]:
        """Taylor coefficients of `(||y|| - 1)`, scaled by a positive factor that keeps them finite as e -> 0."""
        w = e * (s - t)
        p = _power(w, e)
        y = (1 + w).clamp(min=torch.finfo(s.dtype).tiny)
        total, first, second = (term.sum(-1, keepdim=True) for term in (p, p / y, p / y / y))
        value = -total * torch.expm1(-e * torch.log(total)) / e
        return [value, -first, 0.5 * (1 - e) * (second - first * first / total)]

    low = torch.zeros_like(s[..., :1])
    high = (-torch.expm1(-e * math.log(d)) / e).expand(low.shape)
    return falling_root(norm, low, high, start=low)


def _power(w: torch.Tensor, e: torch.Tensor) -> torch.Tensor:
    """`max(0, 1 + w)**(1/e)`, stable as e -> 0."""
    return torch.exp(torch.log1p(w.clamp(min=-1.0)) / e)
