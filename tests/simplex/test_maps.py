"""What every map must do: land on the simplex, keep order, ignore a shift, respect masks, stay finite."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minent import errors, simplex
from tests.simplex import reference
from tests.simplex.catalogue import MAPS, NOT_SHIFT_INVARIANT, STRICT

every_map = pytest.mark.parametrize("name", MAPS)
# Half precision, so that float64 holds a score plus a whole shift exactly: else a shift could make a tie of two scores.
rows_of_scores = st.lists(st.floats(-8, 8, width=16), min_size=3, max_size=12).map(
    lambda row: torch.tensor(row, dtype=torch.float64)
)


@every_map
@settings(max_examples=25, deadline=None)
@given(z=rows_of_scores, shift=st.integers(-50, 50))
def test_simplex_order_and_shift(name, z, shift):
    p = MAPS[name](z)
    assert (p >= 0).all()
    assert p.sum().item() == pytest.approx(1, abs=1e-9)
    ahead = p.unsqueeze(1) > p.unsqueeze(0) + 1e-9
    assert (z.unsqueeze(1) > z.unsqueeze(0))[ahead].all()
    if name in STRICT:
        clearly = z.unsqueeze(1) > z.unsqueeze(0) + 1e-3
        assert (p.unsqueeze(1) >= p.unsqueeze(0))[clearly].all()
    if name not in NOT_SHIFT_INVARIANT:
        torch.testing.assert_close(MAPS[name](z + shift), p, atol=1e-6, rtol=0)


@every_map
def test_masked_entries_count_nothing(name):
    """A masked entry gets zero and changes nothing; a row of masks gives zeros, and no gradient is NaN."""
    z = torch.tensor([[1.0, 0.2, -0.5], [0.3, 0.1, 0.0]], dtype=torch.float64)
    masked = torch.full((3, 5), -math.inf, dtype=torch.float64)
    masked[:2, [0, 2, 3]] = z
    masked.requires_grad_()
    p = MAPS[name](masked)
    torch.testing.assert_close(p[:2, [0, 2, 3]], MAPS[name](z))
    assert (p[:2, [1, 4]] == 0).all()
    assert (p[2] == 0).all()
    (p * torch.arange(15.0).view(3, 5)).sum().backward()
    assert masked.grad.isfinite().all()
    assert (masked.grad[2] == 0).all()


@every_map
def test_any_axis_and_stride(name):
    z = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = torch.stack([torch.stack([MAPS[name](z[i, :, j]) for j in range(3)], -1) for i in range(4)])
    torch.testing.assert_close(MAPS[name](z, dim=1), expected)
    torch.testing.assert_close(MAPS[name](z.transpose(0, 1), dim=0), expected.transpose(0, 1))


@every_map
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_float32_inside(name, dtype):
    """Scores at the far end of float16 (entmax#30) give the float32 answer, rounded once."""
    z = torch.tensor([[65000.0, 64992.0, -65000.0], [3.0, 2.5, 1.0]], dtype=dtype)
    p = MAPS[name](z)
    assert p.dtype == dtype
    assert torch.equal(p, MAPS[name](z.float()).to(dtype))
    assert p.isfinite().all()


@every_map
def test_nan_stays_in_its_row(name):
    z = torch.tensor([[0.0, math.nan, 1.0], [0.0, 2.0, 1.0]])
    p = MAPS[name](z)
    assert p[0].isnan().any()
    torch.testing.assert_close(p[1], MAPS[name](z[1]))


@every_map
@pytest.mark.parametrize("scale", [1e-30, 1e4, 1e30])
def test_extreme_scores_stay_finite(name, scale):
    z = (torch.tensor([[1.0, 0.5, -1.0, -3.0]]) * scale).requires_grad_()
    p = MAPS[name](z)
    assert p.sum().item() == pytest.approx(1, abs=1e-5)
    p[0, 0].backward()
    assert z.grad.isfinite().all()


@every_map
def test_gradients_of_both_orders(name):
    z = torch.tensor([[1.1, 0.35, 0.0, -0.2], [0.5, 0.4, 0.17, 0.1]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(MAPS[name], z)
    assert torch.autograd.gradgradcheck(MAPS[name], z)


@every_map
def test_no_rows_is_no_work(name):
    assert MAPS[name](torch.zeros(0, 3)).shape == (0, 3)


def test_taylor_is_monotone_only_when_asked():
    z = torch.tensor([-3.0, -1.0], dtype=torch.float64)
    faithful = simplex.taylor_softmax(z, monotone=False)
    torch.testing.assert_close(faithful, torch.tensor([5 / 6, 1 / 6], dtype=torch.float64))
    assert torch.equal(simplex.taylor_softmax(z), torch.tensor([0.5, 0.5], dtype=torch.float64))


def test_taylor_is_shift_invariant_only_when_centred():
    z = torch.tensor([1.0, 0.0, -0.5])
    assert (simplex.taylor_softmax(z + 3) - simplex.taylor_softmax(z)).abs().max() > 0.05
    torch.testing.assert_close(simplex.taylor_softmax(z + 3, centred=True), simplex.taylor_softmax(z, centred=True))


@settings(max_examples=50, deadline=None)
@given(z=st.lists(st.floats(-20, 20), min_size=1, max_size=8), order=st.sampled_from([2, 4, 8, 20]))
def test_taylor_agrees_with_its_polynomial(z, order):
    expected = np.array([reference.taylor_polynomial(x, order) for x in z])
    got = simplex.taylor_softmax(torch.tensor(z, dtype=torch.float64), order, monotone=False)
    np.testing.assert_allclose(got, expected / expected.sum(), rtol=1e-7)


def test_topk_keeps_ties_together():
    p = simplex.topk_softmax(torch.tensor([1.0, 0.0, 0.0, -1.0]), k=2)
    assert p[1] == p[2] > 0
    assert p[3] == 0


def test_topk_of_everything_is_softmax():
    z = torch.tensor([0.3, -1.0, 2.0])
    torch.testing.assert_close(simplex.topk_softmax(z, 3), torch.softmax(z, -1))


def test_perturb_max_by_gumbel_is_softmax():
    z = torch.randn(6, 50, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 3
    p = simplex.perturb_max(z, noise="gumbel", scale=2.0)
    torch.testing.assert_close(p, torch.softmax(z / 2, -1), atol=1e-12, rtol=0)


def test_perturb_max_by_logistic_noise():
    """For two scores, the difference of two logistics has a distribution function in closed form."""
    gap = 1.3
    p = simplex.perturb_max(torch.tensor([gap, 0.0], dtype=torch.float64), noise="logistic")
    grown = math.exp(gap)
    assert p[0].item() == pytest.approx(grown * (grown - 1 - gap) / (grown - 1) ** 2, abs=1e-13)


def test_perturb_max_by_normal_noise():
    """Exact for two scores; within four standard errors of sampling for more."""
    two = simplex.perturb_max(torch.tensor([0.7, -0.6], dtype=torch.float64))
    assert two[0].item() == pytest.approx(0.5 * (1 + math.erf(1.3 / 2)), abs=1e-13)
    z = np.array([0.5, 0.0, 1.0, -1.0, 0.9])
    sampled = reference.perturb_max_by_sampling(z, draws=200_000, seed=0)
    assert np.abs(simplex.perturb_max(torch.tensor(z)).numpy() - sampled).max() < 4 * 0.5 / 200_000**0.5


@settings(max_examples=60, deadline=None)
@given(z=rows_of_scores, k=st.floats(0.05, 2.9), temperature=st.floats(0.1, 10))
def test_soft_topk_and_budget_agree_with_bisection(z, k, temperature):
    soft = simplex.soft_topk(z, k, temperature=temperature)
    np.testing.assert_allclose(soft, reference.budget_by_bisection(z.numpy(), k, temperature), atol=1e-9)
    np.testing.assert_allclose(simplex.budget(z, k), reference.budget_by_bisection(z.numpy(), k), atol=1e-9)


def test_a_budget_that_covers_the_row_is_ones():
    z = torch.tensor([1.0, -math.inf, 0.0])
    for weights in (simplex.budget(z, 2), simplex.soft_topk(z, 5)):
        assert weights.tolist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: simplex.softmax([1.0]), "scores are a list"),
        (lambda: simplex.softmax(torch.tensor([1])), "dtype torch.int64"),
        (lambda: simplex.softmax(torch.zeros(2), dim=1), r"dim is 1, but scores have shape \(2,\)"),
        (lambda: simplex.softmax(torch.zeros(2, 2), dim=True), r"dim is True, but scores have shape \(2, 2\)"),
        (lambda: simplex.softmax(torch.zeros(2, 0)), "no entries along dim -1"),
        (lambda: simplex.softmax(torch.zeros(2), temperature=0), "temperature is 0"),
        (lambda: simplex.taylor_softmax(torch.zeros(2), 3), "order is 3, but an odd .* give 4"),
        (lambda: simplex.topk_softmax(torch.zeros(2), 3), "k is 3; it takes a whole number from 1 to 2"),
        (lambda: simplex.perturb_max(torch.zeros(2), noise="gumble"), "Did you mean 'gumbel'"),
        (lambda: simplex.budget(torch.zeros(2), -1), "k is -1"),
        (lambda: simplex.entmax(torch.zeros(2), 0.5), "alpha is 0.5"),
        (lambda: simplex.entmax(torch.zeros(2), torch.tensor(0.5)), r"alpha holds 0.5 \(1 of 1 out of reach\)"),
        (lambda: simplex.entmax(torch.zeros(2), torch.tensor(2)), "alpha has dtype torch.int64"),
        (
            lambda: simplex.entmax(torch.zeros(3, 2), torch.ones(3)),
            r"alpha has shape \(3,\); .* broadcasts to \(3, 1\)",
        ),
        (lambda: simplex.entmax(torch.zeros(2), math.nan), "alpha is nan"),
        (lambda: simplex.budget(torch.zeros(2), torch.tensor(-1.0)), "k holds -1.0"),
        (lambda: simplex.normmax(torch.zeros(2), 1.0), "alpha is 1.0; it takes a plain number above 1"),
        (lambda: simplex.r_softmax(torch.zeros(2), 1.0), "rate is 1.0"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(errors.InputError, match=message):
        call()
