"""Fenchel-Young losses: `max_p (<p, z> - Omega(p)) + Omega(y) - <z, y>`, one for each map that is such a maximiser.

They are convex, never negative, and have gradient `p - y`. Those of sparse maps are exactly zero once the right score
leads by a margin. Classes lie on the last axis.
"""

from __future__ import annotations

from typing import Any

import torch

from minent.errors import InputError, number
from minent.simplex.entropy import inner, negentropy, negentropy_of_choices
from minent.simplex.normmax import check_norm_order, normmax_rows
from minent.simplex.rows import any_of
from minent.simplex.sparse import check_alpha, entmax_rows
from minent.simplex.targets import Target, open_target
from minent.simplex.thresholds import CLIP, SIGMOID, check_sum, chosen_rows


def sparsemax_loss(
    scores: torch.Tensor,
    target: torch.Tensor,
    *,
    reduction: str = "mean",
    ignore_index: int = -100,
    weight: torch.Tensor | None = None,
) -> torch.Tensor:
    """Fenchel-Young loss of sparsemax: `entmax_loss` with alpha = 2; zero once the right score leads by 1.

    Args:
        scores: Floating point `(..., classes)`; `-inf` masks a class.
        target: Class indices `(...)`, or distributions of the shape of `scores`.
        reduction: `"mean"` over the rows that count, `"sum"`, or `"none"` for one loss per row.
        ignore_index: A class index whose rows count nothing.
        weight: One weight per class, `(classes,)`: a row counts as much as its target expects of them.

    Returns:
        A number, or losses `(...)` when the reduction is `"none"`.

    Raises:
        InputError: What `softmax_loss` refuses.

    Source:
        Martins and Astudillo (2016); kexue.fm/archives/10145.

    Example:
        >>> sparsemax_loss(torch.tensor([[1.0, 0.0], [0.5, 0.0]]), torch.tensor([0, 0]), reduction="none")
        tensor([0.0000, 0.0625])
    """
    return entmax_loss(scores, target, 2.0, reduction=reduction, ignore_index=ignore_index, weight=weight)


def entmax_loss(
    scores: torch.Tensor,
    target: torch.Tensor,
    alpha: float | torch.Tensor = 1.5,
    *,
    reduction: str = "mean",
    ignore_index: int = -100,
    weight: torch.Tensor | None = None,
) -> torch.Tensor:
    """Fenchel-Young loss of entmax: convex, gradient `p - y`, zero once the right score leads by `1 / (alpha - 1)`.

    Args:
        scores: Floating point `(..., classes)`; `-inf` masks a class.
        target: Class indices `(...)`, or distributions of the shape of `scores`.
        alpha: At least 1; 1 is the divergence of softmax (cross entropy less the entropy of the target). A tensor
            gets a gradient; it holds one value, or one per row in a shape that broadcasts to `(..., 1)`.
        reduction: `"mean"` over the rows that count, `"sum"`, or `"none"` for one loss per row.
        ignore_index: A class index whose rows count nothing.
        weight: One weight per class, `(classes,)`: a row counts as much as its target expects of them.

    Returns:
        A number, or losses `(...)` when the reduction is `"none"`.

    Raises:
        InputError: An alpha that `entmax` refuses, or what `softmax_loss` refuses.

    Source:
        Blondel, Martins and Niculae (2020), "Learning with Fenchel-Young losses"; kexue.fm/archives/10145.

    Example:
        >>> entmax_loss(torch.tensor([[2.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 0]), reduction="none")
        tensor([0.0000, 0.3905])
    """
    rows, y = open_target(scores, target, reduction, ignore_index, weight)
    alpha = check_alpha(alpha, rows, -1)
    rows = _centred(rows)
    p = entmax_rows(rows, alpha)
    own = negentropy(y.values, alpha) if y.soft else 0.0
    if isinstance(alpha, torch.Tensor):  # alpha moves Omega too; through p nothing flows but rounding, p being best
        return y.reduce(inner(p, rows) - negentropy(p, alpha) + own - y.expect(rows), scores.dtype)
    return _divergence(rows, p, negentropy(p.detach(), alpha), own, y, scores.dtype)


def normmax_loss(
    scores: torch.Tensor,
    target: torch.Tensor,
    alpha: float = 2.0,
    *,
    reduction: str = "mean",
    ignore_index: int = -100,
    weight: torch.Tensor | None = None,
) -> torch.Tensor:
    """Fenchel-Young loss of normmax: zero once the right score leads by 1, whatever alpha is.

    Args:
        scores: Floating point `(..., classes)`; `-inf` masks a class.
        target: Class indices `(...)`, or distributions of the shape of `scores`.
        alpha: Above 1 and finite.
        reduction: `"mean"` over the rows that count, `"sum"`, or `"none"` for one loss per row.
        ignore_index: A class index whose rows count nothing.
        weight: One weight per class, `(classes,)`: a row counts as much as its target expects of them.

    Returns:
        A number, or losses `(...)` when the reduction is `"none"`.

    Raises:
        InputError: An alpha that `normmax` refuses, or what `softmax_loss` refuses.

    Source:
        Blondel, Martins and Niculae (2020), "Learning with Fenchel-Young losses", section 7.

    Example:
        >>> normmax_loss(torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 0]), reduction="none")
        tensor([0.0000, 0.2929])
    """
    check_norm_order(alpha)
    rows, y = open_target(scores, target, reduction, ignore_index, weight)
    rows = _centred(rows)
    largest = normmax_rows(rows, float(alpha))[1].squeeze(-1)  # the threshold is the maximum itself
    own = torch.linalg.vector_norm(y.values, alpha, -1) if y.soft else 1.0
    return y.reduce(largest + own - y.expect(rows), scores.dtype)


def soft_topk_loss(
    scores: torch.Tensor,
    target: torch.Tensor,
    k: float,
    *,
    temperature: float = 1.0,
    reduction: str = "mean",
    ignore_index: int = -100,
    weight: torch.Tensor | None = None,
) -> torch.Tensor:
    """Fenchel-Young loss of soft top-k: a sum of binary cross entropies whose weights share the sum k.

    Args:
        scores: Floating point `(..., classes)`; `-inf` masks a class.
        target: Weights of the shape of `scores`, in [0, 1], that sum to k in each row (one for each of the k right
            entries); class indices `(...)` where k is 1.
        k: Above zero; what the weights of each row sum to.
        temperature: Above zero, in units of the scores.
        reduction: `"mean"` over the rows that count, `"sum"`, or `"none"` for one loss per row.
        ignore_index: A class index whose rows count nothing.
        weight: One weight per class, `(classes,)`: a row counts as much as its target expects of them.

    Returns:
        A number, or losses `(...)` when the reduction is `"none"`.

    Raises:
        InputError: Targets that do not sum to k, a k or temperature out of range, or what `softmax_loss` refuses.

    Source:
        Blondel, Martins and Niculae (2020), with the entropy of independent choices.

    Example:
        >>> soft_topk_loss(torch.zeros(1, 4), torch.tensor([[1.0, 1.0, 0.0, 0.0]]), k=2)  # 4 log 2
        tensor(2.7726)
    """
    number("temperature", temperature, 0, above=True)
    rows, y = open_target(scores, target, reduction, ignore_index, weight)
    _check_chosen(y, number("k", k, 0, above=True))
    rows = _centred(rows)
    p = chosen_rows(rows / temperature, check_sum(k, rows, -1), SIGMOID)
    own = temperature * negentropy_of_choices(y.matrix(rows))
    return _divergence(rows, p, temperature * negentropy_of_choices(p.detach()), own, y, scores.dtype)


def budget_loss(
    scores: torch.Tensor,
    target: torch.Tensor,
    k: float,
    *,
    reduction: str = "mean",
    ignore_index: int = -100,
    weight: torch.Tensor | None = None,
) -> torch.Tensor:
    """Fenchel-Young loss of the budget: zero once each right score leads each wrong one by 1.

    Args:
        scores: Floating point `(..., classes)`; `-inf` masks a class.
        target: Weights of the shape of `scores`, in [0, 1], that sum to k in each row (one for each of the k right
            entries); class indices `(...)` where k is 1.
        k: Above zero; what the weights of each row sum to.
        reduction: `"mean"` over the rows that count, `"sum"`, or `"none"` for one loss per row.
        ignore_index: A class index whose rows count nothing.
        weight: One weight per class, `(classes,)`: a row counts as much as its target expects of them.

    Returns:
        A number, or losses `(...)` when the reduction is `"none"`.

    Raises:
        InputError: Targets that do not sum to k, a k out of range, or what `softmax_loss` refuses.

    Source:
        Blondel, Martins and Niculae (2020), with half the squared norm on the weights in [0, 1].

    Example:
        >>> budget_loss(torch.tensor([[1.0, 1.0, 0.0, 0.0]]), torch.tensor([[1.0, 1.0, 0.0, 0.0]]), k=2)
        tensor(0.)
    """
    rows, y = open_target(scores, target, reduction, ignore_index, weight)
    _check_chosen(y, number("k", k, 0, above=True))
    rows = _centred(rows)
    p = chosen_rows(rows, check_sum(k, rows, -1), CLIP)
    own = 0.5 * y.matrix(rows).square().sum(-1)
    return _divergence(rows, p, 0.5 * p.detach().square().sum(-1), own, y, scores.dtype)


def _centred(rows: torch.Tensor) -> torch.Tensor:
    """Rows less their largest score: no loss changes, as p and y sum to the same, and digits are saved."""
    peak = rows.detach().amax(-1, keepdim=True)
    return rows - peak.masked_fill(peak.isinf(), 0.0)


def _divergence(
    rows: torch.Tensor, p: torch.Tensor, omega: torch.Tensor, own: torch.Tensor | float, y: Target, dtype: torch.dtype
) -> torch.Tensor:
    return y.reduce(_Conjugate.apply(rows, p, omega) + own - y.expect(rows), dtype)


def _check_chosen(y: Target, k: float) -> None:
    """Refuse targets that lie outside of what the map can reach: the loss would have no minimum."""
    if not y.soft:
        if k != 1:
            raise InputError(
                f"target holds one class index per row, but k is {k:g}; give weights of the shape of scores that "
                f"sum to k in each row, 1 for each right entry."
            )
        return
    sums = y.values.sum(-1)
    wrong = ~(((sums - k).abs() <= 1e-3 * k) & ((y.values >= 0) & (y.values <= 1)).all(-1))
    if any_of(wrong):
        raise InputError(
            f"target has a row that sums to {float(sums[wrong][0]):g} or leaves [0, 1] ({int(wrong.sum())} of "
            f"{sums.numel()} rows), but its weights must lie in [0, 1] and sum to k = {k:g}."
        )


class _Conjugate(torch.autograd.Function):
    """`<p, z> - Omega(p)` at its maximiser p. Its gradient is p itself, so nothing flows through Omega."""

    generate_vmap_rule = True

    @staticmethod
    def forward(rows: torch.Tensor, p: torch.Tensor, omega: torch.Tensor) -> torch.Tensor:
        return inner(p, rows) - omega

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        ctx.save_for_backward(inputs[1])
        ctx.save_for_forward(inputs[1])

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return upstream.unsqueeze(-1) * ctx.saved_tensors[0], None, None

    @staticmethod
    def jvp(ctx: Any, along: torch.Tensor, *_: None) -> torch.Tensor:
        return inner(ctx.saved_tensors[0], along)
