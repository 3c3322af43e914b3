"""The entropies behind the maps, and the quotients they need, smooth where the textbook form divides zero by zero."""

from __future__ import annotations

import math

import torch


def negentropy(p: torch.Tensor, alpha: float | torch.Tensor) -> torch.Tensor:
    """Tsallis: `sum p (p**e - 1) / (alpha e)` with `e = alpha - 1`, which tends to `sum p log p`."""
    log_p = torch.log(torch.where(p > 0, p, 1.0))
    if isinstance(alpha, torch.Tensor):
        x = (alpha - 1.0).to(p.dtype) * log_p
        return (p * log_p * (1 + x * second_remainder(-x)) / alpha.to(p.dtype)).sum(-1)
    e = alpha - 1.0
    return (p * (torch.expm1(e * log_p) / (alpha * e) if e else log_p)).sum(-1)


def negentropy_of_choices(p: torch.Tensor) -> torch.Tensor:
    """`sum p log p + (1 - p) log(1 - p)`: of independent choices."""
    return -(torch.special.entr(p) + torch.special.entr(1 - p)).sum(-1)


def inner(y: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """`<y, z>`, where a masked score counts nothing if `y` is zero there."""
    return (y * torch.where(y == 0, 0.0, rows)).sum(-1)


def second_remainder(x: torch.Tensor) -> torch.Tensor:
    """`(x + expm1(-x)) / x**2`: 1/2 at 0, and smooth there."""
    near = x.abs() < 0.3
    small, large = torch.where(near, x, 0.0), torch.where(near, 1.0, x)
    series = torch.zeros_like(x)
    for k in range(14, 1, -1):  # sum over k >= 2 of (-x)**(k - 2) / k!
        series = series * -small + 1.0 / math.factorial(k)
    return torch.where(near, series, (large + torch.expm1(-large)) / large.square())
