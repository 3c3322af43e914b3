"""Normalised positive maps: softmax, its Taylor cousin and its top-k restriction. Their derivatives are autograd's."""

from __future__ import annotations

import math
from functools import cache, partial

import torch

from minent.errors import InputError, number, whole
from minent.roots.steps import householder_step
from minent.simplex.rows import rowwise

_HIGHEST_ORDER = 20


def softmax(scores: torch.Tensor, dim: int = -1, *, temperature: float = 1.0) -> torch.Tensor:
    """Map scores to probabilities in proportion to `exp(z / temperature)`.

    Strictly monotone and shift invariant. `-inf` masks an entry; a row that is masked throughout gives zeros with zero
    gradient, where `torch.softmax` gives NaN. Half precision is computed in float32.

    Args:
        scores: Floating point, any shape.
        dim: The axis that sums to one.
        temperature: Above zero. Low is sharp, high is flat.

    Returns:
        Probabilities, shaped and typed like `scores`.

    Raises:
        InputError: The temperature is not above zero; the scores are not floating point or lack `dim`.

    Source:
        kexue.fm/archives/10145.

    Example:
        >>> softmax(torch.tensor([0.0, 0.0, -torch.inf]))
        tensor([0.5000, 0.5000, 0.0000])
    """
    temperature = number("temperature", temperature, 0, above=True)
    return rowwise(lambda rows: softmax_rows(rows / temperature), scores, dim)


def taylor_softmax(
    scores: torch.Tensor, order: int = 2, dim: int = -1, *, monotone: bool = True, centred: bool = False
) -> torch.Tensor:
    """Map scores to probabilities in proportion to the Taylor polynomial of `exp`, cut after an even order.

    Heavier tails than softmax, so less over-confidence. The bare polynomial rises again to the left of its minimum:
    with `monotone=False`, scores of -3 and -1 get 0.83 and 0.17. By default scores left of the minimum (-1 at order 2,
    -1.596 at order 4) count as the minimum, which makes the map weakly monotone. It is not shift invariant unless
    `centred`. `-inf` masks an entry; a row that is masked throughout gives zeros.

    Args:
        scores: Floating point, any shape.
        order: Even, 2 to 20.
        dim: The axis that sums to one.
        monotone: Raise scores to the minimum of the polynomial; False is the map as it was published.
        centred: Subtract the mean of the unmasked scores first.

    Returns:
        Probabilities, shaped and typed like `scores`.

    Raises:
        InputError: The order is odd or out of range; the scores are not floating point or lack `dim`.

    Source:
        Vincent, de Brébisson and Bouthillier (2015); kexue.fm/archives/10145 and 7919.

    Example:
        >>> taylor_softmax(torch.tensor([1.0, 0.0, -1.0]))  # 2.5, 1 and 0.5, normalised
        tensor([0.6250, 0.2500, 0.1250])
    """
    logits = partial(taylor_logits, order=check_order(order), monotone=monotone, centred=centred)
    return rowwise(lambda rows: softmax_rows(logits(rows)), scores, dim)


def topk_softmax(scores: torch.Tensor, k: int, dim: int = -1) -> torch.Tensor:
    """Softmax over the k largest scores, zero elsewhere.

    Weakly monotone and shift invariant. Scores that tie with the k-th largest all stay, so equal scores always get
    equal probabilities. What is left out gets no gradient: made for fine-tuning, not for training from nothing.

    Args:
        scores: Floating point, any shape.
        k: How many to keep, from 1 to the size of `dim`.
        dim: The axis that sums to one.

    Returns:
        Probabilities, shaped and typed like `scores`.

    Raises:
        InputError: k is out of range; the scores are not floating point or lack `dim`.

    Source:
        kexue.fm/archives/8046 and 10145.

    Example:
        >>> topk_softmax(torch.tensor([2.0, 2.0, 1.0]), k=2)
        tensor([0.5000, 0.5000, 0.0000])
    """
    return rowwise(lambda rows: softmax_rows(topk_logits(rows, k)), scores, dim)


def softmax_rows(rows: torch.Tensor) -> torch.Tensor:
    """Softmax along the last axis; rows that are masked throughout give zeros."""
    blank = (rows == -math.inf).all(-1, keepdim=True)
    return torch.softmax(rows.masked_fill(blank, 0.0), -1).masked_fill(blank, 0.0)


def topk_logits(rows: torch.Tensor, k: int) -> torch.Tensor:
    """Mask all but the k largest scores of each row and their ties."""
    whole("k", k, 1, rows.shape[-1])
    least = rows.detach().topk(k, -1).values[..., -1:]
    return rows.masked_fill(rows < least, -math.inf)


def taylor_logits(rows: torch.Tensor, order: int, monotone: bool, centred: bool) -> torch.Tensor:
    """Logarithm of the Taylor polynomial; masked entries stay `-inf`."""
    masked = rows == -math.inf
    z = rows.masked_fill(masked, 0.0)
    if centred:
        z = z - z.sum(-1, keepdim=True) / (~masked).sum(-1, keepdim=True).clamp(min=1)
    if monotone:
        z = z.clamp(min=lowest_point(order))
    return _log_polynomial(z, order).masked_fill(masked, -math.inf)


def check_order(order: int) -> int:
    """Return an order at which the Taylor polynomial of exp is positive everywhere."""
    if whole("order", order, 2, _HIGHEST_ORDER) % 2:
        raise InputError(f"order is {order}, but an odd Taylor polynomial of exp turns negative; give {order + 1}.")
    return order


def _log_polynomial(z: torch.Tensor, order: int) -> torch.Tensor:
    """`log sum_m z**m / m!`, from the high end where `|z| > 1`, so that no power overflows."""
    near = z.abs() <= 1
    small, large = torch.where(near, z, 0.0), torch.where(near, 1.0, z)
    inverse_factorials = [1.0 / math.factorial(m) for m in range(order + 1)]
    low = _horner(inverse_factorials, small)
    high = _horner(inverse_factorials[::-1], 1.0 / large)
    return torch.where(near, torch.log(low), torch.log(high) + order * torch.log(large.abs()))


def _horner(coefficients: list[float], x: torch.Tensor) -> torch.Tensor:
    total = torch.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total = total * x + coefficient
    return total


@cache
def lowest_point(order: int) -> float:
    """Return where the Taylor polynomial of exp of even order is least: the zero of the one before it.

    Example:
        >>> [round(lowest_point(order), 4) for order in (2, 4, 6)]
        [-1.0, -1.5961, -2.1806]
    """
    x = -0.25 * order - 0.6  # the zeros lie close to this line
    for _ in range(20):
        partial_sums = [sum(x**m / math.factorial(m) for m in range(n + 1)) for n in (order - 1, order - 2, order - 3)]
        x += householder_step([partial_sums[0], partial_sums[1], partial_sums[2] / 2])
    return x
