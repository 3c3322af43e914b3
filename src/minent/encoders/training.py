"""One run of pretraining: its state, its steps, its checkpoints."""

from __future__ import annotations

import copy
import time
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from minent import artifacts
from minent.encoders import masking
from minent.encoders.distributed import Group
from minent.encoders.evaluation import masked_losses
from minent.encoders.hardware import autocast, device_of
from minent.encoders.mixers import MIXERS
from minent.encoders.plan import PretrainConfig, planned_steps
from minent.encoders.pretrained import load_weights, weights_of
from minent.encoders.session import SHARDS, Map, backward
from minent.encoders.skeleton import EMBEDDING_STD, Encoder, EncoderConfig
from minent.errors import InputError
from minent.runtime import Progress, Reporter

GUARD = 1.5  # the clock stops a planned run at this multiple of its budget
CURVE_POINTS = 50
CHECKPOINT = "encoder-checkpoint"
STAGE = "pretrain the encoder"


@dataclass
class Run:
    """The state of training: all that a checkpoint holds, and where it runs."""

    encoder: Encoder
    optimiser: torch.optim.AdamW
    config: PretrainConfig
    steps: int
    inputs: dict[str, str]
    group: Group
    piece_bytes: np.ndarray | None = None
    average: Encoder | None = None
    step: int = 0
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    stopped: str = ""

    @classmethod
    def start(
        cls,
        unigram: np.ndarray,
        encoder_config: EncoderConfig,
        config: PretrainConfig,
        tokens: int,
        initial: np.ndarray | None,
        inputs: dict[str, str],
        group: Group | None = None,
        piece_bytes: np.ndarray | None = None,
    ) -> Run:
        """The state before the first step."""
        encoder = Encoder(encoder_config)
        with torch.no_grad():
            if initial is not None:
                vectors = torch.from_numpy(np.array(initial, dtype=np.float32))
                encoder.embedding.weight[: len(vectors)] = vectors * (EMBEDDING_STD / vectors.std().clamp_min(1e-12))
            encoder.output_bias.copy_(torch.from_numpy(unigram))
        encoder.to(device_of(config.device))
        weights = list(encoder.parameters())
        groups = [
            {"params": [weight for weight in weights if weight.ndim > 1], "weight_decay": config.weight_decay},
            {"params": [weight for weight in weights if weight.ndim <= 1], "weight_decay": 0.0},
        ]
        optimiser = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), fused=True)
        average = copy.deepcopy(encoder).requires_grad_(False) if config.ema_decay else None
        steps = planned_steps(encoder_config, config, tokens)
        return cls(encoder, optimiser, config, steps, inputs, group or Group(), piece_bytes, average)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.encoder.embedding.weight.device

    def train(
        self, text: tuple[np.ndarray, np.ndarray], checkpoint: Path | None, parallel: Map, progress: Reporter
    ) -> None:
        """Go on from the present step to the last one, to Ctrl-C, or to the end of the clock."""
        shape, config = self.encoder.config, self.config
        prompted = 0.0 if shape.causal else config.prompt_share  # its mask token would ask for what no causal one says
        rows = masking.rows_of(*text, shape, slots=config.prompt_length, share=prompted, seed=config.seed)
        batches = islice(masking.batches_of(rows, config.batch_size), self.step, self.steps)
        checkpoint = checkpoint if self.group.rank == 0 else None
        started = saved = time.monotonic()
        before, first, whole = self.seconds, self.step, True
        self.encoder.train()
        try:
            for batch in batches:
                whole = False  # until the step is made: half of one must not be saved
                bits = self.update(*batch, parallel)
                whole = True
                seconds = time.monotonic() - started
                self.seconds = before + seconds
                if checkpoint is not None and time.monotonic() - saved >= config.checkpoint_seconds:
                    self.save(checkpoint)
                    saved = time.monotonic()
                if self.group.rank == 0:
                    rate = (self.step - first) * batch[0].size / max(seconds, 1e-9)
                    note = f"{bits:.2f} bits per {self.unit}, {rate:,.0f} tokens/s"
                    progress(Progress(STAGE, self.step, self.steps, "steps", note))
                if config.steps is None and config.budget_tokens is None and self.step < self.steps:
                    late = seconds > GUARD * config.budget_seconds
                    if self.group.any(late, self.device) if self.group.size > 1 else late:
                        self.stopped = f"stopped by the clock after {self.step} of {self.steps} steps"
                        break
        except KeyboardInterrupt:
            self.stopped = f"stopped by the user after {self.step} of {self.steps} steps"
        self.optimiser.zero_grad()
        if checkpoint is not None and whole:
            self.save(checkpoint)

    @property
    def unit(self) -> str:
        """What the loss is counted by."""
        return "token" if self.piece_bytes is None else "byte"

    def update(self, ids: np.ndarray, required: np.ndarray, parallel: Map) -> float:
        """Make one step and return its loss in bits per unit; every draw follows from the seed and the step."""
        config, shape, done = self.config, self.encoder.config, self.step / self.steps
        rng = np.random.default_rng([config.seed, 2, self.step])
        draws = int(rng.integers(2**62))
        if shape.causal:
            batch = masking.follow(ids)
        else:
            rate = config.mask_rate + (config.final_mask_rate - config.mask_rate) * done
            batch = masking.hide(ids, required, shape, rate, rng, config.longest_span)
        for group in self.optimiser.param_groups:
            group["lr"] = config.learning_rate * _schedule(self.step, self.steps, config.warmup)
        loss = self.differentiate(batch, draws, parallel)
        torch.nn.utils.clip_grad_norm_(self.encoder.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        self.losses.append(loss)
        self.follow_average()
        size = 1.0 if self.piece_bytes is None else float(np.mean(self.piece_bytes[batch.targets])) if loss else 1.0
        return loss / (np.log(2) * max(size, 1e-9))

    def differentiate(self, batch: masking.Masked, draws: int, parallel: Map) -> float:
        """Set the gradient of the mean loss of a batch, each process of the group taking a share; return that loss."""
        dropout, count = self.encoder.config.dropout, max(1, len(batch.places))

        def share(item: tuple[int, masking.Masked]) -> Tensor:
            number, part = item
            if dropout:
                torch.manual_seed(draws + number)
            with autocast(self.config.precision, self.device):
                return masked_losses(self.encoder, part).sum() / count

        statistics = MIXERS[self.encoder.config.mixer].keeps_statistics
        alone = dropout or statistics or self.device.type != "cpu"  # one generator, running statistics, one GPU
        shards = SHARDS if SHARDS % self.group.size == 0 else self.group.size
        own = self.group.own(list(enumerate(batch.split(shards))))
        weights = list(self.encoder.parameters())
        loss = torch.tensor(backward(map if alone else parallel, weights, share, own), device=self.device)
        self.group.sum([*(weight.grad for weight in weights if weight.grad is not None), loss])
        if statistics and self.group.size > 1:
            running = list(self.encoder.buffers())
            self.group.sum([values.div_(self.group.size) for values in running])
        return float(loss)

    @torch.no_grad()
    def follow_average(self) -> None:
        """Move the average of the weights toward them; early on it forgets faster, so that the start does not stay."""
        if self.average is None:
            return
        rate = 1 - min(self.config.ema_decay, (1 + self.step) / (10 + self.step))
        for mean, weight in zip(self.average.parameters(), self.encoder.parameters()):
            mean.lerp_(weight, rate)
        for kept, value in zip(self.average.buffers(), self.encoder.buffers()):
            kept.copy_(value)

    def result(self) -> Encoder:
        """The encoder that was learnt, in evaluation mode, in the memory of the processor."""
        return (self.average or self.encoder).requires_grad_(True).eval().cpu()

    def save(self, folder: Path) -> None:
        """Write a checkpoint: weights, their average, both moments of the optimiser, the step and the losses so far."""
        config = {"encoder": self.encoder.config, "pretrain": self.config}
        with artifacts.writing(folder, kind=CHECKPOINT, format=1, config=config, overwrite=True) as draft:
            artifacts.save_arrays(draft.path / "weights.safetensors", weights_of(self.encoder))
            artifacts.save_arrays(draft.path / "optimiser.safetensors", self.moments())
            if self.average is not None:
                artifacts.save_arrays(draft.path / "average.safetensors", weights_of(self.average))
            draft.facts.update(step=self.step, losses=self.losses)
            draft.measured.update(seconds=self.seconds)
            draft.inputs.update(self.inputs)

    def restore(self, folder: Path) -> None:
        """Take over the state of a checkpoint of this very run."""
        manifest = artifacts.read_manifest(folder, kind=CHECKPOINT, format=1)
        ours = artifacts.plain({"encoder": self.encoder.config, "pretrain": asdict(self.config)})
        if manifest.config != ours or manifest.inputs != self.inputs:
            cause = "other texts or vectors" if manifest.config == ours else "another config"
            raise InputError(f"{folder}: was made from {cause}. Resume with the same ones, or remove the folder.")
        load_weights(self.encoder, artifacts.load_arrays(folder / "weights.safetensors"))
        if self.average is not None:
            load_weights(self.average, artifacts.load_arrays(folder / "average.safetensors"))
        self.load_moments(artifacts.load_arrays(folder / "optimiser.safetensors"))
        self.step, self.losses = manifest.facts["step"], manifest.facts["losses"]
        self.seconds = manifest.measured["seconds"]

    def moments(self) -> dict[str, np.ndarray]:
        """The state of the optimiser as arrays named by its order of weights."""
        state = self.optimiser.state_dict()["state"]
        return {
            f"{index}.{name}": value.cpu().numpy() for index, values in state.items() for name, value in values.items()
        }

    def load_moments(self, arrays: dict[str, np.ndarray]) -> None:
        """The inverse of `moments`."""
        state: dict[int, dict[str, Tensor]] = {}
        for name, array in arrays.items():
            index, _, key = name.partition(".")
            state.setdefault(int(index), {})[key] = torch.from_numpy(array)
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": state})

    def facts(self) -> dict[str, Any]:
        """What a report may draw of this run."""
        width = max(1, -(-len(self.losses) // CURVE_POINTS))
        curve = [
            {"step": begin + len(part), "loss": round(float(np.mean(part)), 4)}
            for begin, part in ((i, self.losses[i : i + width]) for i in range(0, len(self.losses), width))
        ]
        return {
            "steps": self.step,
            "planned_steps": self.steps,
            "stopped": self.stopped,
            "parameters": sum(weight.numel() for weight in self.encoder.parameters()),
            "prompt_length": self.config.prompt_length,
            "curve": curve,
        }

    def measured(self) -> dict[str, Any]:
        """Seconds, and tokens per second."""
        tokens = self.step * self.config.batch_size * self.encoder.config.max_length
        return {"seconds": self.seconds, "tokens_per_second": tokens / max(self.seconds, 1e-9)}


def _schedule(step: int, steps: int, warmup: float) -> float:
    rising = max(1.0, warmup * steps)
    return min((step + 1) / rising, (steps - step) / max(1.0, steps - rising), 1.0)
