"""Normmax: the probabilities that gain most over their own norm: few, nearly even; its threshold is its loss."""

from __future__ import annotations

from typing import Any

import torch

from minent.errors import number
from minent.simplex.balance import falling_root
from minent.simplex.rows import open_rows, shifted


def normmax(scores: torch.Tensor, alpha: float = 2.0, dim: int = -1) -> torch.Tensor:
    """Map scores to `argmax_p <p, z> - ||p||_alpha`: sparse, and the more even the larger alpha.

    The result is `max(0, z - t)**(1 / (alpha - 1))`, normalised, where `t` makes the norm of `max(0, z - t)` of order
    `alpha / (alpha - 1)` one. So only scores within 1 of the largest count. Weakly monotone and shift invariant.
    `-inf` masks an entry; a row that is masked throughout gives zeros.

    Args:
        scores: Floating point, any shape.
        alpha: Above 1 and finite. Towards 1 only the largest score remains; large alpha weighs the support evenly.
        dim: The axis that sums to one.

    Returns:
        Probabilities, shaped and typed like `scores`; differentiable away from kinks.

    Raises:
        InputError: alpha is not above 1 and finite; the scores are not floating point or lack `dim`.

    Source:
        Blondel, Martins and Niculae (2020), "Learning with Fenchel-Young losses", section 7; Santos et al. (2024).

    Example:
        >>> normmax(torch.tensor([1.0, 0.5, -1.0]))
        tensor([0.6890, 0.3110, 0.0000])
    """
    check_norm_order(alpha)
    rows = open_rows(scores, dim)
    return normmax_rows(rows, float(alpha))[0].movedim(-1, dim).to(scores.dtype)


def check_norm_order(alpha: float) -> None:
    """Refuse an order that is no finite number above 1."""
    number("alpha", alpha, 1, ", such as 2", above=True)


def normmax_rows(rows: torch.Tensor, alpha: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the probabilities along the last axis, and the threshold of each row less its largest score `(..., 1)`."""
    s, blank = shifted(rows)
    threshold = _Threshold.apply(s, alpha)
    powers = _powers(s - threshold, 1.0 / (alpha - 1.0))
    return (powers / powers.sum(-1, keepdim=True)).masked_fill(blank, 0.0), threshold


def _powers(u: torch.Tensor, exponent: float) -> torch.Tensor:
    inside = u > 0
    return torch.where(inside, u, 1.0).pow(exponent) * inside


class _Threshold(torch.autograd.Function):
    """`t(s)`, whose gradient is p: written in s and t, so that it may be differentiated again."""

    @staticmethod
    def forward(s: torch.Tensor, alpha: float) -> torch.Tensor:
        dual = alpha / (alpha - 1.0)
        wide = s.double()

        def norm(t: torch.Tensor) -> list[torch.Tensor]:
            """`log ||u||` at `t`: convex and falling, and never out of range."""
            u = (wide - t).clamp(min=0.0)
            peak = u.amax(-1, keepdim=True).clamp(min=1e-300)
            ratio = u / peak
            inside = (ratio > 0).double()
            safe = torch.where(ratio > 0, ratio, 1.0)
            sums = [(safe.pow(dual - n) * inside).sum(-1, keepdim=True) / peak**n for n in (0, 1, 2)]
            value = torch.log(peak) + torch.log(sums[0]) / dual
            slope = -sums[1] / sums[0]
            return [value, slope, 0.5 * ((dual - 1) * sums[2] / sums[0] - dual * slope.square())]

        low = torch.full_like(wide[..., :1], -1.0)  # there the largest entry alone has norm 1
        return falling_root(norm, low, low + 1.0, start=low).to(s.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        ctx.exponent = 1.0 / (inputs[1] - 1.0)
        ctx.save_for_backward(inputs[0], output)
        ctx.save_for_forward(inputs[0], output)

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor, None]:
        return upstream * _gradient(ctx), None

    @staticmethod
    def jvp(ctx: Any, along: torch.Tensor, _: None) -> torch.Tensor:
        return (_gradient(ctx) * along).sum(-1, keepdim=True)

    @staticmethod
    def vmap(info: Any, in_dims: Any, s: torch.Tensor, alpha: float) -> tuple[torch.Tensor, int]:
        return _Threshold.apply(s.movedim(in_dims[0], 0), alpha), 0


def _gradient(ctx: Any) -> torch.Tensor:
    s, t = ctx.saved_tensors
    powers = _powers(s - t, ctx.exponent)
    return powers / powers.sum(-1, keepdim=True)
