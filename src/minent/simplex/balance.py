"""One threshold per row: what sparsemax, entmax, soft top-k and the budget have in common.

Each of these maps is `p_i = f(z_i - t)`, where the threshold `t` of a row makes the sum of its `p` come out right. So
one solver finds every threshold, and one formula differentiates every map: with `g_i = f'(z_i - t)`, the Jacobian is
`diag(g) - g g^T / sum(g)`, zero outside the support and never formed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from minent.roots.steps import householder_step

Taylor = Callable[[torch.Tensor], list[torch.Tensor]]
_LARGEST_STEP_COUNT = 400  # halving alone needs under 60 in float64 for each decade lost; never reached in practice


def falling_root(taylor: Taylor, low: torch.Tensor, high: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
    """Find the root of one falling function per row, by Halley steps inside a bracket that never opens.

    A step is taken when it stays inside the bracket and shrinks like a converging one; Newton stands in where the
    curvature is not to be trusted (a kink, a support that changes), halving where neither is. Every step goes one
    tolerance too far on purpose, so that the bracket closes from both sides and its width alone says when to stop.

    Args:
        taylor: Gives `[f, f', f''/2]` at a tensor of points, elementwise.
        low: Where each function is not below zero.
        high: Where each function is not above zero.
        start: Where to begin, inside the bracket.

    Returns:
        The roots, to a few units in the last place of `1 + |root|`; NaN rows come back as they are.
    """
    x, last = start, torch.full_like(start, torch.inf)
    for _ in range(_LARGEST_STEP_COUNT):
        tolerance = 2 * torch.finfo(x.dtype).eps * (1 + x.abs())
        value, slope, curve = taylor(x)
        low, high = torch.where(value >= 0, x, low), torch.where(value <= 0, x, high)
        if not (high - low > 2 * tolerance).any():
            break
        step = _trusted_step(value, slope, curve)
        step = step + torch.sign(step) * tolerance
        inside = (x + step > low) & (x + step < high) & (step.abs() <= 0.5 * last)
        following = torch.where(inside, x + step, 0.5 * (low + high))
        x, last = following, (following - x).abs()
    return 0.5 * (low + high)


def _trusted_step(value: torch.Tensor, slope: torch.Tensor, curve: torch.Tensor) -> torch.Tensor:
    newton = householder_step([value, slope])
    halley = householder_step([value, slope, curve])
    ratio = halley / newton
    return torch.where((ratio >= 0.5) & (ratio <= 2.0), halley, newton)


class Balanced(torch.autograd.Function):
    """A map of rows with one threshold, and its derivative at `O(support)` cost, any number of times.

    `Balanced.apply(rows, solve, slope)`: `solve(rows)` gives `p`, and `slope(p)` gives `g`, in differentiable terms of
    `p` alone, so that the second derivative needs no further formula.
    """

    @staticmethod
    def forward(rows: torch.Tensor, solve: Any, slope: Any) -> torch.Tensor:
        return solve(rows)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        ctx.slope = inputs[2]
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (p,) = ctx.saved_tensors
        g = ctx.slope(p)
        total = g.sum(-1, keepdim=True)
        mean = (g * upstream).sum(-1, keepdim=True) / torch.where(total == 0, 1.0, total)
        return g * (upstream - mean), None, None
