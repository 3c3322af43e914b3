"""The capsule layer: padding and order do not matter, no input scale breaks it, and it learns."""

from __future__ import annotations

import pytest
import torch

from minent import errors
from minent.capsules import CapsuleLayer, lengths, margin_loss


def some_inputs(seed: int = 0, batch: int = 2, n: int = 6) -> torch.Tensor:
    return torch.randn(batch, n, 5, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("routing", ["kmeans", "uniform"])
@pytest.mark.parametrize("positions", [None, 9])
def test_padding_never_changes_the_result(routing, positions):
    """Not its length, nor what lies under it: NaN included."""
    layer = CapsuleLayer(5, 3, 4, routing=routing, shared=positions is None, positions=positions)
    inputs = some_inputs().requires_grad_()
    bare = layer(inputs)
    padded = torch.cat([inputs, torch.full((2, 3, 5), torch.nan)], 1)
    mask = torch.arange(9).expand(2, 9) < 6
    out = layer(padded, mask)
    torch.testing.assert_close(out.vectors, bare.vectors)
    torch.testing.assert_close(out.coupling[:, :6], bare.coupling)
    assert (out.coupling[:, 6:] == 0).all()
    out.vectors.sum().backward()
    assert inputs.grad.isfinite().all()
    assert layer.weight.grad.isfinite().all()


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


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-4, 1.0, 1e4])
def test_no_scale_makes_nan(scale):
    layer = CapsuleLayer(5, 3, 4)
    inputs = (scale * some_inputs()).requires_grad_()
    vectors, coupling = layer(inputs)
    assert (lengths(vectors) <= 1.0001).all()
    torch.testing.assert_close(coupling.sum(-1), torch.ones(2, 6))
    lengths(vectors).sum().backward()
    assert inputs.grad.isfinite().all()
    assert layer.weight.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_float32_inside(dtype):
    layer = CapsuleLayer(5, 3, 4).to(dtype)
    out = layer((100 * some_inputs(n=200)).to(dtype))
    assert out.vectors.dtype == dtype
    assert out.vectors.isfinite().all()


def test_a_sample_without_inputs_gives_zeros():
    layer = CapsuleLayer(5, 3, 4)
    inputs = some_inputs().requires_grad_()
    out = layer(inputs, torch.tensor([[True] * 6, [False] * 6]))
    assert (out.vectors[1] == 0).all()
    lengths(out.vectors).sum().backward()
    assert (inputs.grad[1] == 0).all()


def test_gradients():
    layer = CapsuleLayer(5, 3, 4).double()
    inputs = some_inputs(n=3).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda inputs: layer(inputs).vectors, inputs)


def test_the_same_seed_gives_the_same_weights():
    assert torch.equal(CapsuleLayer(5, 3, 4, seed=7).weight, CapsuleLayer(5, 3, 4, seed=7).weight)
    assert not torch.equal(CapsuleLayer(5, 3, 4, seed=7).weight, CapsuleLayer(5, 3, 4, seed=8).weight)
    assert repr(CapsuleLayer(5, 3, 4)) == "CapsuleLayer(5 -> 3 x 4, kmeans, rounds=3, shared)"


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
        (lambda: CapsuleLayer(5, 3, 4)(torch.zeros(2, 6, 4)), r"they take \(batch, n, 5\)"),
        (lambda: CapsuleLayer(5, 3, 4)(torch.zeros(2, 6, 5), torch.ones(2, 5).bool()), r"bool of shape \(2, 6\)"),
        (lambda: CapsuleLayer(5, 3, 4, shared=False, positions=2)(torch.zeros(2, 3, 5)), "weights for 2"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(errors.InputError, match=message):
        call()
