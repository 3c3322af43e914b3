"""What every mixer must do, and what each one is known to do: one table, one contract."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minent.encoders import MIXERS, Encoder, EncoderConfig
from minent.encoders.mixers.fnet import FNet, real_transform
from minent.encoders.mixers.synthesizer import factors
from minent.errors import InputError
from tests.encoders.forms import FORMS, SMALL, WITH_ATTENTION, make, stir
from tests.encoders.mixing import TWINS

ALONE = "external_attention slots"  # each token is read by itself
CAUSAL = {name: form for name, form in FORMS.items() if form.get("causal")}


@pytest.fixture(params=FORMS | WITH_ATTENTION, name="encoder", scope="module")
def _encoder(request: pytest.FixtureRequest) -> Encoder:
    encoder = make((FORMS | WITH_ATTENTION)[request.param])
    encoder.name = request.param
    return encoder


def _ids(rows: int, length: int) -> torch.Tensor:
    return torch.randint(3, 50, (rows, length), generator=torch.Generator().manual_seed(1))


def _real(rows: int, length: int) -> torch.Tensor:
    return torch.ones(rows, length, dtype=torch.bool)


# --- the contract -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", [0, 7, 64])
@torch.inference_mode()
def test_padding_never_changes_a_result(encoder: Encoder, padding: int) -> None:
    ids = _ids(3, 20)
    wanted = encoder(ids, _real(3, 20))
    filler = torch.randint(0, 50, (3, padding), generator=torch.Generator().manual_seed(2))
    for begin in {0, padding // 2, padding}:
        padded = torch.cat([filler[:, :begin], ids, filler[:, begin:]], dim=1)
        mask = torch.zeros(padded.shape, dtype=torch.bool)
        mask[:, begin : begin + 20] = True
        found = encoder(padded, mask)[:, begin : begin + 20]
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


@torch.inference_mode()
def test_a_row_does_not_depend_on_its_batch(encoder: Encoder) -> None:
    lengths, ids = [1, 30, 12, 5], _ids(4, 30)
    mask = torch.arange(30) < torch.tensor(lengths)[:, None]
    order = torch.tensor([2, 0, 3, 1])
    found = encoder(ids[order], mask[order])
    for place, row in enumerate(order.tolist()):
        alone = encoder(ids[row : row + 1, : lengths[row]], mask[row : row + 1, : lengths[row]])
        torch.testing.assert_close(found[place, : lengths[row]], alone[0], atol=1e-5, rtol=0)


@torch.inference_mode()
def test_documents_in_one_row_are_as_if_each_stood_alone(encoder: Encoder) -> None:
    """Rows of several documents, some followed by padding, against each by itself."""
    lengths, ids, mask = [[5, 1, 12, 6], [20, 3], [24], [7]], _ids(4, 24), _real(4, 24)
    segments = torch.zeros(4, 24, dtype=torch.int64)
    for row, counts in enumerate(lengths):
        segments[row, : sum(counts)] = torch.repeat_interleave(
            torch.arange(len(counts)) + 3 * row, torch.tensor(counts)
        )
        mask[row, sum(counts) :] = False
    found = encoder(ids, mask, segments)
    for row, counts in enumerate(lengths):
        begin = 0
        for count in counts:
            alone = encoder(ids[row : row + 1, begin : begin + count], _real(1, count))[0]
            torch.testing.assert_close(found[row, begin : begin + count], alone, atol=1e-5, rtol=0)
            begin += count
    assert torch.isfinite(found).all()


def test_gradients_do_not_cross_documents(encoder: Encoder) -> None:
    embeddings = encoder.embedding(_ids(1, 9)).detach().requires_grad_()
    segments = torch.tensor([[0] * 4 + [1] * 5])
    for recompute in (False, True):
        encoder.recompute = recompute
        hidden = encoder.train()(embeddings, _real(1, 9), segments)[0, :4].square().sum()
        (gradient,) = torch.autograd.grad(hidden, embeddings)
        assert gradient[0, :4].abs().amax(dim=1).min() > 0
        if not MIXERS[encoder.config.mixer].keeps_statistics:  # a batch's statistics are of all its tokens
            assert not gradient[0, 4:].any()
    encoder.recompute = False
    encoder.eval()


@torch.inference_mode()
def test_who_sees_whom(encoder: Encoder) -> None:
    """Change one token in the middle: all others notice, or the later ones alone in a causal form."""
    ids, changed = _ids(1, 12), _ids(1, 12)
    changed[0, 6] = 3 + (changed[0, 6] - 2) % 47
    difference = (encoder(ids, _real(1, 12)) - encoder(changed, _real(1, 12))).abs().amax(dim=-1)[0]
    if encoder.name.startswith(ALONE):
        assert difference.nonzero().flatten().tolist() == [6]
    elif encoder.config.causal:
        assert not difference[:6].any()
        assert (difference[6:] > 1e-6).all()
    else:
        assert (difference > 1e-6).all()


@torch.inference_mode()
def test_embeddings_serve_as_ids_and_a_row_of_padding_stays_finite(encoder: Encoder) -> None:
    ids, mask = _ids(2, 9), _real(2, 9)
    torch.testing.assert_close(encoder(encoder.embedding(ids), mask), encoder(ids, mask), atol=1e-6, rtol=0)
    mask[1] = False
    mask[0, :4] = False
    assert torch.isfinite(encoder(ids, mask)).all()


def test_gradients_are_finite_and_reach_every_weight(encoder: Encoder) -> None:
    ids, mask = _ids(3, 96), _real(3, 96)
    mask[1, 50:] = False
    encoder.zero_grad()
    encoder(ids, mask)[mask].square().sum().backward()
    for name, weight in encoder.named_parameters():
        if not name.startswith("output_bias"):
            assert weight.grad is not None, name
            assert torch.isfinite(weight.grad).all(), name
            assert weight.grad.any(), name
    encoder.zero_grad()


@torch.inference_mode()
def test_length_beyond_the_reach(encoder: Encoder) -> None:
    ids, mask = _ids(1, 97), _real(1, 97)
    if MIXERS[encoder.config.mixer].bounded:
        with pytest.raises(InputError, match=rf"rows of 97 tokens, but mixer '{encoder.config.mixer}' .* up to 96"):
            encoder(ids, mask)
    else:
        assert torch.isfinite(encoder(ids, mask)).all()
    with pytest.raises(InputError, match="mask takes one value for each token"):
        encoder(ids, mask[:, :5])
    with pytest.raises(InputError, match="segments takes one value for each token"):
        encoder(ids, mask, mask[:, :5].long())


@torch.inference_mode()
def test_another_order_of_tokens_is_another_text(encoder: Encoder) -> None:
    ids = _ids(1, 12)
    turned = encoder(ids.flip(1), _real(1, 12)).flip(1)
    assert (encoder(ids, _real(1, 12)) - turned).abs().max() > 1e-3


def test_a_tiny_attention_costs_what_it_says(encoder: Encoder) -> None:
    with_head = make({"mixer": encoder.config.mixer, "variant": encoder.config.variant, "tiny_attention": 8}).config
    without = make({"mixer": encoder.config.mixer, "variant": encoder.config.variant}).config
    if encoder.config.mixer != "amlp":  # it has one in any case
        assert with_head.macs_per_token() > without.macs_per_token()


# --- agreement with the plain loops -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS | {"gmlp tiny": WITH_ATTENTION["gmlp tiny"]})
@settings(max_examples=6)
@given(length=st.integers(1, 9), seed=st.integers(0, 99))
def test_the_mixer_agrees_with_plain_loops(form: str, length: int, seed: int) -> None:
    torch.manual_seed(seed)
    chosen = (FORMS | {"gmlp tiny": WITH_ATTENTION["gmlp tiny"]})[form]
    config = EncoderConfig(**(SMALL | chosen | {"dim": 8, "max_length": 9, "kernel_size": 3}))
    mixer = MIXERS[config.mixer](config, layer=1)
    stir(mixer)
    mixer = mixer.double().eval()
    inputs = torch.randn(1, length, 8, dtype=torch.float64)
    with torch.inference_mode():
        found = mixer(inputs, _real(1, length))[0].numpy()
    weights = {name: tensor.detach().numpy() for name, tensor in mixer.state_dict().items()}
    np.testing.assert_allclose(found, TWINS[config.mixer](weights, inputs[0].numpy(), config), atol=1e-6)


# --- what is known of single ones -------------------------------------------------------------------------------------


@settings(max_examples=20)
@given(length=st.integers(1, 40), dim=st.sampled_from([2, 6, 16]), seed=st.integers(0, 99))
def test_fnet_is_the_fourier_transform(length: int, dim: int, seed: int) -> None:
    inputs = torch.randn(2, length, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    lengths = torch.tensor([length, max(1, length // 2)])
    inputs[1, lengths[1] :] = 0
    found = real_transform(inputs, lengths)
    for row, count in enumerate(lengths.tolist()):
        wanted = torch.fft.fft2(inputs[row, :count]).real
        torch.testing.assert_close(found[row, :count], wanted, atol=1e-10, rtol=0)
        assert not found[row, count:].any()
    mixer = FNet(EncoderConfig(mixer="fnet", vocab_size=9, dim=dim, heads=1))
    full = mixer(inputs[:1], _real(1, length)) * (length * dim) ** 0.5
    torch.testing.assert_close(full, torch.fft.fft2(inputs[:1]).real, atol=1e-10, rtol=0)


@settings(max_examples=20)
@given(seed=st.integers(0, 99), length=st.integers(1, 90))
@torch.inference_mode()
def test_a_folded_repmlp_is_the_same_function(seed: int, length: int) -> None:
    encoder = make({"mixer": "repmlp"})
    torch.manual_seed(seed)
    stir(encoder)
    ids = torch.randint(3, 50, (3, length))
    mask = torch.arange(length) < torch.tensor([length, max(1, length // 2), 1])[:, None]
    folded = encoder.folded()
    assert sum(p.numel() for p in folded.parameters()) < sum(p.numel() for p in encoder.parameters())
    torch.testing.assert_close(folded(ids, mask)[mask], encoder(ids, mask)[mask], atol=1e-5, rtol=0)


def test_the_statistics_of_repmlp_are_those_of_real_tokens() -> None:
    mixer = MIXERS["repmlp"](EncoderConfig(mixer="repmlp", vocab_size=9, dim=8, heads=2, max_length=32)).train()
    inputs = torch.randn(4, 20, 8, generator=torch.Generator().manual_seed(0))
    wanted = mixer(inputs, _real(4, 20))
    before = [norm.running_mean.clone() for norm in mixer.kernel_norms]
    padded = torch.cat([inputs, torch.full((4, 30, 8), 99.0)], dim=1)
    found = mixer(padded, torch.arange(50).expand(4, -1) < 20)
    torch.testing.assert_close(found[:, :20], wanted, atol=1e-5, rtol=0)
    for norm, first in zip(mixer.kernel_norms, before):  # the second batch was the first again
        torch.testing.assert_close(norm.running_mean, first * 1.9, atol=1e-6, rtol=0)


def test_the_gate_of_gmlp_starts_near_one() -> None:
    for variant in MIXERS["gmlp"].variants:
        torch.manual_seed(0)
        mixer = MIXERS["gmlp"](EncoderConfig(vocab_size=50, dim=32, heads=2, variant=variant))
        inputs = torch.randn(2, 60, 32)
        kept, _ = torch.nn.functional.gelu(mixer.enter(inputs)).chunk(2, dim=-1)
        plain = mixer.leave(kept)
        assert (mixer(inputs, _real(2, 60)) - plain).norm() < 0.3 * plain.norm()


@torch.inference_mode()
def test_attention_without_places_does_not_know_the_order() -> None:
    """The mixture's dot-product member alone, and external attention over a set: order in, the same order out."""
    mixer = MIXERS["synthesizer"](EncoderConfig(**SMALL, mixer="synthesizer", variant="mixture")).eval()
    mixer.shares.copy_(torch.tensor([-1e9, -1e9, 0.0]))
    inputs, order = torch.randn(1, 10, 16), torch.randperm(10)
    mixed = mixer(inputs, _real(1, 10))
    torch.testing.assert_close(mixer(inputs[:, order], _real(1, 10)), mixed[:, order], atol=1e-6, rtol=0)


def test_factors_cover_the_length_and_waste_little() -> None:
    for length in range(2, 300):
        first, second = factors(length)
        assert length <= first * second < length + first
        assert abs(first - second) <= 1


@pytest.mark.parametrize("name", CAUSAL)
@torch.inference_mode()
def test_a_causal_form_reads_a_text_as_it_grows(name: str) -> None:
    encoder, ids = make(CAUSAL[name]), _ids(1, 15)
    whole = encoder(ids, _real(1, 15))
    for length in (1, 7, 14):
        found = encoder(ids[:, :length], _real(1, length))
        torch.testing.assert_close(found, whole[:, :length], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["feed_forward", "fnet", "external_attention", "repmlp", "hypermixer"])
def test_a_mixer_without_a_causal_form_says_why(name: str) -> None:
    with pytest.raises(InputError, match=f"mixer '{name}' has no causal form: .* Choose one that has: .*'gmlp'"):
        EncoderConfig(vocab_size=50, mixer=name, causal=True)


def test_the_table_is_whole() -> None:
    assert set(TWINS) == set(MIXERS)
    assert len(MIXERS) == 14
    assert len(FORMS) > 30
