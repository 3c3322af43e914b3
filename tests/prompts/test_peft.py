"""Against peft: the same start, the same seed and the same texts give the same losses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from minent.prompts import load_backbone
from minent.prompts.heads import VectorHead, WordHead
from minent.prompts.model import PromptModel, body_copy
from minent.prompts.reparametrize import REPARAMETRIZATIONS
from minent.prompts.rows import Assembler
from minent.prompts.template import parse
from minent.prompts.training import NETWORK_SHARE, Schedule, _rise_and_fall, batches, train
from minent.prompts.verbalizer import averaging
from tests.prompts import families

peft = pytest.importorskip("peft", reason="peft is not installed (pip install 'minent[peers]')")
# peft asks transformers by a name that is to go.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

TEXTS = ["a e i x", "b c", "o u y z a", "d f g b x", "e", "g d y", "i a", "c b f z"]
GOALS = np.arange(8) % 2
SLOTS = 4
HOW = Schedule(steps=12, batch_size=4, prompt_rate=1e-2, head_rate=1e-2, weight_decay=0.01)


class TheirModel(torch.nn.Module):
    """What a user of peft writes: its prompts on a frozen model, and a head."""

    def __init__(self, model: Any, task: str, encoder: str) -> None:
        super().__init__()
        config = peft.PromptEncoderConfig(
            task_type=task, num_virtual_tokens=SLOTS, encoder_hidden_size=32, encoder_reparameterization_type=encoder
        )
        self.peft, self.causal = peft.get_peft_model(model, config).eval(), task == "CAUSAL_LM"
        self.head = torch.nn.Linear(32, 2)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        found = self.peft(input_ids=ids, attention_mask=mask.long())
        if self.causal:
            last = SLOTS + mask.sum(dim=1) - 1
            return found.logits[torch.arange(len(ids)), last] @ words.T
        counted = mask[:, :, None].float()
        return self.head((found.last_hidden_state[:, SLOTS:] * counted).sum(dim=1) / counted.sum(dim=1))


def their_losses(theirs: TheirModel, rows: list[list[int]], words: torch.Tensor) -> list[float]:
    """Their loop: the same batches, AdamW with a rate for each kind of weight, and the same warm-up."""
    prompts = theirs.peft.prompt_encoder["default"]
    networks = [weight for name, weight in prompts.named_parameters() if not name.startswith("embedding")]
    groups = [
        {"params": [prompts.embedding.weight], "lr": HOW.prompt_rate},
        {"params": networks, "lr": HOW.prompt_rate * NETWORK_SHARE},
        {"params": list(theirs.head.parameters()), "lr": HOW.head_rate},
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=HOW.weight_decay, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, _rise_and_fall(HOW, 0))
    weights = [weight for group in groups for weight in group["params"]]
    losses = []
    for _, chosen in zip(range(HOW.steps), batches(len(rows), HOW, 0)):
        taken = [torch.tensor(rows[row]) for row in chosen]
        ids = torch.nn.utils.rnn.pad_sequence(taken, batch_first=True)
        mask = torch.arange(ids.shape[1]) < torch.tensor([len(row) for row in taken])[:, None]
        loss = torch.nn.functional.cross_entropy(theirs(ids, mask, words), torch.from_numpy(GOALS[chosen]))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize(
    ("family", "task", "ours", "their_form"),
    [
        ("bert-encoder", "FEATURE_EXTRACTION", "paper-mlp", "MLP"),
        ("bert-encoder", "FEATURE_EXTRACTION", "paper-lstm", "LSTM"),
        ("gpt2", "CAUSAL_LM", "paper-mlp", "MLP"),
    ],
)
def test_the_loss_curves_agree(tmp_path: Path, family: str, task: str, ours: str, their_form: str) -> None:
    import transformers

    folder = families.save(family, tmp_path / family)
    backbone = load_backbone(folder)
    template = parse("{p*4}{text}{mask}" if family == "gpt2" else "{p*4}{start}{text}{end}")
    rows = Assembler.of(template, backbone).rows(TEXTS, backbone, template)
    torch.manual_seed(3)
    plain = getattr(transformers, families.MODELS[family]).from_pretrained(folder, local_files_only=True)
    theirs = TheirModel(plain, task, their_form)

    theirs_now = theirs.peft.prompt_encoder["default"]
    prompts = REPARAMETRIZATIONS[ours](theirs_now.embedding.weight.detach())
    state = {name.replace("embedding.weight", "table"): weight for name, weight in theirs_now.state_dict().items()}
    prompts.load_state_dict(state)
    words = torch.zeros(2, 1)
    if family == "gpt2":
        names = [[backbone.encode(" good")], [backbone.encode(" bad")]]
        words = torch.from_numpy(averaging(names, len(backbone.body.output()[0])))
        head: Any = WordHead(words)
    else:
        head = VectorHead(theirs.head.weight.detach(), theirs.head.bias.detach())
    body = body_copy(backbone.body, dropout=0.0)
    model = PromptModel(body, prompts, head, pooled=family != "gpt2")

    found = train(model, rows, GOALS, HOW, map, lambda event: None)
    ids = [row[row < body.first_slot].tolist() for row in np.split(rows.ids, rows.starts[1:-1])]
    wanted = their_losses(theirs, ids, words)
    np.testing.assert_allclose(found, wanted, atol=2e-6)
    assert np.mean(wanted[-4:]) < 0.95 * np.mean(wanted[:4])
