"""The capsule layer: padding and order do not matter, no input scale breaks it, and it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from minent import errors
from minent.capsules import CapsuleLayer, lengths, margin_loss, route, squash
from minent.capsules.routing import ROUTINGS
from tests.capsules import reference

PLACES = {
    "shared": {},
    "positional": {"shared": False, "positions": 9},
    "factorised": {"shared": False, "positions": 9, "inner_dim": 7},
}


def some_inputs(seed: int = 0, batch: int = 2, n: int = 6) -> torch.Tensor:
    return torch.randn(batch, n, 5, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("routing", ["kmeans", "sabour"])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("routings", [1, 2, 3, 5])
def test_it_equals_the_authors_layer(routing, shared, routings):
    """With his weights. Sabour's routing is another's and must differ, but for the first two sums' coupling."""
    layer = CapsuleLayer(5, 3, 4, routings, routing, shared, positions=None if shared else 6).double()
    inputs = 2 * some_inputs().double()
    got = layer(inputs).vectors.detach().numpy()
    his = np.stack([reference.authors_layer(x, layer.weight.detach().numpy(), 3, routings) for x in inputs.numpy()])
    if routing == "kmeans" or routings == 1:
        np.testing.assert_allclose(got, his, atol=1e-6)
    else:
        assert np.abs(got - his).max() > 1e-3


@pytest.mark.parametrize("places", PLACES)
def test_sums_through_the_weights_are_sums_of_votes(places):
    """The layer never makes the votes where weights are shared; routing the votes themselves gives the same."""
    layer = CapsuleLayer(5, 3, 4, **PLACES[places]).double()
    inputs = some_inputs().double()
    votes = layer._votes(inputs, None)
    vectors, coupling = route(votes.whole())
    torch.testing.assert_close(layer(inputs).vectors, squash(vectors))
    torch.testing.assert_close(layer(inputs).coupling, coupling)
    own = layer.weight if layer.position_weight is None else layer.position_weight[:6] @ layer.weight
    torch.testing.assert_close(
        votes.whole(),
        torch.einsum("bni,nio->bno", inputs, own.expand(len(own) if len(own) > 1 else 6, -1, -1)[:6]).view(2, 6, 3, 4),
    )


@pytest.mark.parametrize("routing", ROUTINGS)
@pytest.mark.parametrize("places", PLACES)
def test_padding_never_changes_the_result(routing, places):
    """Not its length, nor what lies under it: NaN included."""
    layer = CapsuleLayer(5, 3, 4, routing=routing, **PLACES[places])
    inputs = some_inputs().requires_grad_()
    bare = layer(inputs)
    padded = torch.cat([inputs, torch.full((2, 3, 5), torch.nan)], 1)
    mask = torch.arange(9).expand(2, 9) < 6
    out = layer(padded, mask)
    torch.testing.assert_close(out.vectors, bare.vectors)
    torch.testing.assert_close(out.coupling[:, :6], bare.coupling)
    assert (out.coupling[:, 6:] == 0).all()
    out.vectors.sum().backward()
    assert all(x.grad.isfinite().all() for x in (inputs, *layer.parameters()) if x.grad is not None)


def test_the_order_of_inputs_does_not_matter():
    layer = CapsuleLayer(5, 3, 4)
    inputs, order = some_inputs(), torch.tensor([3, 0, 5, 1, 4, 2])
    torch.testing.assert_close(layer(inputs[:, order]).vectors, layer(inputs).vectors)
    torch.testing.assert_close(layer(inputs[:, order]).coupling, layer(inputs).coupling[:, order])
    placed = CapsuleLayer(5, 3, 4, shared=False, positions=6)
    assert (placed(inputs[:, order]).vectors - placed(inputs).vectors).abs().max() > 0.01


def test_uniform_routing_is_one_round():
    inputs = some_inputs()
    uniform = CapsuleLayer(5, 3, 4, routing="uniform")(inputs)
    torch.testing.assert_close(uniform.vectors, CapsuleLayer(5, 3, 4, rounds=1)(inputs).vectors)
    assert (uniform.coupling == 1 / 3).all()
    assert (CapsuleLayer(5, 3, 4)(inputs).coupling - 1 / 3).abs().max() > 0.01


@pytest.mark.parametrize("routing", [*ROUTINGS, "to rest"])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-15, 1e-4, 1.0, 1e4])
def test_no_scale_makes_nan(scale, routing):
    """Forward and backward, float32, coupling and its entropy included."""
    way = {"rounds": None} if routing == "to rest" else {"routing": routing}
    for squashing, places in [("rational", "shared"), ("exponential", "factorised"), ("tanh", "positional")]:
        layer = CapsuleLayer(5, 3, 4, **way, squashing=squashing, **PLACES[places])
        inputs = (scale * some_inputs()).requires_grad_()
        out = layer(inputs, torch.arange(6).expand(2, 6) < 5)
        assert (lengths(out.vectors) <= 1.0001).all()
        torch.testing.assert_close(out.coupling.sum(-1), torch.ones(2, 6) * (torch.arange(6) < 5))
        (lengths(out.vectors).sum() + out.entropy.sum()).backward()
        assert all(x.grad.isfinite().all() for x in (inputs, *layer.parameters()))


def test_entropy_says_how_undecided_an_input_is():
    mask = torch.arange(6).expand(2, 6) < 5
    uniform = CapsuleLayer(5, 3, 4, routing="uniform")(some_inputs(), mask).entropy
    torch.testing.assert_close(uniform, torch.tensor(3.0).log() * mask)
    decided = CapsuleLayer(5, 3, 4, rounds=9)(100 * some_inputs(), mask).entropy
    assert (decided >= 0).all()
    assert decided.mean() < 0.1


@pytest.mark.parametrize(("total", "power"), [("sum", 1), ("root", 0.5), ("mean", 0)])
def test_the_number_of_inputs_counts_as_told(total, power):
    """Every input thrice: the sum before the squash grows threefold, by its root, or not at all."""
    layer = CapsuleLayer(5, 3, 4, rounds=1, total=total, squashing="root", softness=1e6)  # nearly straight
    inputs = some_inputs()
    once, thrice = layer(inputs).vectors, layer(inputs.repeat(1, 3, 1)).vectors
    torch.testing.assert_close(thrice, 3**power * once, rtol=1e-4, atol=1e-6)


def test_autocast_does_not_reach_inside():
    layer, inputs = CapsuleLayer(5, 3, 4), some_inputs()
    with torch.autocast("cpu", torch.bfloat16):
        inside = layer(inputs).vectors
    assert torch.equal(inside, layer(inputs).vectors)


@pytest.mark.parametrize("routing", ROUTINGS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_float32_inside(dtype, routing):
    layer = CapsuleLayer(5, 3, 4, routing=routing).to(dtype)
    out = layer((100 * some_inputs(n=200)).to(dtype))
    assert out.vectors.dtype == dtype
    assert out.vectors.isfinite().all()


@pytest.mark.parametrize("routing", [*ROUTINGS, "to rest"])
def test_a_sample_without_inputs_gives_zeros(routing):
    layer = CapsuleLayer(5, 3, 4, **({"rounds": None} if routing == "to rest" else {"routing": routing}))
    inputs = some_inputs().requires_grad_()
    out = layer(inputs, torch.tensor([[True] * 6, [False] * 6]))
    assert (out.vectors[1] == 0).all()
    assert layer(inputs[:, :0]).vectors.abs().max() == 0
    lengths(out.vectors).sum().backward()
    assert (inputs.grad[1] == 0).all()


@pytest.mark.parametrize("routing", [*ROUTINGS, "to rest"])
@pytest.mark.parametrize("places", PLACES)
def test_gradients(routing, places):
    way = {"rounds": None} if routing == "to rest" else {"routing": routing}
    layer = CapsuleLayer(5, 3, 2, **way, **PLACES[places]).double()
    inputs = some_inputs(n=3, batch=1).double().requires_grad_()
    parameters = [parameter for parameter in layer.parameters() if parameter.numel() < 60]
    assert torch.autograd.gradcheck(lambda inputs, *_: layer(inputs)[:2], (inputs, *parameters))


def test_the_same_seed_gives_the_same_weights():
    assert torch.equal(CapsuleLayer(5, 3, 4, seed=7).weight, CapsuleLayer(5, 3, 4, seed=7).weight)
    assert not torch.equal(CapsuleLayer(5, 3, 4, seed=7).weight, CapsuleLayer(5, 3, 4, seed=8).weight)
    assert repr(CapsuleLayer(5, 3, 4)) == "CapsuleLayer(5 -> 3 x 4, kmeans, rounds=3, shared)"
    placed = CapsuleLayer(5, 3, 4, None, shared=False, positions=9, inner_dim=7)
    assert repr(placed) == "CapsuleLayer(5 -> 3 x 4, kmeans, to rest, 9 positions in 7)"


def test_it_learns_which_pattern_hides_among_noise():
    """Eight noise vectors and one of three patterns, anywhere: the longest capsule names it."""
    generator = torch.Generator().manual_seed(0)
    patterns = 3 * torch.eye(3, 5)
    labels = torch.randint(3, (300,), generator=generator)
    inputs = torch.cat([patterns[labels].unsqueeze(1), 0.5 * torch.randn(300, 8, 5, generator=generator)], 1)
    layer = CapsuleLayer(5, 3, 4)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.03)
    for _ in range(60):
        optimizer.zero_grad()
        margin_loss(lengths(layer(inputs[:200]).vectors), labels[:200]).backward()
        optimizer.step()
    found = lengths(layer(inputs[200:]).vectors).argmax(-1)
    assert (found == labels[200:]).float().mean() > 0.9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CapsuleLayer(5, 3, 4, routing="kmean"), "routing is 'kmean'.* Did you mean 'kmeans'"),
        (lambda: CapsuleLayer(5, 0, 4), "capsules is 0"),
        (lambda: CapsuleLayer(5, 3, 4, shared=False), "shared is False, but positions is None"),
        (lambda: CapsuleLayer(5, 3, 4, inner_dim=2), "inner_dim is given, but shared is True"),
        (lambda: CapsuleLayer(5, 3, 4, rounds=0), "rounds is 0"),
        (lambda: CapsuleLayer(5, 3, 4, rounds=2.5), "rounds is 2.5; it takes a whole number"),
        (lambda: CapsuleLayer(5, 3.5, 4), "capsules is 3.5"),
        (lambda: CapsuleLayer(5, 3, 4, rounds=True), "rounds is True"),
        (lambda: CapsuleLayer(5, 3, 4, softness="hard"), "softness is 'hard'; it takes a plain number above 0"),
        (lambda: CapsuleLayer(5, 3, 4, tolerance="low"), "tolerance is 'low'"),
        (lambda: CapsuleLayer(5, 3, 4, seed=-1), "seed is -1"),
        (lambda: CapsuleLayer(5, 3, 4, None, "em"), "rounds is None, to rest, but 'em'"),
        (lambda: CapsuleLayer(5, 3, 4, total="rot"), "Did you mean 'root'"),
        (lambda: CapsuleLayer(5, 3, 4, squashing="rationale"), "Did you mean 'rational'"),
        (lambda: CapsuleLayer(5, 3, 4)(torch.full((2, 6, 5), torch.nan)), r"inputs\[0, 0, 0\] is nan \(60 of 60"),
        (lambda: CapsuleLayer(5, 3, 4)(torch.zeros(2, 6, 4)), r"they take \(batch, n, 5\)"),
        (lambda: CapsuleLayer(5, 3, 4)(torch.zeros(2, 6, 5), torch.ones(2, 5).bool()), r"bool of shape \(2, 6\)"),
        (lambda: CapsuleLayer(5, 3, 4, shared=False, positions=2)(torch.zeros(2, 3, 5)), "weights for 2"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(errors.InputError, match=message):
        call()
