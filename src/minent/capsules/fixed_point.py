"""A step repeated until nothing moves, and the gradient of where it came to rest.

At rest `v = f(v, u)`, so `dv/du = (1 - df/dv)^-1 df/du`: a gradient g at v becomes the solution w of
`w = g + (df/dv)' w` before it goes through one step to u. The solution is found by the same repetition, which converges
because the step did. Memory is that of one step, whatever the number of rounds.

Source: Bai, Kolter and Koltun (2019), deep equilibrium models.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from minent.capsules.votes import Votes
from minent.errors import InputError

Step = Callable[[Votes, torch.Tensor], torch.Tensor]
Map = Callable[[torch.Tensor], torch.Tensor]

_MOST = 1000


def fixed_point(step: Step, votes: Votes, start: torch.Tensor, directions: Map, tolerance: float) -> torch.Tensor:
    """Return the vectors at which `step` rests, with their implicit gradient in the votes.

    Each sample is left alone as soon as it rests, so that its neighbours in the batch do not change it.
    """
    with torch.no_grad():
        vectors = start.detach()
        for _ in range(_MOST):
            moved = step(votes, vectors)
            gone = (directions(moved) - directions(vectors)).abs().amax((1, 2), keepdim=True)
            if not (gone > tolerance).any():
                break
            vectors = torch.where(gone > tolerance, moved, vectors)
    settled = step(votes, vectors)
    if not settled.requires_grad:
        return settled
    return _AtRest.apply(settled, lambda gradient: _solve(step, votes.detached(), vectors, gradient, tolerance))


class _AtRest(torch.autograd.Function):
    """The identity forward; backward, the gradient is solved for."""

    @staticmethod
    def forward(ctx: Any, settled: torch.Tensor, solve: Map) -> torch.Tensor:
        ctx.solve = solve
        return settled.view_as(settled)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        if torch.is_grad_enabled():  # only with create_graph: the solution would be taken for a constant
            raise InputError("a second derivative was asked for, but rounds is None; give rounds a number, such as 30.")
        return ctx.solve(gradient), None


def _solve(step: Step, votes: Votes, vectors: torch.Tensor, gradient: torch.Tensor, tolerance: float) -> torch.Tensor:
    """Return w of `w = gradient + (df/dv)' w`."""
    with torch.enable_grad():
        vectors = vectors.detach().requires_grad_()
        moved = step(votes, vectors)
    solution = gradient
    for _ in range(_MOST):
        (through,) = torch.autograd.grad(moved, vectors, solution, retain_graph=True)
        change = (gradient + through - solution).abs().amax((1, 2))
        solution = gradient + through
        if not (change > tolerance * solution.abs().amax((1, 2))).any():
            break
    return solution
