"""The skeleton, and the two layers that several mixers share, against plain loops."""

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
from tests.encoders.forms import make


@pytest.fixture(params=["gmlp", "attention"], name="encoder")
def _encoder(request: pytest.FixtureRequest) -> Encoder:
    return make({"mixer": request.param})


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


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"mixer": "atention"}, "Did you mean 'attention'"),
        ({"dim": 20, "heads": 4}, "2 \\* heads = 8"),
        ({"layers": 0}, "layers is 0"),
        ({"mixer": "attention", "tiny_attention": 7}, "even number of channels"),
        ({"kernel_size": 4}, "an odd number"),
        ({"mixer": "resmlp", "variant": "matrx"}, "Did you mean 'matrix'"),
        ({"mixer": "fnet", "variant": "matrix"}, "no variants"),
        ({"dropout": 1.0}, "dropout is 1.0"),
    ],
)
def test_a_wrong_shape_is_refused(wrong: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        EncoderConfig(**({"vocab_size": 50} | wrong))


@pytest.mark.parametrize("shape", [(0, 5), (2, 0)])
@pytest.mark.parametrize("mixer", MIXERS)
def test_a_batch_without_a_token_has_no_vectors(mixer: str, shape: tuple[int, int]) -> None:
    encoder = Encoder(EncoderConfig(mixer=mixer, vocab_size=9, dim=16, layers=1, max_length=8))
    ids = torch.zeros(shape, dtype=torch.int64)
    assert encoder(ids, ids != 0).shape == (*shape, 16)
