"""Routing is clustering: it equals its loops, lowers its objective, and becomes Lloyd's step when sharp."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from minent import errors
from minent.capsules import lengths, margin_loss, route, routing_objective, squash
from minent.capsules.routing import ROUTINGS
from minent.capsules.salience import SQUASHES
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


@pytest.mark.parametrize("rounds", [1, 2, 4])
def test_every_other_routing_equals_its_loops(rounds):
    votes, costs = 2 * random_votes(3), torch.tensor([[0.1, -0.2, 0.3], [9.0, -8.0, 0.0]]).double()
    queries = random_votes(4)[0, 0]
    got = {
        routing: route(votes, rounds=rounds, routing=routing, queries=queries, costs=costs)[0]
        for routing in ("sabour", "inverted", "attention", "em", "uniform")
    }
    for place, sample in enumerate(votes.numpy()):
        wanted = {
            "sabour": reference.route_as_sabour(sample, rounds),
            "inverted": reference.route_inverted(sample, rounds),
            "attention": reference.route_by_attention(sample, queries.numpy()),
            "em": reference.route_by_em(sample, rounds, *costs.numpy()),
            "uniform": sample.sum(axis=0) / 3,
        }
        for routing, vectors in wanted.items():
            np.testing.assert_allclose(got[routing][place].numpy(), vectors, atol=1e-8, err_msg=routing)


@pytest.mark.parametrize("routing", ROUTINGS)
def test_what_a_mask_hides_is_not_read(routing):
    votes, queries = random_votes(5), random_votes(4)[0, 0]
    bare, coupling = route(votes, routing=routing, queries=queries)
    padded = torch.cat([votes, torch.full((2, 2, 3, 4), torch.nan)], 1)
    vectors, shares = route(padded, torch.arange(9).expand(2, 9) < 7, routing=routing, queries=queries)
    torch.testing.assert_close(vectors, bare)
    torch.testing.assert_close(shares[:, :7], coupling)
    assert (shares[:, 7:] == 0).all()


@pytest.mark.parametrize("routing", ROUTINGS)
def test_capsules_and_inputs_may_change_places(routing):
    """Nothing depends on the order of inputs; and capsules that change places take their vectors along."""
    votes, queries = random_votes(6), random_votes(4)[0, 0]
    costs = torch.tensor([[0.1, -0.2, 0.3], [9.0, -8.0, 0.0]]).double()
    vectors, coupling = route(votes, routing=routing, queries=queries, costs=costs)
    order, inputs = [2, 0, 1], [3, 6, 0, 5, 1, 4, 2]
    moved = route(votes[:, inputs][:, :, order], routing=routing, queries=queries[order], costs=costs[:, order])
    torch.testing.assert_close(moved[0], vectors[:, order])
    torch.testing.assert_close(moved[1], coupling[:, inputs][:, :, order])


def test_logits_that_add_up_end_in_one_capsule():
    """The article's complaint about Sabour's routing: with many rounds the coupling is all or nothing."""
    votes = 2 * random_votes(7)
    assert route(votes, rounds=300, routing="sabour")[1].amax(-1).min() > 0.999
    assert route(votes, rounds=300)[1].amax(-1).min() < 0.99


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


def test_at_rest_is_many_rounds():
    """To convergence: the vectors, the coupling and the gradients are those of rounds without end."""
    votes = random_votes(8).requires_grad_()
    pull = random_votes(9)[:, 0]
    for sharpness in (0.3, 1.0):
        results = []
        for rounds in (None, 600):
            vectors, coupling = route(votes, rounds=rounds, sharpness=sharpness)
            (gradient,) = torch.autograd.grad((vectors * pull).sum() + coupling[..., 0].square().sum(), votes)
            results.append((vectors, coupling, gradient))
        for settled, unrolled in zip(*results, strict=True):
            torch.testing.assert_close(settled, unrolled, rtol=1e-7, atol=1e-8)
        torch.testing.assert_close(
            route(settled_votes := votes.detach(), rounds=None)[0], route(settled_votes, rounds=600)[0]
        )


def test_at_rest_gradcheck_and_no_second_derivative():
    votes = random_votes(10, batch=1, n=5).requires_grad_()
    assert torch.autograd.gradcheck(lambda votes: route(votes, rounds=None), votes)
    with pytest.raises(errors.InputError, match="second derivative was asked for"):
        torch.autograd.grad(route(votes, rounds=None)[0].sum(), votes, create_graph=True)


def test_neighbours_in_the_batch_do_not_move_what_rests():
    votes = random_votes(11, batch=6)
    together = route(votes, rounds=None, tolerance=1e-3)[0]
    alone = torch.cat([route(sample.unsqueeze(0), rounds=None, tolerance=1e-3)[0] for sample in votes])
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-12)


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


@pytest.mark.parametrize("kind", SQUASHES)
def test_every_squash_has_its_half_at_the_softness(kind):
    v = torch.tensor([[2.0**0.5, 0.0], [0.0, 0.0], [1e-30, 0.0], [1e4, 0.0], [1e18, 0.0]], requires_grad=True)
    short = lengths(squash(v, 2.0, kind=kind))
    torch.testing.assert_close(short[0], torch.tensor(0.5))
    assert (short <= 1.0001).all()
    assert short[-1] > 0.999
    rising = lengths(squash(torch.linspace(0, 9, 50).unsqueeze(-1), kind=kind)).diff()
    assert (rising >= -1e-6).all()
    squash(v, kind=kind).sum().backward()
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
        (lambda: route(torch.zeros(1, 2, 3, 4), routing="sabor"), "'sabor'.*Did you mean 'sabour'"),
        (lambda: route(torch.zeros(1, 2, 3, 4), routing="em", rounds=None), "'em' lowers no objective"),
        (lambda: route(torch.zeros(1, 2, 3, 4), routing="attention"), "queries are None, but attention"),
        (lambda: route(torch.zeros(1, 2, 3, 4), sharpness=0), "sharpness is 0"),
        (lambda: route(torch.zeros(1, 2, 3, 4), rounds=None, tolerance=0), "tolerance is 0"),
        (lambda: route(torch.zeros(1, 2, 3, 4), routing="em", costs=torch.zeros(3)), "costs have shape"),
        (lambda: squash(torch.zeros(2), softness=0), "softness is 0"),
        (lambda: squash(torch.zeros(2), kind="tan"), "Did you mean 'tanh'"),
        (lambda: margin_loss(torch.zeros(2, 3), torch.tensor([0, 3])), "target holds 3, but there are 3 capsules"),
        (lambda: margin_loss(torch.zeros(2, 3), torch.tensor([0])), r"target has shape \(1,\)"),
        (lambda: margin_loss(torch.zeros(1, 3), torch.tensor([0]), reduction="men"), "Did you mean 'mean'"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(errors.InputError, match=message):
        call()
