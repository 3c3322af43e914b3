"""One tuning: batches of labelled texts, the classification loss, and the masked loss beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from minent import simplex
from minent.encoders import MIXERS, masking
from minent.encoders.batches import pad
from minent.encoders.session import SHARDS, Map, backward
from minent.prompts.model import PromptModel, at_mask, embed
from minent.runtime import Progress, Reporter

LOSSES = {"softmax": simplex.softmax_loss, "entmax": simplex.entmax_loss}
AUXILIARY_RATE = 0.15
WARMUP = 0.1
STAGE = "tune the prompts"


@dataclass(frozen=True)
class Schedule:
    """How to train; the arguments of `PromptTuner` of the same names."""

    loss: str
    steps: int
    batch_size: int
    prompt_rate: float
    body_rate: float
    auxiliary: float
    seed: int


def train(
    model: PromptModel,
    ids: np.ndarray,
    starts: np.ndarray,
    targets: np.ndarray,
    how: Schedule,
    parallel: Map,
    progress: Reporter,
) -> list[float]:
    """Train a model on rows that are set into the template, and return the loss of each step.

    Ctrl-C ends training early and keeps what was learnt.
    """
    optimiser = torch.optim.AdamW(_groups(model, how), weight_decay=0.0, betas=(0.9, 0.98))
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    rises = max(1.0, WARMUP * how.steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / rises, (how.steps - step) / max(1.0, how.steps - rises), 1.0)
    )
    shape = model.encoder.config  # dropout draws from one generator, statistics run on: the shards take turns
    in_turn = model.train_body and (shape.dropout or MIXERS[shape.mixer].keeps_statistics)
    losses: list[float] = []
    try:
        for step, rows in zip(range(how.steps), _batches(len(targets), how)):

            def share(part: np.ndarray, step: int = step, count: int = len(rows)) -> Tensor:
                seed = [how.seed, 1, step, int(part[0])]
                return _loss(model, *pad(ids, starts, part), targets[part], how, seed) * (len(part) / count)

            parts = np.array_split(rows, min(SHARDS, len(rows)))
            losses.append(backward(map if in_turn else parallel, weights, share, parts))
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            schedule.step()
            progress(Progress(STAGE, step + 1, how.steps, "steps", f"loss {losses[-1]:.3f}"))
    except KeyboardInterrupt:
        pass
    return losses


def _groups(model: PromptModel, how: Schedule) -> list[dict]:
    """Vectors learn fast, the body slowly, the network behind the vectors in between."""
    network = {id(weight) for name, weight in model.prompts.named_parameters() if name != "table"}
    body = {id(weight) for weight in model.encoder.parameters()}
    groups: dict[float, list] = {}
    for weight in model.parameters():
        if weight.requires_grad:
            rate = how.prompt_rate * (0.1 if id(weight) in network else 1.0)
            groups.setdefault(how.body_rate if id(weight) in body else rate, []).append(weight)
    return [{"params": weights, "lr": rate} for rate, weights in groups.items()]


def _batches(count: int, how: Schedule) -> Iterator[np.ndarray]:
    """Row numbers without end, each row once in a pass."""
    rng = np.random.default_rng([how.seed, 0])
    while True:
        order = rng.permutation(count)
        for begin in range(0, count, how.batch_size):
            yield order[begin : begin + how.batch_size]


def _loss(
    model: PromptModel, inputs: Tensor, mask: Tensor, targets: np.ndarray, how: Schedule, seed: list[int]
) -> Tensor:
    """The classification loss, and the masked loss beside it where it has a weight."""
    tuned, goal = model.tuned(), torch.from_numpy(targets)
    if not how.auxiliary:
        return LOSSES[how.loss](tuned.scores(inputs, mask), goal)
    free = np.full(inputs.shape, masking.FREE)
    task = masking.hide(inputs.numpy(), free, model.encoder.config, AUXILIARY_RATE, np.random.default_rng(seed))
    hidden = model.encoder(embed(model.encoder, tuned.prompts, torch.from_numpy(task.inputs)), mask)
    scores = torch.nn.functional.linear(at_mask(hidden, inputs, model.encoder), tuned.label_vectors, tuned.label_bias)
    logits = model.encoder.logits(hidden.flatten(0, 1)[torch.from_numpy(task.places)])
    total = torch.nn.functional.cross_entropy(logits, torch.from_numpy(task.targets), reduction="sum")
    return LOSSES[how.loss](scores, goal) + how.auxiliary * total / max(1, len(task.places))
