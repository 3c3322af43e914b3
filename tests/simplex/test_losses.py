"""Losses: their gradients are `p - y`, their margins are exact, and rows that count nothing count nothing."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minent import errors, simplex
from tests.simplex import reference

LOSSES = {
    "softmax": simplex.softmax_loss,
    "margin": partial(simplex.margin_softmax_loss, margin=0.2, scale=4.0),
    "taylor": simplex.taylor_softmax_loss,
    "topk": partial(simplex.topk_softmax_loss, k=2),
    "sparsemax": simplex.sparsemax_loss,
    "entmax_1": partial(simplex.entmax_loss, alpha=1.0),
    "entmax_1.2": partial(simplex.entmax_loss, alpha=1.2),
    "entmax_1.5": simplex.entmax_loss,
    "entmax_3": partial(simplex.entmax_loss, alpha=3.0),
    "perturb": simplex.perturb_max_loss,
}
every_loss = pytest.mark.parametrize("name", LOSSES)
ALPHAS = [1.0, 1 + 1e-9, 1.2, 1.5, 2.0, 3.0]


def scores_and_target(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(6, 5, generator=generator, dtype=torch.float64), torch.randint(5, (6,), generator=generator)


@settings(max_examples=100, deadline=None)
@given(z=st.lists(st.floats(-10, 10), min_size=2, max_size=8), alpha=st.sampled_from(ALPHAS), data=st.data())
def test_fenchel_young(z, alpha, data):
    """Never negative, equal to its definition, gradient `p - y`; for soft and for hard targets."""
    weights = data.draw(st.lists(st.floats(0, 1), min_size=len(z), max_size=len(z)))
    y = np.array(weights) + 1e-3
    y = y / y.sum() if data.draw(st.booleans()) else np.eye(len(z))[0]
    scores = torch.tensor([z], dtype=torch.float64, requires_grad=True)
    loss = simplex.entmax_loss(scores, torch.tensor(y[None]), alpha)
    p = reference.entmax_by_bisection(np.array(z), alpha)
    defined = reference.tsallis(p, alpha) - reference.tsallis(y, alpha) + (p - y) @ np.array(z)
    assert loss.item() >= -1e-10
    assert loss.item() == pytest.approx(defined, abs=1e-5 if 1 < alpha < 1.1 else 1e-8)
    loss.backward()
    np.testing.assert_allclose(scores.grad[0], p - y, atol=1e-7)


@pytest.mark.parametrize("alpha", [1.2, 1.5, 2.0, 3.0])
def test_entmax_loss_is_zero_exactly_at_its_margin(alpha):
    margin = 1 / (alpha - 1)
    z = torch.tensor([[margin * 1.0001, 0.0], [margin * 0.9, 0.0]], dtype=torch.float64)
    losses = simplex.entmax_loss(z, torch.tensor([0, 0]), alpha, reduction="none")
    assert losses[0] == 0
    assert losses[1] > 1e-10


@every_loss
def test_hard_targets_are_one_hot_targets(name):
    z, target = scores_and_target()
    one_hot = torch.nn.functional.one_hot(target, 5).double()
    torch.testing.assert_close(LOSSES[name](z, target), LOSSES[name](z, one_hot))


@every_loss
def test_gradients_of_both_orders(name):
    z, target = scores_and_target(3)
    z.requires_grad_()
    assert torch.autograd.gradcheck(lambda z: LOSSES[name](z, target), z)
    assert torch.autograd.gradgradcheck(lambda z: LOSSES[name](z, target), z)


@every_loss
def test_reductions_and_ignored_rows(name):
    z, target = scores_and_target()
    target[2] = -100
    z[2] = math.nan
    z.requires_grad_()
    each = LOSSES[name](z, target, reduction="none")
    assert each[2] == 0
    torch.testing.assert_close(LOSSES[name](z, target, reduction="sum"), each.sum())
    mean = LOSSES[name](z, target)
    torch.testing.assert_close(mean, each.sum() / 5)
    mean.backward()
    assert (z.grad[2] == 0).all()
    assert z.grad.isfinite().all()


@every_loss
def test_masked_classes_count_nothing(name):
    z, target = scores_and_target()
    wider = torch.cat([z, torch.full((6, 2), -math.inf)], 1).requires_grad_()
    loss = LOSSES[name](wider, target)
    torch.testing.assert_close(loss, LOSSES[name](z, target))
    loss.backward()
    assert (wider.grad[:, 5:] == 0).all()
    assert wider.grad.isfinite().all()


@every_loss
def test_half_precision(name):
    z, target = scores_and_target()
    loss = LOSSES[name](z.half(), target)
    assert loss.dtype == torch.float16
    assert loss.item() == pytest.approx(LOSSES[name](z, target).item(), rel=5e-3)


def test_softmax_loss_is_torch_cross_entropy():
    z, target = scores_and_target()
    torch.testing.assert_close(simplex.softmax_loss(z, target), torch.nn.functional.cross_entropy(z, target))


def test_margin_loss_never_turns_negative():
    """Taking the right class back out of a finished sum gives -inf here, in float32."""
    loss = simplex.margin_softmax_loss(torch.tensor([[0.95, -0.2, 0.1]]), torch.tensor([0]), scale=64.0)
    assert 0 <= loss.item() < 1e-10


def test_margin_loss_equals_its_formula():
    z, target = scores_and_target()
    others = z.masked_fill(torch.nn.functional.one_hot(target, 5).bool(), -math.inf)
    right = z.gather(1, target[:, None])
    expected = torch.log1p(torch.exp(3 * (others - right + 0.4)).sum(1)).mean()
    torch.testing.assert_close(simplex.margin_softmax_loss(z, target, margin=0.4, scale=3.0), expected)


def test_topk_loss_outside_the_set():
    """By default the right class joins the sum; the published loss leaves it out and always pulls it by one."""
    z = torch.tensor([[2.0, 1.0, 0.0]], dtype=torch.float64, requires_grad=True)
    target = torch.tensor([2])
    (joined,) = torch.autograd.grad(simplex.topk_softmax_loss(z, target, k=2), z)
    torch.testing.assert_close(joined, torch.softmax(z, -1) - torch.tensor([[0.0, 0.0, 1.0]]))
    (faithful,) = torch.autograd.grad(simplex.topk_softmax_loss(z, target, k=2, include_target=False), z)
    assert faithful[0, 2] == -1


def test_likelihood_losses_are_minus_log_p():
    z, target = scores_and_target()
    for loss, map_ in [
        (simplex.taylor_softmax_loss, simplex.taylor_softmax),
        (simplex.perturb_max_loss, simplex.perturb_max),
    ]:
        expected = -torch.log(map_(z).gather(1, target[:, None])).mean()
        torch.testing.assert_close(loss(z, target), expected)


@pytest.mark.parametrize(
    ("target", "named", "message"),
    [
        (torch.tensor([7, 0]), {}, r"target holds 7, but scores have 3 classes \(1 of 2 are outside\)"),
        (torch.tensor([0]), {}, r"target has shape \(1,\) .* it must have shape \(2,\)"),
        (torch.zeros(3, 2), {}, r"as distributions it must have shape \(2, 3\)"),
        ([0, 1], {}, "target is a list"),
        (torch.tensor([0, 1]), {"reduction": "means"}, "Did you mean 'mean'"),
    ],
)
def test_bad_targets_are_named(target, named, message):
    with pytest.raises(errors.InputError, match=message):
        simplex.softmax_loss(torch.zeros(2, 3), target, **named)
