"""What a loss compares its rows with: class indices or distributions, checked once, never spread without need."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from minent.errors import InputError, did_you_mean
from minent.simplex.entropy import inner
from minent.simplex.rows import any_of, open_rows

_REDUCTIONS = ("mean", "sum", "none")


@dataclass(frozen=True)
class Target:
    """What rows are compared with: class indices, spread into a matrix only where one is needed, or distributions."""

    values: torch.Tensor
    counted: torch.Tensor  # what a row counts: 1 or the weight of its class, 0 where it is ignored
    reduction: str

    @property
    def soft(self) -> bool:
        return self.values.is_floating_point()

    def expect(self, rows: torch.Tensor) -> torch.Tensor:
        """Return `<y, z>` of each row."""
        return inner(self.values, rows) if self.soft else rows.gather(-1, self.values.unsqueeze(-1)).squeeze(-1)

    def matrix(self, rows: torch.Tensor) -> torch.Tensor:
        return self.values if self.soft else torch.zeros_like(rows).scatter(-1, self.values.unsqueeze(-1), 1.0)

    def likelihood(self, logits: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """Return the reduced cross entropy between these targets and softmax of the logits."""
        return self.reduce(torch.logsumexp(logits, -1) - self.expect(logits), dtype)

    def reduce(self, losses: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        losses = torch.where(self.counted > 0, self.counted * losses, 0.0)
        if self.reduction == "none":
            return losses.to(dtype)
        total = losses.sum()
        if self.reduction == "mean":
            count = self.counted.sum()
            total = total / torch.where(count > 0, count, 1.0)  # where nothing counts, nothing is lost
        return total.to(dtype)


def open_target(
    scores: torch.Tensor, target: torch.Tensor, reduction: str, ignore_index: int, weight: torch.Tensor | None
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
        return rows, Target(target.to(rows.dtype), _row_weights(weight, target, rows), reduction)
    _check_shape(target, scores.shape[:-1], "class indices")
    target = target.long()
    counted = target != ignore_index
    wrong = counted & ((target < 0) | (target >= scores.shape[-1]))
    if any_of(wrong):
        raise InputError(
            f"target holds {int(target[wrong][0])}, but scores have {scores.shape[-1]} classes "
            f"({int(wrong.sum())} of {target.numel()} are outside). Are scores and target from one set of labels?"
        )
    rows = rows.masked_fill(~counted.unsqueeze(-1), 0.0)
    target = target.masked_fill(~counted, 0)
    return rows, Target(target, counted * _row_weights(weight, target, rows), reduction)


def _check_shape(target: torch.Tensor, expected: torch.Size, form: str) -> None:
    if target.shape != expected:
        raise InputError(
            f"target has shape {tuple(target.shape)} and dtype {target.dtype}; as {form} it must have shape "
            f"{tuple(expected)}. Classes lie on the last axis of the scores."
        )


def _row_weights(weight: torch.Tensor | None, target: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Return what each row counts: the weight of its class, or what its distribution expects of them."""
    if weight is None:
        return torch.ones_like(rows[..., 0])
    if not isinstance(weight, torch.Tensor) or weight.shape != rows.shape[-1:]:
        shape = f"of shape {tuple(weight.shape)}" if isinstance(weight, torch.Tensor) else f"a {type(weight).__name__}"
        raise InputError(f"weight is {shape}; give a tensor of one weight per class, of shape ({rows.shape[-1]},).")
    wrong = ~((weight >= 0) & (weight < float("inf")))
    if any_of(wrong):
        raise InputError(f"weight holds {float(weight[wrong][0])}; weights of classes are finite and at least 0.")
    weight = weight.to(rows)
    return target.to(rows.dtype) @ weight if target.is_floating_point() else weight[target]
