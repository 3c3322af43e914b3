"""The door of the room: check the scores, bring the rows to the last axis, compute in float32 or wider, and undo it."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from minent.errors import InputError

RowMap = Callable[[torch.Tensor], torch.Tensor]


def rowwise(row_map: RowMap, scores: torch.Tensor, dim: int) -> torch.Tensor:
    """Apply a map of rows `(..., d)` along any axis of `scores`; the result has the shape and dtype of `scores`."""
    rows = open_rows(scores, dim)
    return row_map(rows).movedim(-1, dim).to(scores.dtype)


def open_rows(scores: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """Return checked scores with `dim` moved last, half precision widened to float32."""
    if not isinstance(scores, torch.Tensor):
        raise InputError(f"scores are a {type(scores).__name__}; give a torch tensor, such as torch.as_tensor(scores).")
    if not scores.is_floating_point():
        raise InputError(f"scores have dtype {scores.dtype}; give floating point, such as scores.float().")
    if isinstance(dim, bool) or not isinstance(dim, int) or not -scores.ndim <= dim < scores.ndim:
        raise InputError(f"dim is {dim}, but scores have shape {tuple(scores.shape)}; give an axis that they have.")
    if scores.shape[dim] == 0:
        raise InputError(f"scores of shape {tuple(scores.shape)} have no entries along dim {dim}; give at least one.")
    rows = scores.movedim(dim, -1)
    return rows.float() if rows.dtype in (torch.float16, torch.bfloat16) else rows


def shifted(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the rows less their largest entry, and which rows are wholly masked (those become zeros).

    The shift is a constant to autograd: it serves maps that are shift invariant.
    """
    peak = rows.detach().amax(-1, keepdim=True)
    blank = peak == -math.inf
    return (rows - peak.masked_fill(blank, 0.0)).masked_fill(blank, 0.0), blank


def spread(name: str, value: torch.Tensor, scores: torch.Tensor, dim: int) -> torch.Tensor:
    """Return a parameter with one value per row, lined up with the rows `(..., d)` of the scores: `(..., 1)`.

    It must broadcast against `scores` and have size 1 along `dim`, or no axes at all.
    """
    shape = (1,) * (scores.ndim - value.ndim) + tuple(value.shape)
    fits = len(shape) == scores.ndim and all(n in (1, m) for n, m in zip(shape, scores.shape, strict=True))
    if value.ndim == 0:
        return value
    if not fits or shape[dim] != 1:
        expected = list(scores.shape)
        expected[dim] = 1
        raise InputError(
            f"{name} has shape {tuple(value.shape)}; one value per row of scores of shape {tuple(scores.shape)} is a "
            f"shape that broadcasts to {tuple(expected)}. For one value in all, give a number."
        )
    return value.reshape(shape).movedim(dim, -1)


def any_of(wrong: torch.Tensor) -> bool:
    """Say whether any entry is true. `torch.vmap` forbids to look: then what is wrong is found by whoever computes."""
    try:
        return bool(wrong.any())
    except RuntimeError as error:
        if "vmap" in str(error):
            return False
        raise


def is_legacy_batch(tensor: torch.Tensor) -> bool:
    """Say whether this stands for the batch of upstream gradients that autograd itself maps over."""
    ask = getattr(torch._C._functorch, "is_legacy_batchedtensor", None)
    return ask is not None and bool(ask(tensor))
