"""Further positive functions of the scores, normalised: two that never vanish, two that leave the weaker scores out."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from minent.errors import InputError, number
from minent.simplex.maps import softmax_rows
from minent.simplex.rows import rowwise
from minent.simplex.targets import open_target


def sigmoid_norm(scores: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """Map scores to probabilities in proportion to their sigmoids.

    Strictly monotone, not shift invariant: where all scores are low it is softmax, where they are high it is flat. So
    no class can buy certainty by growing without bound. `-inf` masks an entry; a row of masks gives zeros.

    Args:
        scores: Floating point, any shape.
        dim: The axis that sums to one.

    Returns:
        Probabilities, shaped and typed like `scores`.

    Raises:
        InputError: The scores are not floating point or lack `dim`.

    Source:
        The normalised positive maps of kexue.fm/archives/10145, with the sigmoid for exp.

    Example:
        >>> sigmoid_norm(torch.tensor([0.0, 0.0, -torch.inf]))
        tensor([0.5000, 0.5000, 0.0000])
    """
    return rowwise(lambda rows: softmax_rows(sigmoid_logits(rows)), scores, dim)


def softplus_norm(scores: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """Map scores to probabilities in proportion to `log(1 + exp(z))`.

    Strictly monotone, not shift invariant: softmax where the scores are low, and in proportion to them where they are
    high, so its tails are heavy. `-inf` masks an entry; a row of masks gives zeros.

    Args:
        scores: Floating point, any shape.
        dim: The axis that sums to one.

    Returns:
        Probabilities, shaped and typed like `scores`.

    Raises:
        InputError: The scores are not floating point or lack `dim`.

    Source:
        The normalised positive maps of kexue.fm/archives/10145, with softplus for exp.

    Example:
        >>> softplus_norm(torch.tensor([20.0, 10.0]))
        tensor([0.6667, 0.3333])
    """
    return rowwise(lambda rows: softmax_rows(softplus_logits(rows)), scores, dim)


def r_softmax(scores: torch.Tensor, rate: float, dim: int = -1) -> torch.Tensor:
    """Softmax weighted by how far each score stands above a quantile of its row: the fraction `rate` becomes zero.

    `p` is in proportion to `max(0, z - q) exp(z)`, with q the `floor(rate * n)`-th smallest of the n unmasked scores:
    exactly so many are zero (and those that tie with q). Weakly monotone and shift invariant. `-inf` masks an entry. A
    row whose scores are all equal keeps them all, equally.

    Args:
        scores: Floating point, any shape.
        rate: Fraction of zeros, from 0 up to but not 1. A rate below 1 / n leaves no zero and is softmax.
        dim: The axis that sums to one.

    Returns:
        Probabilities, shaped and typed like `scores`.

    Raises:
        InputError: The rate is out of range; the scores are not floating point or lack `dim`.

    Source:
        Bałazy, Struski, Śmieja and Tabor (2023), "r-softmax: Generalized Softmax with Controllable Sparsity Rate".

    Example:
        >>> r_softmax(torch.tensor([2.0, 1.0, 0.0, -1.0]), rate=0.5)
        tensor([0.8446, 0.1554, 0.0000, 0.0000])
    """
    check_rate(rate)
    return rowwise(lambda rows: softmax_rows(r_logits(rows, rate)), scores, dim)


def ev_softmax(scores: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """Softmax over the scores that are no less than the mean of their row, zero elsewhere.

    Weakly monotone and shift invariant; keeps several modes where there are several. What is left out gets no
    gradient. `-inf` masks an entry and counts nothing in the mean; a row of masks gives zeros.

    Args:
        scores: Floating point, any shape.
        dim: The axis that sums to one.

    Returns:
        Probabilities, shaped and typed like `scores`.

    Raises:
        InputError: The scores are not floating point or lack `dim`.

    Source:
        Chen, Itkina, Senanayake and Kochenderfer (2021), "Evidential Softmax for Sparse Multimodal Distributions".

    Example:
        >>> ev_softmax(torch.tensor([1.0, 1.0, -1.0]))
        tensor([0.5000, 0.5000, 0.0000])
    """
    return rowwise(lambda rows: softmax_rows(ev_logits(rows)), scores, dim)


def sigmoid_norm_loss(
    scores: torch.Tensor,
    target: torch.Tensor,
    *,
    reduction: str = "mean",
    ignore_index: int = -100,
    weight: torch.Tensor | None = None,
) -> torch.Tensor:
    """Negative log likelihood under `sigmoid_norm`.

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
        kexue.fm/archives/10145.

    Example:
        >>> sigmoid_norm_loss(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
        tensor(0.6931)
    """
    rows, y = open_target(scores, target, reduction, ignore_index, weight)
    return y.likelihood(sigmoid_logits(rows), scores.dtype)


def softplus_norm_loss(
    scores: torch.Tensor,
    target: torch.Tensor,
    *,
    reduction: str = "mean",
    ignore_index: int = -100,
    weight: torch.Tensor | None = None,
) -> torch.Tensor:
    """Negative log likelihood under `softplus_norm`.

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
        kexue.fm/archives/10145.

    Example:
        >>> softplus_norm_loss(torch.tensor([[20.0, 10.0]]), torch.tensor([1]))  # -log(1 / 3)
        tensor(1.0986)
    """
    rows, y = open_target(scores, target, reduction, ignore_index, weight)
    return y.likelihood(softplus_logits(rows), scores.dtype)


def r_softmax_loss(
    scores: torch.Tensor,
    target: torch.Tensor,
    rate: float,
    *,
    floor: float = 1e-3,
    reduction: str = "mean",
    ignore_index: int = -100,
    weight: torch.Tensor | None = None,
) -> torch.Tensor:
    """Negative log likelihood under `r_softmax`, whose zeros are lifted so that no loss and no gradient is lost.

    Where a score does not stand above the quantile, its lead counts as `floor`: the likelihood of a right class that is
    left out stays above zero, and its gradient pulls it back.

    Args:
        scores: Floating point `(..., classes)`; `-inf` masks a class.
        target: Class indices `(...)`, or distributions of the shape of `scores`.
        rate: Fraction of zeros, from 0 up to but not 1.
        floor: Least lead over the quantile, above zero, in units of the scores.
        reduction: `"mean"` over the rows that count, `"sum"`, or `"none"` for one loss per row.
        ignore_index: A class index whose rows count nothing.
        weight: One weight per class, `(classes,)`: a row counts as much as its target expects of them.

    Returns:
        A number, or losses `(...)` when the reduction is `"none"`.

    Raises:
        InputError: A rate or floor out of range, or what `softmax_loss` refuses.

    Source:
        Bałazy, Struski, Śmieja and Tabor (2023), who add a small number to the probabilities instead.

    Example:
        >>> r_softmax_loss(torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([0]), rate=0.5)  # 1 e against 2 e-3
        tensor(0.0007)
    """
    check_rate(rate)
    number("floor", floor, 0, above=True)
    rows, y = open_target(scores, target, reduction, ignore_index, weight)
    return y.likelihood(r_logits(rows, rate, floor), scores.dtype)


def ev_softmax_loss(
    scores: torch.Tensor,
    target: torch.Tensor,
    *,
    floor: float = 1e-6,
    reduction: str = "mean",
    ignore_index: int = -100,
    weight: torch.Tensor | None = None,
) -> torch.Tensor:
    """Negative log likelihood under `ev_softmax`, whose zeros are lifted so that no loss and no gradient is lost.

    Args:
        scores: Floating point `(..., classes)`; `-inf` masks a class.
        target: Class indices `(...)`, or distributions of the shape of `scores`.
        floor: What the weight of a score below the mean is multiplied by, above zero; the published training weight.
        reduction: `"mean"` over the rows that count, `"sum"`, or `"none"` for one loss per row.
        ignore_index: A class index whose rows count nothing.
        weight: One weight per class, `(classes,)`: a row counts as much as its target expects of them.

    Returns:
        A number, or losses `(...)` when the reduction is `"none"`.

    Raises:
        InputError: A floor not above zero, or what `softmax_loss` refuses.

    Source:
        Chen, Itkina, Senanayake and Kochenderfer (2021), equation 6.

    Example:
        >>> ev_softmax_loss(torch.tensor([[1.0, 1.0, -1.0]]), torch.tensor([0]))
        tensor(0.6931)
    """
    log_floor = math.log(number("floor", floor, 0, above=True))
    rows, y = open_target(scores, target, reduction, ignore_index, weight)
    return y.likelihood(ev_logits(rows, log_floor), scores.dtype)


def sigmoid_logits(rows: torch.Tensor) -> torch.Tensor:
    """`log sigmoid(z)`; masked entries stay `-inf`."""
    masked = rows == -math.inf
    return F.logsigmoid(rows.masked_fill(masked, 0.0)).masked_fill(masked, -math.inf)


def softplus_logits(rows: torch.Tensor) -> torch.Tensor:
    """`log log(1 + exp(z))`, which is z itself where exp(z) is small; masked entries stay `-inf`."""
    masked = rows == -math.inf
    z = rows.masked_fill(masked, 0.0)
    low = z < -20  # log1p(x) = x - x**2 / 2 there, so the logarithm is z - exp(z) / 2
    usual = torch.log(F.softplus(torch.where(low, 0.0, z)))
    return torch.where(low, z - 0.5 * torch.exp(torch.where(low, z, 0.0)), usual).masked_fill(masked, -math.inf)


def r_logits(rows: torch.Tensor, rate: float, floor: float = 0.0) -> torch.Tensor:
    """`z + log max(floor, z - q)`; masked entries, and without a floor those up to the quantile, are `-inf`."""
    masked = rows == -math.inf
    count = (~masked).sum(-1, keepdim=True)
    zeros = (rate * count.double() + 1e-9).floor().long()  # 0.29 * 100 is 29
    rising = rows.masked_fill(masked, math.inf).sort(-1).values
    place = (zeros - 1).clamp(min=0)
    z = rows.masked_fill(masked, 0.0)
    lead = z - rising.gather(-1, place).masked_fill(count == 0, 0.0)
    even = (zeros == 0) | ((lead <= 0) | masked).all(-1, keepdim=True)  # nothing to leave out, or nothing would be left
    lead = torch.where(even, 1.0, lead).clamp(min=floor)
    log_lead = torch.log(torch.where(lead > 0, lead, 1.0)).masked_fill(lead <= 0, -math.inf)
    return (z + log_lead).masked_fill(masked, -math.inf)


def ev_logits(rows: torch.Tensor, log_floor: float = -math.inf) -> torch.Tensor:
    """The scores no less than the mean of their row; `log_floor` is added to the others."""
    masked = rows == -math.inf
    z = rows.detach().masked_fill(masked, 0.0)
    scale = z.abs().amax(-1, keepdim=True).clamp(min=torch.finfo(z.dtype).tiny)  # keeps huge scores from overflowing
    count = (~masked).sum(-1, keepdim=True).clamp(min=1)
    mean = (z / scale / count).sum(-1, keepdim=True)
    slack = 4 * torch.finfo(z.dtype).eps  # equal scores must not fall below their own rounded mean
    return torch.where(masked | (z / scale >= mean - slack) | z.isnan(), rows, rows + log_floor)


def check_rate(rate: float) -> None:
    """Refuse a rate outside `[0, 1)`."""
    if number("rate", rate, 0, ", below 1: the fraction of zeros") >= 1:
        raise InputError(f"rate is {rate!r}; it is the fraction of zeros, from 0 up to but not 1.")
