"""Choosing k of many: soft top-k and the budget, whose rows sum to k rather than to one."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch

from minent.errors import InputError, number
from minent.simplex.balance import Balanced, Family, falling_root, projected
from minent.simplex.rows import any_of, open_rows, shifted, spread


def soft_topk(
    scores: torch.Tensor, k: float | torch.Tensor, dim: int = -1, *, temperature: float = 1.0
) -> torch.Tensor:
    """Weigh each score between 0 and 1 such that the weights sum to k: `sigmoid((z - t) / temperature)`.

    Strictly monotone and shift invariant; as the temperature falls, the k largest tend to one and the rest to zero.
    `-inf` masks an entry. A row with no more than k unmasked entries gives ones on them.

    Args:
        scores: Floating point, any shape.
        k: Above zero; need not be whole. A tensor gets a gradient; it holds one value, or one per row in a shape that
            broadcasts with size 1 along `dim`.
        dim: The axis that sums to k.
        temperature: Above zero, in units of the scores.

    Returns:
        Weights in [0, 1], shaped and typed like `scores`; differentiable any number of times.

    Raises:
        InputError: k or the temperature is not above zero; the scores are not floating point or lack `dim`.

    Source:
        The entropy-regularised top-k; the same threshold form as entmax.

    Example:
        >>> soft_topk(torch.tensor([1.0, 0.0, -1.0, 0.0]), k=2)
        tensor([0.7311, 0.5000, 0.2689, 0.5000])
    """
    rows = open_rows(scores, dim) / number("temperature", temperature, 0, above=True)
    return chosen_rows(rows, check_sum(k, scores, dim), SIGMOID).movedim(-1, dim).to(scores.dtype)


def budget(scores: torch.Tensor, k: float | torch.Tensor, dim: int = -1) -> torch.Tensor:
    """Project scores onto weights between 0 and 1 that sum to k: `clip(z - t, 0, 1)`.

    Weakly monotone and shift invariant, with exact zeros and exact ones. With k = 1 it is sparsemax. `-inf` masks an
    entry. A row with no more than k unmasked entries gives ones on them.

    Args:
        scores: Floating point, any shape.
        k: Above zero; need not be whole. A tensor gets a gradient; it holds one value, or one per row in a shape that
            broadcasts with size 1 along `dim`.
        dim: The axis that sums to k.

    Returns:
        Weights in [0, 1], shaped and typed like `scores`; differentiable away from kinks.

    Raises:
        InputError: k is not above zero; the scores are not floating point or lack `dim`.

    Source:
        Malaviya, Ferreira and Martins (2018), constrained sparsemax; Martins and Kreutzer (2017).

    Example:
        >>> budget(torch.tensor([3.0, 0.5, 0.0, -3.0]), k=2)
        tensor([1.0000, 0.7500, 0.2500, 0.0000])
    """
    return chosen_rows(open_rows(scores, dim), check_sum(k, scores, dim), CLIP).movedim(-1, dim).to(scores.dtype)


def chosen_rows(rows: torch.Tensor, k: torch.Tensor, family: Family) -> torch.Tensor:
    """Weights along the last axis, for a k that `check_sum` has passed."""
    return Balanced.apply(rows, k.to(rows.device), family)


def check_sum(k: float | torch.Tensor, scores: torch.Tensor, dim: int) -> torch.Tensor:
    """Return k as a tensor lined up with the rows of the scores, or refuse it."""
    if not isinstance(k, torch.Tensor):
        return torch.tensor(number("k", k, 0, above=True), dtype=torch.float64)
    if not k.is_floating_point():
        raise InputError(f"k has dtype {k.dtype}; give floating point, such as k.float().")
    wrong = ~((k.detach() > 0) & (k.detach() < math.inf))
    if any_of(wrong):
        raise InputError(
            f"k holds {float(k.detach()[wrong][0])!r} ({int(wrong.sum())} of {k.numel()} are out of range); "
            f"it takes finite numbers above zero."
        )
    return spread("k", k, scores, dim)


class _Chosen(ABC):
    """What both maps share: k shifts the threshold, and the threshold alone."""

    def drift(self, p: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(p)

    def tilt(self, p: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        g = self.slope(p, k)
        total = g.sum(-1, keepdim=True)
        return g / torch.where(total == 0, 1.0, total)

    @abstractmethod
    def slope(self, p: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        """How fast each entry falls when the threshold rises; each map has its own."""

    def project(self, p: torch.Tensor, v: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        return projected(self.slope(p, k), v)


class _Sigmoid(_Chosen):
    """`p = sigmoid(z - t)`."""

    def solve(self, rows: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        return _solve_sigmoid(rows, k.to(rows.dtype))

    def slope(self, p: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        return p * (1 - p)

    def bend(self, p: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        return 1 - 2 * p


class _Clip(_Chosen):
    """`p = clip(z - t, 0, 1)`."""

    def solve(self, rows: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        return _solve_clip(rows, k.to(rows.dtype))

    def slope(self, p: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        return ((p > 0) & (p < 1)).to(p.dtype)

    def bend(self, p: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(p)


SIGMOID, CLIP = _Sigmoid(), _Clip()


def _solve_sigmoid(rows: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    s, real, count, full = _prepare(rows, k)

    def taylor(t: torch.Tensor) -> list[torch.Tensor]:
        p = torch.sigmoid(s - t)
        first = p * (1 - p)
        sums = [term.sum(-1, keepdim=True) for term in (p, first, first * (1 - 2 * p))]
        return [sums[0] - k, -sums[1], 0.5 * sums[2]]

    share = torch.where(full, 0.5, k / count)
    low, high = _least(s, real, full) - torch.logit(share), -torch.logit(share)
    t = falling_root(taylor, low, high, start=0.5 * (low + high))
    return _finish(torch.sigmoid(s - t), real, full)


def _solve_clip(rows: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    s, real, _, full = _prepare(rows, k)

    def taylor(t: torch.Tensor) -> list[torch.Tensor]:
        p = (s - t).clamp(0.0, 1.0)
        moving = ((p > 0) & (p < 1)).to(p.dtype).sum(-1, keepdim=True)
        return [p.sum(-1, keepdim=True) - k, -moving, torch.zeros_like(moving)]

    low = _least(s, real, full) - 1.0
    high = torch.zeros_like(low)
    t = falling_root(taylor, low, high, start=0.5 * (low + high))
    return _finish((s - t).clamp(0.0, 1.0), real, full)


def _prepare(rows: torch.Tensor, k: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return shifted rows, what is unmasked, how much that is per row, and which rows k exhausts."""
    s, _ = shifted(rows)
    real = rows != -math.inf
    count = real.sum(-1, keepdim=True).to(rows.dtype)
    return s, real, count, count <= k


def _least(s: torch.Tensor, real: torch.Tensor, full: torch.Tensor) -> torch.Tensor:
    """Return the least unmasked entry of each row; zero for a row that needs no threshold."""
    return torch.where(full, 0.0, torch.where(real, s, math.inf).amin(-1, keepdim=True))


def _finish(p: torch.Tensor, real: torch.Tensor, full: torch.Tensor) -> torch.Tensor:
    """Erase masked entries; a row that k exhausts is ones on the rest (NaN stays NaN)."""
    ones = torch.where(p.isnan(), p, 1.0)
    return torch.where(full, ones, p).masked_fill(~real, 0.0)
