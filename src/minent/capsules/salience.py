"""The length of a vector as a probability: how it is measured, squashed below one, and trained."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from minent.errors import InputError, did_you_mean, listing, number

_TINY = 1e-12  # inside the root, so that a zero vector has a length with a finite gradient
_REDUCTIONS = ("mean", "sum", "none")


def lengths(vectors: torch.Tensor) -> torch.Tensor:
    """Return Euclidean lengths along the last axis, with a gradient that stays finite at zero.

    Args:
        vectors: Floating point `(..., dim)`.

    Returns:
        Lengths `(...)`, at least 1e-6.

    Source:
        kexue.fm/archives/5112.

    Example:
        >>> lengths(torch.tensor([[3.0, 4.0]]))
        tensor([5.])
    """
    return torch.sqrt(vectors.square().sum(-1) + _TINY)


def squash(vectors: torch.Tensor, softness: float = 0.5, *, kind: str = "rational") -> torch.Tensor:
    """Keep directions and bring lengths below one.

    With x the squared length over `softness`, the new length is `x / (1 + x)` (rational), `1 - 2**-x` (exponential),
    `sqrt(x / (3 + x))` (root: straight near zero) or `tanh(x log(3) / 2)`. In all of them `softness` becomes one half.

    Args:
        vectors: Floating point `(..., dim)`.
        softness: The squared length that becomes one half, above zero. 1 is Sabour's; 0.5 was found better.
        kind: `"rational"`, the article's and Sabour's; `"exponential"`, `"root"` or `"tanh"`.

    Returns:
        Vectors of the same shape, lengths in [0, 1).

    Raises:
        InputError: The softness is not above zero, or the kind is unknown.

    Source:
        Sabour, Frosst and Hinton (2017); kexue.fm/archives/5112 for 0.5.

    Example:
        >>> squash(torch.tensor([[0.5, 0.5]])).norm()
        tensor(0.5000)
    """
    check_squash(softness, kind)
    length = lengths(vectors).unsqueeze(-1)
    return vectors * SQUASHES[kind](length, softness)


def check_squash(softness: float, kind: str) -> None:
    """Refuse a softness that is not above zero, and an unknown kind."""
    number("softness", softness, 0, ", such as 0.5", above=True)
    if kind not in SQUASHES:
        raise InputError(f"kind is {kind!r}; it is one of {listing(SQUASHES)}.{did_you_mean(str(kind), SQUASHES)}")


# Each gives the new length over the old one, so that a vector of length zero needs no direction.
SQUASHES: dict[str, Callable[[torch.Tensor, float], torch.Tensor]] = {
    "rational": lambda length, softness: length / (softness + length.square()),
    "exponential": lambda length, softness: -torch.expm1(-math.log(2) / softness * length.square()) / length,
    "root": lambda length, softness: torch.rsqrt(3 * softness + length.square()),
    "tanh": lambda length, softness: torch.tanh(math.log(3) / 2 / softness * length.square()) / length,
}


def margin_loss(
    lengths: torch.Tensor,
    target: torch.Tensor,
    *,
    upper: float = 0.9,
    lower: float = 0.1,
    absent_weight: float = 0.25,
    reduction: str = "mean",
) -> torch.Tensor:
    """Push the lengths of classes that are present above `upper`, and of those that are absent below `lower`.

    Each class is a question of its own, so several may be present at once.

    Args:
        lengths: Salience `(batch, classes)`, in [0, 1).
        target: Class indices `(batch)`, or 0 and 1 `(batch, classes)`.
        upper: Where a present class costs nothing more.
        lower: Where an absent class costs nothing more.
        absent_weight: What an absent class counts, so that the many absent do not drown the few present.
        reduction: `"mean"` over the batch, `"sum"`, or `"none"` for one loss per sample.

    Returns:
        A number, or losses `(batch)` when the reduction is `"none"`.

    Raises:
        InputError: Shapes that do not fit, an index that is no class, or an unknown reduction.

    Source:
        Sabour, Frosst and Hinton (2017), with weight 0.5; kexue.fm/archives/4819 and 5112, with 0.25.

    Example:
        >>> margin_loss(torch.tensor([[0.9, 0.1], [0.8, 0.3]]), torch.tensor([0, 0]), reduction="none")
        tensor([0.0000, 0.0200])
    """
    if reduction not in _REDUCTIONS:
        hint = did_you_mean(str(reduction), _REDUCTIONS)
        raise InputError(f"reduction is {reduction!r}; it is 'mean', 'sum' or 'none'.{hint}")
    present = _presence(lengths, target)
    short = torch.relu(upper - lengths).square()
    excess = torch.relu(lengths - lower).square()
    losses = (present * short + absent_weight * (1 - present) * excess).sum(-1)
    return losses if reduction == "none" else losses.sum() if reduction == "sum" else losses.mean()


def _presence(lengths: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    if target.shape == lengths.shape:
        return target.to(lengths.dtype)
    if target.shape != lengths.shape[:-1] or target.is_floating_point():
        raise InputError(
            f"target has shape {tuple(target.shape)} and dtype {target.dtype}; give class indices of shape "
            f"{tuple(lengths.shape[:-1])}, or zeros and ones of shape {tuple(lengths.shape)}."
        )
    outside = (target < 0) | (target >= lengths.shape[-1])
    if outside.any():
        raise InputError(f"target holds {int(target[outside][0])}, but there are {lengths.shape[-1]} capsules.")
    return torch.nn.functional.one_hot(target.long(), lengths.shape[-1]).to(lengths.dtype)
