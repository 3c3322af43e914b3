"""What stands at the mask, and what follows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from minent.encoders import EncoderConfig, PretrainConfig, pretrain
from minent.encoders.cloze import at_ends, at_masks
from minent.errors import InputError
from tests.encoders.forms import make

ROWS = [[5, 50, 9], [50], [7, 8, 9, 10, 50, 12]]
IDS, STARTS = np.array([id for row in ROWS for id in row]), np.cumsum([0, *map(len, ROWS)])


def test_scores_agree_with_loops() -> None:
    encoder = make({"mixer": "gmlp"})
    found = at_masks(encoder, IDS, STARTS)
    for number, row in enumerate(ROWS):
        ids = torch.tensor([row])
        with torch.inference_mode():
            said = encoder.logits(encoder(ids, ids >= 0))[0, row.index(50)].log_softmax(dim=0).double().numpy()
        np.testing.assert_allclose(found[number], said, atol=1e-5)


def test_what_follows_agrees_with_loops() -> None:
    encoder = make({"mixer": "gmlp", "causal": True})
    found = at_ends(encoder, IDS, STARTS)
    for number, row in enumerate(ROWS):
        ids = torch.tensor([row])
        with torch.inference_mode():
            said = encoder.logits(encoder(ids, ids >= 0))[0, -1].log_softmax(dim=0).double().numpy()
        np.testing.assert_allclose(found[number], said, atol=1e-5)
    with pytest.raises(InputError, match="row 1 is empty"):
        at_ends(encoder, np.array([5, 6]), np.array([0, 1, 1, 2]))
    with pytest.raises(InputError, match="the encoder is masked"):
        at_ends(make({"mixer": "gmlp"}), IDS, STARTS)


def test_what_follows_from_the_neighbours_is_said() -> None:
    first = np.random.default_rng(0).integers(0, 37, (300, 1))
    ids = (3 + (first + np.arange(14)) % 37).astype(np.int32).ravel()
    shape = EncoderConfig(mixer="dynamic_conv", vocab_size=40, dim=32, layers=2, max_length=32, heads=2)
    plan = PretrainConfig(steps=300, learning_rate=5e-3, prompt_share=0.1, separate_documents=True)
    trained = pretrain(ids, np.arange(0, ids.size + 1, 14), shape, plan)
    rows = np.concatenate([[at - 2, at - 1, 40, at + 1, at + 2] for at in range(8, 34)])
    said = at_masks(trained.encoder, rows, np.arange(0, len(rows) + 1, 5))
    assert np.mean(said.argmax(axis=1) == np.arange(8, 34)) > 0.8


@pytest.mark.parametrize(("ids", "count"), [([5, 6], 0), ([50, 50], 2)])
def test_wrong_questions_are_refused(ids: list, count: int) -> None:
    with pytest.raises(InputError, match=f"row 0 has {count} mask tokens"):
        at_masks(make({"mixer": "gmlp"}), np.array(ids), np.array([0, 2]))
