"""Losses: their gradients are `p - y`, their margins are exact, and rows that count nothing count nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minent import errors, simplex
from tests.simplex import reference
from tests.simplex.catalogue import FENCHEL_YOUNG, LOSSES

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


@every_loss
def test_class_weights(name):
    """A row counts what its class weighs; for the mean, weights are shared out. Soft targets count what they expect."""
    z, target = scores_and_target()
    weight = torch.tensor([0.5, 2.0, 0.0, 1.0, 3.0], dtype=torch.float64)
    each = LOSSES[name](z, target, reduction="none")
    torch.testing.assert_close(LOSSES[name](z, target, reduction="none", weight=weight), weight[target] * each)
    mean = (weight[target] * each).sum() / weight[target].sum()
    torch.testing.assert_close(LOSSES[name](z, target, weight=weight), mean)
    one_hot = torch.nn.functional.one_hot(target, 5).double()
    torch.testing.assert_close(LOSSES[name](z, one_hot, weight=weight), mean)


def test_weighted_softmax_loss_is_torch_cross_entropy():
    z, target = scores_and_target()
    weight = torch.tensor([0.5, 2.0, 0.1, 1.0, 3.0], dtype=torch.float64)
    expected = torch.nn.functional.cross_entropy(z, target, weight)
    torch.testing.assert_close(simplex.softmax_loss(z, target, weight=weight), expected)


@every_loss
def test_soft_targets_by_their_gradient(name):
    """Likelihoods are linear in the target; Fenchel-Young losses have gradient `p - y`."""
    z, _ = scores_and_target(5)
    y = torch.softmax(torch.randn(6, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64), -1)
    z.requires_grad_()
    assert torch.autograd.gradcheck(lambda z: LOSSES[name](z, y), z)
    assert LOSSES[name](z, y).item() >= 0


@pytest.mark.parametrize("name", FENCHEL_YOUNG)
@settings(max_examples=40, deadline=None)
@given(z=st.lists(st.floats(-6, 6), min_size=2, max_size=8), data=st.data())
def test_fenchel_young_gradient_is_p_less_y(name, z, data):
    """And the loss is zero where `y = p`, the map's own answer; nowhere below zero."""
    map_, loss = FENCHEL_YOUNG[name]
    scores = torch.tensor([z], dtype=torch.float64, requires_grad=True)
    y = torch.nn.functional.one_hot(torch.tensor([data.draw(st.integers(0, len(z) - 1))]), len(z)).double()
    value = loss(scores, y)
    assert value.item() >= -1e-10
    value.backward()
    torch.testing.assert_close(scores.grad, map_(scores.detach()) - y, atol=1e-8, rtol=0)
    if name != "softmax":  # cross entropy keeps the entropy of the target
        assert loss(scores.detach(), map_(scores.detach())).item() == pytest.approx(0, abs=1e-9)


def test_choosing_two_of_many():
    """With k = 2 the target is a set: both right entries are pulled, and a margin of 1 is enough for the budget."""
    z = torch.tensor([[0.3, 0.2, 0.1, -0.4]], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([[1.0, 0.0, 1.0, 0.0]], dtype=torch.float64)
    for map_, loss in [(simplex.soft_topk, simplex.soft_topk_loss), (simplex.budget, simplex.budget_loss)]:
        (gradient,) = torch.autograd.grad(loss(z, y, k=2), z)
        torch.testing.assert_close(gradient, map_(z, k=2).detach() - y)
    assert simplex.budget_loss(torch.tensor([[1.0, 0.0, 1.5, -3.0]]), y.float(), k=2) == 0


@pytest.mark.parametrize("alpha", [1.0, 1.0 + 1e-7, 1.3, 1.8])
def test_the_loss_has_a_gradient_in_alpha(alpha):
    """Against differences, at alpha = 1 too, where the published formula divides zero by zero."""
    z, target = scores_and_target(2)

    def loss(a: float) -> float:
        return simplex.entmax_loss(z, target, torch.tensor(a, dtype=torch.float64)).item()

    tensor = torch.tensor(alpha, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(simplex.entmax_loss(z, target, tensor), tensor)
    h = 1e-4
    if alpha < 1.01:
        expected = (-3 * loss(alpha) + 4 * loss(alpha + h) - loss(alpha + 2 * h)) / (2 * h)  # from one side
    else:
        expected = (loss(alpha + h) - loss(alpha - h)) / (2 * h)
    assert gradient.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda z, t: simplex.softmax_loss(z, t, weight=torch.ones(2)), r"weight is of shape \(2,\); .* shape \(3,\)"),
        (lambda z, t: simplex.softmax_loss(z, t, weight=[1, 1, 1]), "weight is a list"),
        (lambda z, t: simplex.softmax_loss(z, t, weight=-torch.ones(3)), "weight holds -1.0"),
        (lambda z, t: simplex.softmax_loss(z, t, weight=torch.full((3,), torch.nan)), "weight holds nan"),
        (lambda z, t: simplex.budget_loss(z, t, k=2), "one class index per row, but k is 2"),
        (lambda z, t: simplex.soft_topk_loss(z, torch.ones(2, 3), k=2), r"sums to 3 .* \(2 of 2 rows\)"),
        (lambda z, t: simplex.entmax_loss(z, t, alpha=0.9), "alpha is 0.9"),
        (lambda z, t: simplex.r_softmax_loss(z, t, rate=0.5, floor=0.0), "floor is 0.0"),
    ],
)
def test_bad_options_are_named(call, message):
    with pytest.raises(errors.InputError, match=message):
        call(torch.zeros(2, 3), torch.tensor([0, 1]))
