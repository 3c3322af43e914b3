"""What a loss compares its rows with: class indices or distributions, checked once, never spread without need."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from minent.errors import InputError, did_you_mean
from minent.simplex.rows import open_rows

_REDUCTIONS = ("mean", "sum", "none")


@dataclass(frozen=True)
class Target:
    """What rows are compared with: class indices, spread into a matrix only where one is needed, or distributions."""

    values: torch.Tensor
    counted: torch.Tensor  # 1 for a row that counts, 0 for one that is ignored
    reduction: str

    @property
    def soft(self) -> bool:
        return self.values.is_floating_point()

    def expect(self, rows: torch.Tensor) -> torch.Tensor:
        """Return `<y, z>` of each row."""
        return inner(self.values, rows) if self.soft else rows.gather(-1, self.values.unsqueeze(-1)).squeeze(-1)

    def matrix(self, rows: torch.Tensor) -> torch.Tensor:
        return self.values if self.soft else torch.zeros_like(rows).scatter(-1, self.values.unsqueeze(-1), 1.0)

    def negentropy(self, alpha: float) -> torch.Tensor:
        return negentropy(self.values, alpha) if self.soft else torch.zeros_like(self.counted)

    def reduce(self, losses: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        losses = torch.where(self.counted > 0, losses, 0.0)
        if self.reduction == "none":
            return losses.to(dtype)
        total = losses.sum()
        return (total if self.reduction == "sum" else total / self.counted.sum().clamp(min=1)).to(dtype)


def open_target(
    scores: torch.Tensor, target: torch.Tensor, reduction: str, ignore_index: int
) -> tuple[torch.Tensor, Target]:
    """Check scores and target; rows that count nothing become zeros, so that nothing in them can spoil a gradient."""
    rows = open_rows(scores)
    if reduction not in _REDUCTIONS:
        hint = did_you_mean(str(reduction), _REDUCTIONS)
        raise InputError(f"reduction is {reduction!r}; it is 'mean', 'sum' or 'none'.{hint}")
    if not isinstance(target, torch.Tensor):
        raise InputError(f"target is a {type(target).__name__}; give a torch tensor, such as torch.tensor(target).")
    if target.is_floating_point():
        _check_shape(target, scores.shape, "distributions")
        return rows, Target(target.to(rows.dtype), torch.ones_like(rows[..., 0]), reduction)
    _check_shape(target, scores.shape[:-1], "class indices")
    target = target.long()
    counted = target != ignore_index
    wrong = counted & ((target < 0) | (target >= scores.shape[-1]))
    if wrong.any():
        raise InputError(
            f"target holds {int(target[wrong][0])}, but scores have {scores.shape[-1]} classes "
            f"({int(wrong.sum())} of {target.numel()} are outside). Are scores and target from one set of labels?"
        )
    rows = rows.masked_fill(~counted.unsqueeze(-1), 0.0)
    return rows, Target(target.masked_fill(~counted, 0), counted.to(rows.dtype), reduction)


def _check_shape(target: torch.Tensor, expected: torch.Size, form: str) -> None:
    if target.shape != expected:
        raise InputError(
            f"target has shape {tuple(target.shape)} and dtype {target.dtype}; as {form} it must have shape "
            f"{tuple(expected)}. Classes lie on the last axis of the scores."
        )


def negentropy(p: torch.Tensor, alpha: float) -> torch.Tensor:
    """Tsallis: `sum p (p**e - 1) / (alpha e)` with `e = alpha - 1`, which tends to `sum p log p`."""
    log_p = torch.log(torch.where(p > 0, p, 1.0))
    e = alpha - 1.0
    return (p * (torch.expm1(e * log_p) / (alpha * e) if e else log_p)).sum(-1)


def inner(y: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """`<y, z>`, where a masked score counts nothing if `y` is zero there."""
    return (y * torch.where(y == 0, 0.0, rows)).sum(-1)
