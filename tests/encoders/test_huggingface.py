"""An encoder inside transformers says what it says outside, and comes back from a folder the same."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from minent.encoders import EncoderConfig, PretrainConfig, PretrainedEncoder, pretrain
from minent.errors import InputError, MissingExtraError

SHAPE = EncoderConfig(vocab_size=40, dim=16, layers=2, max_length=32, heads=2)
ROWS = torch.tensor([[5, 6, 7, 8], [9, 10, 0, 0]])


def _trained(**changes: object) -> PretrainedEncoder:
    ids = 3 + np.arange(600) % 37
    shape = EncoderConfig(**(vars(SHAPE) | changes))
    return pretrain(ids, np.arange(0, 601, 20), shape, PretrainConfig(steps=3, batch_size=4))


@pytest.mark.parametrize(
    "changes", [{}, {"mixer": "mlp_mixer", "causal": True}, {"mixer": "repmlp"}, {"mixer": "fnet", "tiny_attention": 8}]
)
def test_it_comes_back_from_a_folder(tmp_path: Path, changes: dict) -> None:
    from minent.encoders.huggingface import MinentForMaskedLM, MinentModel, to_transformers

    trained = _trained(**changes)
    model = to_transformers(trained)
    model.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").is_file()
    body = transformers.AutoModel.from_pretrained(tmp_path).eval()
    whole = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path).eval()
    assert isinstance(body, MinentModel)
    assert isinstance(whole, MinentForMaskedLM)
    assert body.config.hidden_size == 16
    with torch.inference_mode():
        wanted = trained.encoder(ROWS, ROWS != 0)
        found = body(input_ids=ROWS, attention_mask=(ROWS != 0).long(), output_hidden_states=True)
        assert torch.equal(found.last_hidden_state, wanted)
        assert len(found.hidden_states) == 3
        assert torch.equal(body(ROWS).last_hidden_state, wanted)
        assert torch.equal(whole(ROWS).logits, trained.encoder.logits(wanted))
        embedded = body(inputs_embeds=body.get_input_embeddings()(ROWS), attention_mask=ROWS != 0)
        torch.testing.assert_close(embedded.last_hidden_state, wanted, atol=1e-6, rtol=0)
    with pytest.raises(InputError, match="and not both"):
        body(input_ids=ROWS, inputs_embeds=torch.zeros(2, 4, 16))


def test_the_loss_counts_what_is_asked_for_and_trains() -> None:
    from minent.encoders.huggingface import to_transformers

    model = to_transformers(_trained()).train()
    labels = torch.tensor([[-100, 6, -100, 8], [-100, -100, -100, -100]])
    found = model(ROWS, labels=labels)
    logits = model(ROWS).logits[0]
    wanted = -(logits[1].log_softmax(-1)[6] + logits[3].log_softmax(-1)[8]) / 2
    torch.testing.assert_close(found.loss, wanted)
    found.loss.backward()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    optimiser.step()
    assert model(ROWS, labels=labels).loss < found.loss


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft asks by this name
def test_peft_adapts_it() -> None:
    peft = pytest.importorskip("peft", reason="peft is not installed (pip install 'minent[peers]')")
    from minent.encoders.huggingface import to_transformers

    model = to_transformers(_trained())
    adapted = peft.get_peft_model(
        model, peft.LoraConfig(r=2, target_modules=["enter"], exclude_modules=["encoder.enter"])
    )
    trainable = [name for name, weight in adapted.named_parameters() if weight.requires_grad]
    assert trainable
    assert all("lora" in name for name in trainable)
    adapted(ROWS, labels=ROWS).loss.backward()


def test_without_transformers_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.delitem(sys.modules, "minent.encoders.huggingface", raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install 'minent\[hf\]'"):
        import minent.encoders.huggingface  # noqa: F401 - the import itself is what is tested
