"""Losses that are negative log likelihoods. Classes lie on the last axis; targets are indices or distributions."""

from __future__ import annotations

import torch

from minent.errors import number
from minent.simplex.maps import check_order, taylor_logits, topk_logits
from minent.simplex.perturb import check_noise, log_perturb_rows
from minent.simplex.targets import open_target


def softmax_loss(
    scores: torch.Tensor,
    target: torch.Tensor,
    *,
    reduction: str = "mean",
    ignore_index: int = -100,
    weight: torch.Tensor | None = None,
) -> torch.Tensor:
    """Cross entropy of softmax: `logsumexp(z) - <z, y>`. Convex in the scores; gradient `p - y`.

    Args:
        scores: Floating point `(..., classes)`; `-inf` masks a class.
        target: Class indices `(...)`, or distributions of the shape of `scores`.
        reduction: `"mean"` over the rows that count, `"sum"`, or `"none"` for one loss per row.
        ignore_index: A class index whose rows count nothing.
        weight: One weight per class, `(classes,)`: a row counts as much as its target expects of them.

    Returns:
        A number, or losses `(...)` when the reduction is `"none"`.

    Raises:
        InputError: Shapes that do not fit, an index that is no class, or an unknown reduction.

    Source:
        kexue.fm/archives/10145.

    Example:
        >>> softmax_loss(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
        tensor(0.6931)
    """
    rows, y = open_target(scores, target, reduction, ignore_index, weight)
    return y.likelihood(rows, scores.dtype)


def margin_softmax_loss(
    scores: torch.Tensor,
    target: torch.Tensor,
    *,
    margin: float = 0.35,
    scale: float = 30.0,
    reduction: str = "mean",
    ignore_index: int = -100,
    weight: torch.Tensor | None = None,
) -> torch.Tensor:
    """Cross entropy after the right class has been put back by a margin: train by classes, use by distance.

    The right score is replaced, never subtracted from a finished sum, so no loss turns negative in float32.

    Args:
        scores: Cosines `(..., classes)`, for which the default margin and scale are meant; or other scores.
        target: Class indices `(...)`, or distributions of the shape of `scores`.
        margin: How far the right class must lead, at least 0, in units of the scores.
        scale: What the scores are multiplied by, above zero.
        reduction: `"mean"` over the rows that count, `"sum"`, or `"none"` for one loss per row.
        ignore_index: A class index whose rows count nothing.
        weight: One weight per class, `(classes,)`: a row counts as much as its target expects of them.

    Returns:
        A number, or losses `(...)` when the reduction is `"none"`.

    Raises:
        InputError: A margin below 0, a scale not above 0, or what `softmax_loss` refuses.

    Source:
        Wang et al. (2018), AM-Softmax; kexue.fm/archives/8656.

    Example:
        >>> margin_softmax_loss(torch.tensor([[0.35, 0.0]]), torch.tensor([0]))  # leads by just the margin
        tensor(0.6931)
    """
    number("margin", margin, 0)
    number("scale", scale, 0, above=True)
    rows, y = open_target(scores, target, reduction, ignore_index, weight)
    rows = scale * (rows - margin * y.matrix(rows))
    return y.likelihood(rows, scores.dtype)


def taylor_softmax_loss(
    scores: torch.Tensor,
    target: torch.Tensor,
    *,
    order: int = 2,
    monotone: bool = True,
    centred: bool = False,
    reduction: str = "mean",
    ignore_index: int = -100,
    weight: torch.Tensor | None = None,
) -> torch.Tensor:
    """Negative log likelihood under `taylor_softmax`.

    Args:
        scores: Floating point `(..., classes)`; `-inf` masks a class.
        target: Class indices `(...)`, or distributions of the shape of `scores`.
        order: Even, 2 to 20.
        monotone: As in `taylor_softmax`. Scores below the minimum get no gradient then.
        centred: As in `taylor_softmax`.
        reduction: `"mean"` over the rows that count, `"sum"`, or `"none"` for one loss per row.
        ignore_index: A class index whose rows count nothing.
        weight: One weight per class, `(classes,)`: a row counts as much as its target expects of them.

    Returns:
        A number, or losses `(...)` when the reduction is `"none"`.

    Raises:
        InputError: An odd order, or what `softmax_loss` refuses.

    Source:
        Vincent, de Brébisson and Bouthillier (2015); kexue.fm/archives/10145.

    Example:
        >>> taylor_softmax_loss(torch.tensor([[1.0, 0.0, -1.0]]), torch.tensor([0]))  # -log 0.625
        tensor(0.4700)
    """
    check_order(order)
    rows, y = open_target(scores, target, reduction, ignore_index, weight)
    rows = taylor_logits(rows, order, monotone, centred)
    return y.likelihood(rows, scores.dtype)


def topk_softmax_loss(
    scores: torch.Tensor,
    target: torch.Tensor,
    *,
    k: int,
    include_target: bool = True,
    reduction: str = "mean",
    ignore_index: int = -100,
    weight: torch.Tensor | None = None,
) -> torch.Tensor:
    """Cross entropy against the k largest scores and the right one; the rest get no gradient.

    Args:
        scores: Floating point `(..., classes)`; `-inf` masks a class.
        target: Class indices `(...)`, or distributions of the shape of `scores`.
        k: How many to keep, from 1 to the number of classes.
        include_target: Let the right class into the sum where it is not among the k. False is the published loss,
            which leaves it out: then its gradient is -1 however far behind it is.
        reduction: `"mean"` over the rows that count, `"sum"`, or `"none"` for one loss per row.
        ignore_index: A class index whose rows count nothing.
        weight: One weight per class, `(classes,)`: a row counts as much as its target expects of them.

    Returns:
        A number, or losses `(...)` when the reduction is `"none"`.

    Raises:
        InputError: k out of range, or what `softmax_loss` refuses.

    Source:
        kexue.fm/archives/8046 and 10145.

    Example:
        >>> topk_softmax_loss(torch.tensor([[2.0, 2.0, 0.0]]), torch.tensor([0]), k=2)
        tensor(0.6931)
    """
    rows, y = open_target(scores, target, reduction, ignore_index, weight)
    kept = topk_logits(rows, k)
    if include_target:
        kept = torch.where(y.matrix(rows) > 0, rows, kept)
    return y.reduce(torch.logsumexp(kept, -1) - y.expect(rows), scores.dtype)


def perturb_max_loss(
    scores: torch.Tensor,
    target: torch.Tensor,
    *,
    noise: str = "normal",
    scale: float = 1.0,
    nodes: int = 128,
    reduction: str = "mean",
    ignore_index: int = -100,
    weight: torch.Tensor | None = None,
) -> torch.Tensor:
    """Negative log likelihood under `perturb_max`.

    Args:
        scores: Floating point `(..., classes)`; `-inf` masks a class.
        target: Class indices `(...)`, or distributions of the shape of `scores`.
        noise: `"normal"`, `"gumbel"` or `"logistic"`.
        scale: What the noise is multiplied by, above zero.
        nodes: Points of the quadrature, 16 to 4096.
        reduction: `"mean"` over the rows that count, `"sum"`, or `"none"` for one loss per row.
        ignore_index: A class index whose rows count nothing.
        weight: One weight per class, `(classes,)`: a row counts as much as its target expects of them.

    Returns:
        A number, or losses `(...)` when the reduction is `"none"`.

    Raises:
        InputError: What `perturb_max` or `softmax_loss` refuses.

    Source:
        kexue.fm/archives/10145 and 9085.

    Example:
        >>> perturb_max_loss(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
        tensor(0.6931)
    """
    check_noise(noise, scale, nodes)
    rows, y = open_target(scores, target, reduction, ignore_index, weight)
    return y.reduce(-y.expect(log_perturb_rows(rows / scale, noise, nodes)), scores.dtype)
