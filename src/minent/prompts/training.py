"""One tuning: batches of labelled texts (and of unlabelled ones), in parts side by side; prompts first, then all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from minent.encoders import MIXERS
from minent.encoders.session import SHARDS, Map, backward
from minent.prompts.body import EncoderBody
from minent.prompts.losses import Weights, free_loss, step_loss
from minent.prompts.model import PromptModel
from minent.prompts.rows import Rows
from minent.runtime import Progress, Reporter

MODES = ("prompts", "staged", "all")
NETWORK_SHARE = 0.1  # of the prompts' learning rate, for the network behind them
STAGE = "tune the prompts"


@dataclass(frozen=True)
class Schedule:
    """How to train; the arguments of `PromptTuner` of the same names."""

    mode: str = "prompts"
    steps: int = 100
    batch_size: int = 16
    prompt_rate: float = 1e-2
    head_rate: float = 1e-2
    body_rate: float = 5e-4
    weight_decay: float = 0.0
    warmup: float = 0.1
    dropout: float = 0.0
    seed: int = 0
    weights: Weights = field(default_factory=Weights)

    @property
    def body_from(self) -> int:
        """The first step that trains the body; past the last one where none does."""
        return {"all": 0, "staged": self.steps // 2, "prompts": self.steps}[self.mode]


def train(
    model: PromptModel,
    rows: Rows,
    targets: np.ndarray,
    how: Schedule,
    parallel: Map,
    progress: Reporter,
    unlabelled: Rows | None = None,
) -> list[float]:
    """Train a model on rows that are set into the template, and return the loss of each step.

    Ctrl-C ends training early and keeps what was learnt.

    Args:
        model: The model, on a body of its own.
        rows: Labelled texts in the template.
        targets: int64 `(rows,)`: their classes.
        how: The schedule.
        parallel: A map over threads.
        progress: Told of every step.
        unlabelled: More texts in the template, for the parts of the loss that need no label; as many of them as of
            labelled ones go into a step.
    """
    unlabelled = unlabelled if how.weights.free else None
    groups = _groups(model, how)
    optimiser = torch.optim.AdamW(
        [{"params": list(group), "lr": rate} for group, rate, _ in groups],
        weight_decay=how.weight_decay,
        betas=(0.9, 0.98),
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, [_rise_and_fall(how, first) for _, _, first in groups])
    pairs = zip(batches(len(rows), how, 0), batches(len(unlabelled), how, 1) if unlabelled else _none())
    in_turn = _draws_or_counts(model, how)
    losses: list[float] = []
    try:
        for step, (labelled, free) in zip(range(how.steps), pairs):
            _set_stage(model, how, step)
            weights = [weight for weight in model.parameters() if weight.requires_grad]
            share = _share_of(model, rows, targets, unlabelled, how, step, len(labelled), len(free))
            parts = _parts(rows, labelled, unlabelled, free)
            losses.append(backward(map if in_turn else parallel, weights, share, parts))
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            schedule.step()
            progress(Progress(STAGE, step + 1, how.steps, "steps", f"loss {losses[-1]:.3f}"))
    except KeyboardInterrupt:
        pass
    return losses


Part = tuple[bool, np.ndarray]


def _parts(rows: Rows, labelled: np.ndarray, unlabelled: Rows | None, free: np.ndarray) -> list[Part]:
    """A batch in parts of like length, so that little of them is padding: `(has labels, rows)`."""
    found: list[Part] = []
    for known, source, chosen in ((True, rows, labelled), (False, unlabelled, free)):
        if source is not None and len(chosen):
            by_length = chosen[np.argsort(source.lengths[chosen], kind="stable")]
            found += [(known, part) for part in np.array_split(by_length, min(SHARDS, len(by_length)))]
    return found


def _share_of(
    model: PromptModel,
    rows: Rows,
    targets: np.ndarray,
    unlabelled: Rows | None,
    how: Schedule,
    step: int,
    known: int,
    free: int,
) -> Callable[[Part], Tensor]:
    """What a part of the batch adds to the loss of the step."""

    def share(part: Part) -> Tensor:
        labelled, chosen = part
        seed = [how.seed, 1, step, int(labelled), int(chosen[0])]
        if labelled:
            goal = torch.from_numpy(targets[chosen])
            return step_loss(model, rows.batch(chosen), goal, how.weights, seed) * (len(chosen) / known)
        assert unlabelled is not None
        return free_loss(model, unlabelled.batch(chosen), how.weights, seed) * (len(chosen) / free)

    return share


def _set_stage(model: PromptModel, how: Schedule, step: int) -> None:
    """Train or freeze the body; dropout is on only where it is asked for."""
    trains = step >= how.body_from
    if step in (0, how.body_from):
        model.body.requires_grad_(trains)
        model.body.train(bool(how.dropout) or (trains and _keeps_statistics(model)))


def _draws_or_counts(model: PromptModel, how: Schedule) -> bool:
    """Dropout draws from one generator, and running statistics run on: then the parts take turns."""
    return bool(how.dropout) or (how.mode != "prompts" and _keeps_statistics(model))


def _keeps_statistics(model: PromptModel) -> bool:
    body = model.body
    return isinstance(body, EncoderBody) and MIXERS[body.encoder.config.mixer].keeps_statistics


def _groups(model: PromptModel, how: Schedule) -> list[tuple[list[nn.Parameter], float, int]]:
    """`(weights, learning rate, first step)`: vectors learn fast, the body slowly, what stands behind in between."""
    prompts = [part for part in (model.prompts, model.deep) if part is not None]
    tables = [weight for part in prompts for name, weight in part.named_parameters() if name == "table"]
    networks = [weight for part in prompts for name, weight in part.named_parameters() if name != "table"]
    groups = [
        (tables, how.prompt_rate, 0),
        (networks, how.prompt_rate * NETWORK_SHARE, 0),
        ([weight for weight in model.head.parameters() if weight.requires_grad], how.head_rate, 0),
        (list(model.body.parameters()) if how.mode != "prompts" else [], how.body_rate, how.body_from),
    ]
    return [group for group in groups if group[0]]


def _rise_and_fall(how: Schedule, first: int) -> Callable[[int], float]:
    """A linear warm-up from the first step of a group, and a linear fall to zero."""
    rises = max(1.0, how.warmup * (how.steps - first))

    def factor(step: int) -> float:
        return min(max(0, step - first + 1) / rises, (how.steps - step) / max(1.0, how.steps - first - rises), 1.0)

    return factor


def batches(count: int, how: Schedule, stream: int) -> Iterator[np.ndarray]:
    """Row numbers without end, each row once in a pass."""
    rng = np.random.default_rng([how.seed, stream] if stream else [how.seed, 0])
    while True:
        order = rng.permutation(count)
        for begin in range(0, count, how.batch_size):
            yield order[begin : begin + how.batch_size]


def _none() -> Iterator[np.ndarray]:
    while True:
        yield np.zeros(0, dtype=np.int64)


def weight_states(model: PromptModel, how: Schedule) -> list[dict]:
    """What is trained and what is not, part by part: `{"name", "arrays", "numbers", "state"}`."""
    rates = {id(weight): (rate, first) for group, rate, first in _groups(model, how) for weight in group}
    found: dict[tuple[str, str], list[int]] = {}
    for name, weight in model.named_parameters():
        rate, first = rates.get(id(weight), (0.0, 0))
        trained = bool(rate) and first < how.steps
        state = "frozen" if not trained else f"trained at {rate:g}" + (f" from step {first + 1}" if first else "")
        shown = f"{name.partition('.')[0]}.*" if name.startswith("body.") else name
        found.setdefault((shown, state), []).append(weight.numel())
    return [
        {"name": name, "arrays": len(sizes), "numbers": sum(sizes), "state": state}
        for (name, state), sizes in found.items()
    ]
