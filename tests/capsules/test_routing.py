"""Routing is clustering: it equals its loops, lowers its objective, and becomes Lloyd's step when sharp."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from minent import errors
from minent.capsules import lengths, margin_loss, route, routing_objective, squash
from tests.capsules import reference


def random_votes(seed: int, batch: int = 2, n: int = 7, capsules: int = 3, dim: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, n, capsules, dim, generator=generator, dtype=torch.float64)


def test_rounds_count_the_sums_that_are_taken():
    """Three rounds are the article's r = 2 and the code's routings = 3."""
    votes = random_votes(0)
    for rounds in (1, 2, 3, 6):
        vectors, _ = route(votes, rounds=rounds)
        for sample, got in zip(votes.numpy(), vectors.numpy(), strict=True):
            np.testing.assert_allclose(got, reference.route_as_the_article(sample, rounds - 1), atol=1e-10)
            np.testing.assert_allclose(got, reference.route_as_the_code(sample, rounds), atol=1e-10)


@given(seed=st.integers(0, 10_000), scale=st.floats(0.05, 20), sharpness=st.floats(0.1, 10), masked=st.booleans())
def test_the_objective_never_rises(seed, scale, sharpness, masked):
    votes = scale * random_votes(seed)
    mask = (torch.arange(7) < torch.tensor([[5], [2]])) if masked else None
    trace = []
    for rounds in range(1, 9):
        vectors, _ = route(votes, mask, rounds=rounds, sharpness=sharpness)
        trace.append(routing_objective(votes, vectors, mask, sharpness=sharpness))
    steps = torch.stack(trace).diff(dim=0)
    assert (steps <= 1e-9 * (1 + trace[0].abs())).all()
    assert steps[0].min() < 0


def test_a_sharp_round_is_lloyds_step():
    """Each vote goes whole to the capsule whose direction it agrees with most."""
    votes = random_votes(1)
    start, _ = route(votes, rounds=1)
    vectors, coupling = route(votes, rounds=2, sharpness=1e9)
    agreement = torch.einsum("bnkd,bkd->bnk", votes, torch.nn.functional.normalize(start, dim=-1))
    members = torch.nn.functional.one_hot(agreement.argmax(-1), 3).double()
    assert torch.equal(coupling, members)
    torch.testing.assert_close(vectors, torch.einsum("bnk,bnkd->bkd", members, votes))


def test_members_make_a_capsule_long():
    """Every vote twice, at the same coupling: the vectors double."""
    votes = random_votes(2)
    once, _ = route(votes, rounds=1)
    twice, _ = route(torch.cat([votes, votes], 1), rounds=1)
    torch.testing.assert_close(twice, 2 * once)


def test_squash_and_lengths():
    v = torch.tensor([[3.0, 4.0], [0.0, 0.0], [1e-30, 0.0], [1e4, 0.0]], requires_grad=True)
    short = squash(v)
    torch.testing.assert_close(short[0], torch.tensor([0.6, 0.8]) * (25 / 25.5))
    assert (lengths(short) < 1.0001).all()
    (squash(v).sum() + lengths(v).sum()).backward()
    assert v.grad.isfinite().all()


def test_margin_loss_equals_its_formula():
    p = torch.tensor([[0.95, 0.2, 0.05], [0.5, 0.5, 0.0]])
    each = margin_loss(p, torch.tensor([0, 1]), reduction="none")
    torch.testing.assert_close(each, torch.tensor([0.25 * 0.1**2, 0.4**2 + 0.25 * 0.4**2]))
    torch.testing.assert_close(margin_loss(p, torch.tensor([[1, 0, 0], [0, 1, 0]])), each.mean())
    torch.testing.assert_close(margin_loss(p, torch.tensor([0, 1]), reduction="sum"), each.sum())
    both = margin_loss(p[1:], torch.tensor([[1, 1, 0]]), absent_weight=0.5)
    torch.testing.assert_close(both, torch.tensor(2 * 0.4**2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: route(torch.zeros(2, 3, 4)), r"votes have shape \(2, 3, 4\)"),
        (lambda: route(torch.zeros(1, 2, 3, 4), rounds=0), "rounds is 0"),
        (lambda: route(torch.zeros(1, 2, 3, 4), torch.ones(1, 2)), "dtype torch.float32; it takes bool"),
        (lambda: squash(torch.zeros(2), softness=0), "softness is 0"),
        (lambda: margin_loss(torch.zeros(2, 3), torch.tensor([0, 3])), "target holds 3, but there are 3 capsules"),
        (lambda: margin_loss(torch.zeros(2, 3), torch.tensor([0])), r"target has shape \(1,\)"),
        (lambda: margin_loss(torch.zeros(1, 3), torch.tensor([0]), reduction="men"), "Did you mean 'mean'"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(errors.InputError, match=message):
        call()
