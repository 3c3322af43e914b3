"""One threshold per row: what sparsemax, entmax, soft top-k and the budget have in common.

Each of these maps is `p_i = f(z_i - t)`, where the threshold `t` of a row makes the sum of its `p` come out right. So
one solver finds every threshold, and one formula differentiates every map: with `g_i = f'(z_i - t)`, the Jacobian is
`diag(g) - g g^T / sum(g)`, zero outside the support and never formed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

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


class Family(Protocol):
    """One map with one threshold per row: how to solve it, and its derivatives in terms of its result `p` alone.

    `parameter` is what else the rows depend on, alpha or the sum k: a number, or broadcastable to `(..., 1)`. Written
    in `p`, in operations that autograd knows, the derivatives may be differentiated again without a formula.
    """

    def solve(self, rows: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
        """Return `p`; nothing in here is differentiated."""
        ...

    def slope(self, p: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
        """Return `g`: how fast each p grows with its score while the threshold stands still."""
        ...

    def bend(self, p: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
        """Return `dg / dp`."""
        ...

    def drift(self, p: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
        """Return `dg / dparameter` where p stands still."""
        ...

    def tilt(self, p: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
        """Return `dp / dparameter`."""
        ...

    def project(self, p: torch.Tensor, v: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
        """Return `projected(g, v)`, by a kernel where there is one; nothing in here is differentiated."""
        ...


def projected(g: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Return `g (v - <g, v> / sum g)`: the Jacobian, which is symmetric and never formed, times v."""
    return g * (v - weighted_mean(g, v))


def weighted_mean(g: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Return `<g, v> / sum g` of each row, and 0 for a row without support."""
    total = g.sum(-1, keepdim=True)
    return (g * v).sum(-1, keepdim=True) / torch.where(total == 0, 1.0, total)


class Balanced(torch.autograd.Function):
    """`Balanced.apply(rows, parameter, family)` is p, differentiable by rows and parameter any number of times."""

    @staticmethod
    def forward(rows: torch.Tensor, parameter: torch.Tensor, family: Family) -> torch.Tensor:
        return family.solve(rows, parameter)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        ctx.family = inputs[2]
        ctx.save_for_backward(output, inputs[1])
        ctx.save_for_forward(output, inputs[1])

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None]:
        p, parameter = ctx.saved_tensors
        to_rows = _Project.apply(p, upstream, parameter, ctx.family) if ctx.needs_input_grad[0] else None
        if not ctx.needs_input_grad[1]:
            return to_rows, None, None
        return to_rows, _gathered(upstream * ctx.family.tilt(p, parameter), parameter), None

    @staticmethod
    def jvp(ctx: Any, along: torch.Tensor | None, parameter_along: torch.Tensor | None, _: None) -> torch.Tensor:
        p, parameter = ctx.saved_tensors
        out = torch.zeros_like(p) if along is None else _Project.apply(p, along, parameter, ctx.family)
        return out if parameter_along is None else out + ctx.family.tilt(p, parameter) * parameter_along.to(p.dtype)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], rows: torch.Tensor, parameter: torch.Tensor, family: Family) -> Any:
        rows, parameter = _batched(info.batch_size, in_dims, [rows], parameter)
        return Balanced.apply(rows, parameter, family), 0


class _Project(torch.autograd.Function):
    """`projected(g(p, parameter), v)` by a kernel; its own derivatives are written in plain operations."""

    @staticmethod
    def forward(p: torch.Tensor, v: torch.Tensor, parameter: torch.Tensor, family: Family) -> torch.Tensor:
        return family.project(p, v, parameter)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        ctx.family = inputs[3]
        ctx.save_for_backward(*inputs[:3])
        ctx.save_for_forward(*inputs[:3])

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[Any, ...]:
        p, v, parameter = ctx.saved_tensors
        family = ctx.family
        g = family.slope(p, parameter)
        to_g = (v - weighted_mean(g, v)) * (upstream - weighted_mean(g, upstream))
        to_v = _Project.apply(p, upstream, parameter, family) if ctx.needs_input_grad[1] else None
        to_parameter = _gathered(to_g * family.drift(p, parameter), parameter) if ctx.needs_input_grad[2] else None
        return to_g * family.bend(p, parameter), to_v, to_parameter, None

    @staticmethod
    def jvp(ctx: Any, p_along: Any, v_along: Any, parameter_along: Any, _: None) -> torch.Tensor:
        p, v, parameter = ctx.saved_tensors
        g = ctx.family.slope(p, parameter)
        g_along = torch.zeros_like(g) if p_along is None else ctx.family.bend(p, parameter) * p_along
        if parameter_along is not None:
            g_along = g_along + ctx.family.drift(p, parameter) * parameter_along.to(p.dtype)
        moved = g_along * (v - weighted_mean(g, v))
        total = g.sum(-1, keepdim=True)
        out = moved - g * moved.sum(-1, keepdim=True) / torch.where(total == 0, 1.0, total)
        return out if v_along is None else out + projected(g, v_along)

    @staticmethod
    def vmap(info: Any, in_dims: Any, p: torch.Tensor, v: torch.Tensor, parameter: torch.Tensor, family: Family) -> Any:
        p, v, parameter = _batched(info.batch_size, in_dims, [p, v], parameter)
        return _Project.apply(p, v, parameter, family), 0


def _gathered(each: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
    """Sum what flows to the parameter over all that it was spread over."""
    return each.sum(-1, keepdim=True).sum_to_size(parameter.shape).to(parameter.dtype)


def _batched(size: int, in_dims: Any, rows: list[torch.Tensor], parameter: torch.Tensor) -> list[torch.Tensor]:
    """Bring the axis of `torch.vmap` to the front of everything."""
    rows = [
        row.expand(size, *row.shape) if at is None else row.movedim(at, 0)
        for row, at in zip(rows, in_dims, strict=False)
    ]
    at = in_dims[len(rows)]
    if at is not None:  # (batch, ...) must still line up with the rows from the right
        parameter = parameter.movedim(at, 0)
        parameter = parameter.view(size, *[1] * (rows[0].ndim - parameter.ndim), *parameter.shape[1:])
    return [*rows, parameter]
