"""The skeleton and its mixers: agreement with the plain loops, and padding that never changes a result."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minent.encoders import MIXERS, Encoder, EncoderConfig
from minent.encoders.mixers.attention import SelfAttention
from minent.encoders.mixers.toeplitz import Toeplitz
from minent.errors import InputError
from tests.encoders import reference

SHAPES = {name: {"mixer": name} for name in MIXERS} | {"tiny attention": {"mixer": "gmlp", "tiny_attention": 8}}


@pytest.fixture(params=SHAPES, name="encoder")
def _encoder(request: pytest.FixtureRequest) -> Encoder:
    """An encoder whose token mixing is strong enough to notice a leak."""
    torch.manual_seed(0)
    config = EncoderConfig(vocab_size=50, dim=16, layers=2, max_length=96, heads=2, **SHAPES[request.param])
    encoder = Encoder(config).eval()
    for module in encoder.modules():
        if isinstance(module, Toeplitz):
            torch.nn.init.normal_(module.weight, std=0.3)
    torch.nn.init.normal_(encoder.embedding.weight)
    return encoder


def _ids(rows: int, length: int) -> torch.Tensor:
    return torch.randint(3, 50, (rows, length), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("padding", [0, 7, 64])
@pytest.mark.parametrize("side", ["left", "right"])
@torch.inference_mode()
def test_padding_never_changes_a_result(encoder: Encoder, padding: int, side: str) -> None:
    ids = _ids(3, 20)
    wanted = encoder(ids, torch.ones(3, 20, dtype=torch.bool))
    filler = torch.randint(0, 50, (3, padding), generator=torch.Generator().manual_seed(2))
    parts = [filler, ids] if side == "left" else [ids, filler]
    padded = torch.cat(parts, dim=1)
    begin = padding if side == "left" else 0
    mask = torch.zeros(padded.shape, dtype=torch.bool)
    mask[:, begin : begin + 20] = True
    found = encoder(padded, mask)[:, begin : begin + 20]
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


@torch.inference_mode()
def test_a_row_does_not_depend_on_its_batch(encoder: Encoder) -> None:
    lengths = [1, 30, 12, 5]
    ids = _ids(4, 30)
    mask = torch.arange(30) < torch.tensor(lengths)[:, None]
    order = torch.tensor([2, 0, 3, 1])
    found = encoder(ids[order], mask[order])
    for place, row in enumerate(order.tolist()):
        alone = encoder(ids[row : row + 1, : lengths[row]], mask[row : row + 1, : lengths[row]])
        torch.testing.assert_close(found[place, : lengths[row]], alone[0], atol=1e-5, rtol=0)


@torch.inference_mode()
def test_every_token_sees_every_other(encoder: Encoder) -> None:
    ids, mask = _ids(1, 12), torch.ones(1, 12, dtype=torch.bool)
    changed = ids.clone()
    changed[0, 11] = 3 + (changed[0, 11] - 2) % 47
    difference = (encoder(ids, mask) - encoder(changed, mask)).abs().amax(dim=-1)
    assert (difference > 1e-6).all()


@torch.inference_mode()
def test_embeddings_serve_as_ids_and_a_row_of_padding_stays_finite(encoder: Encoder) -> None:
    ids, mask = _ids(2, 9), torch.ones(2, 9, dtype=torch.bool)
    torch.testing.assert_close(encoder(encoder.embedding(ids), mask), encoder(ids, mask), atol=1e-6, rtol=0)
    mask[1] = False
    assert torch.isfinite(encoder(ids, mask)).all()


def test_rows_of_the_embedding(encoder: Encoder) -> None:
    assert encoder.mask_id == 50
    assert encoder.slot_ids.tolist() == list(range(51, 67))
    assert len(encoder.embedding.weight) == 67
    hidden = torch.randn(3, 16, generator=torch.Generator().manual_seed(0))
    wanted = hidden @ encoder.embedding.weight[:50].T + encoder.output_bias
    torch.testing.assert_close(encoder.logits(hidden), wanted)


@settings(deadline=None, max_examples=30)
@given(length=st.integers(1, 6), heads=st.integers(1, 3), seed=st.integers(0, 99))
def test_toeplitz_agrees_with_loops(length: int, heads: int, seed: int) -> None:
    torch.manual_seed(seed)
    layer, inputs = Toeplitz(heads, max_length=6), torch.randn(1, length, 2 * heads)
    wanted = reference.toeplitz(layer.weight.detach().numpy(), inputs[0].numpy(), 6)
    np.testing.assert_allclose(layer(inputs)[0].detach().numpy(), wanted, atol=1e-5)


@settings(deadline=None, max_examples=20)
@given(length=st.integers(1, 6), seed=st.integers(0, 99))
def test_attention_agrees_with_loops(length: int, seed: int) -> None:
    torch.manual_seed(seed)
    layer, inputs = SelfAttention(6, 5, heads=1, head_dim=4), torch.randn(1, length, 6)
    queries, keys, values = layer.project(inputs)[0].detach().numpy().reshape(length, 3, 4).transpose(1, 0, 2)
    wanted = reference.attention(queries, keys, values) @ layer.out.weight.detach().numpy().T
    found = layer(inputs, torch.ones(1, length, dtype=torch.bool))[0]
    np.testing.assert_allclose(found.detach().numpy(), wanted, atol=1e-5)


def test_the_gate_starts_near_one() -> None:
    torch.manual_seed(0)
    mixer = MIXERS["gmlp"](EncoderConfig(vocab_size=50, dim=32, heads=2))
    inputs, mask = torch.randn(2, 60, 32), torch.ones(2, 60, dtype=torch.bool)
    kept, _ = torch.nn.functional.gelu(mixer.enter(inputs)).chunk(2, dim=-1)
    plain = mixer.leave(kept)
    assert (mixer(inputs, mask) - plain).norm() < 0.3 * plain.norm()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"mixer": "atention"}, "Did you mean 'attention'"),
        ({"dim": 20, "heads": 4}, "2 \\* heads = 8"),
        ({"layers": 0}, "layers is 0"),
        ({"mixer": "attention", "tiny_attention": 8}, "only 'gmlp'"),
        ({"dropout": 1.0}, "dropout is 1.0"),
    ],
)
def test_a_wrong_shape_is_refused(wrong: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        EncoderConfig(**({"vocab_size": 50} | wrong))


def test_a_row_too_long_is_refused(encoder: Encoder) -> None:
    with pytest.raises(InputError, match="up to 96 tokens"):
        encoder(_ids(1, 97), torch.ones(1, 97, dtype=torch.bool))
