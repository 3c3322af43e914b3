"""One run of pretraining: its state, its steps, its checkpoints."""

from __future__ import annotations

import copy
import time
from collections.abc import Generator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from minent import artifacts
from minent.encoders import masking, packing
from minent.encoders.distributed import Group
from minent.encoders.evaluation import masked_losses
from minent.encoders.hardware import autocast, device_of
from minent.encoders.mixers import MIXERS
from minent.encoders.plan import PretrainConfig, planned_steps
from minent.encoders.prefetch import prefetch
from minent.encoders.pretrained import load_weights, weights_of
from minent.encoders.session import SHARDS, Map, backward
from minent.encoders.skeleton import EMBEDDING_STD, Encoder, EncoderConfig
from minent.errors import InputError
from minent.runtime import Progress, Reporter

Task = tuple[masking.Masked, int]  # a batch, and the seed of the draws that torch makes for it
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
    sizes: list[float] = field(default_factory=list)
    seconds: float = 0.0
    stopped: str = ""
    torn: bool = False  # some of a step is made, not all of it: such a state must not be saved

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
        begin: Encoder | None = None,
    ) -> Run:
        """The state before the first step."""
        encoder = Encoder(encoder_config)
        with torch.no_grad():
            if initial is not None:
                vectors = torch.from_numpy(np.array(initial, dtype=np.float32))
                encoder.embedding.weight[: len(vectors)] = vectors * (EMBEDDING_STD / vectors.std().clamp_min(1e-12))
            encoder.output_bias.copy_(torch.from_numpy(unigram))
        if begin is not None:
            encoder.load_state_dict(begin.state_dict())
        encoder.to(device_of(config.device))
        encoder.recompute = config.recompute
        weights = list(encoder.parameters())
        groups = [
            {"params": [weight for weight in weights if weight.ndim > 1], "weight_decay": config.weight_decay},
            {"params": [weight for weight in weights if weight.ndim <= 1], "weight_decay": 0.0},
        ]
        optimiser = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), fused=True)
        average = copy.deepcopy(encoder).requires_grad_(False) if config.ema_decay else None
        if config.compile:
            for block in encoder.blocks:
                block.compile()
        steps = planned_steps(encoder_config, config, tokens)
        return cls(encoder, optimiser, config, steps, inputs, group or Group(), piece_bytes, average)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.encoder.embedding.weight.device

    def train(
        self,
        ids: np.ndarray,
        windows: packing.Windows,
        checkpoint: Path | None,
        parallel: Map,
        progress: Reporter,
        pause_after: float | None = None,
    ) -> None:
        """Go on from the present step to the last one, to Ctrl-C, to a pause, or to the end of the clock."""
        config = self.config
        tasks = self.tasks(ids, windows)
        if self.device.type != "cpu":
            tasks = prefetch(tasks)
        checkpoint = checkpoint if self.group.rank == 0 else None
        started = saved = time.monotonic()
        before, first = self.seconds, self.step
        guarded = config.steps is None and config.budget_tokens is None
        guard = GUARD * config.budget_seconds if guarded else None
        self.encoder.train()
        try:
            for task in tasks:
                bits = self.update(task, parallel)
                seconds = time.monotonic() - started
                self.seconds = before + seconds
                if checkpoint is not None and time.monotonic() - saved >= config.checkpoint_seconds:
                    self.save(checkpoint)
                    saved = time.monotonic()
                if self.group.rank == 0:
                    rate = (self.step - first) * task[0].inputs.size / max(seconds, 1e-9)
                    note = f"{bits:.2f} bits per {self.unit}, {rate:,.0f} tokens/s"
                    progress(Progress(STAGE, self.step, self.steps, "steps", note))
                if self.step < self.steps and self._over(seconds, pause_after):
                    self.stopped = f"paused after {self.step} of {self.steps} steps"
                    break
                if self.step < self.steps and self._over(seconds, guard):
                    self.stopped = f"stopped by the clock after {self.step} of {self.steps} steps"
                    break
        except KeyboardInterrupt:
            self.stopped = f"stopped by the user after {self.step} of {self.steps} steps"
        finally:
            tasks.close()
        self.optimiser.zero_grad()
        if checkpoint is not None and not self.torn:
            self.save(checkpoint)

    def _over(self, seconds: float, limit: float | None) -> bool:
        """Whether a limit of time is reached, in any process: all of them stop at the same step."""
        if limit is None:
            return False
        return self.group.any(seconds > limit, self.device) if self.group.size > 1 else seconds > limit

    def tasks(self, ids: np.ndarray, windows: packing.Windows) -> Generator[Task, None, None]:
        """The batches from the present step to the last one; every draw follows from the seed and the step."""
        config, shape = self.config, self.encoder.config
        prompted = 0.0 if shape.causal else config.prompt_share  # its mask token would ask for what no causal one says
        rows = packing.rows_of(
            ids,
            windows,
            shape,
            slots=config.prompt_length,
            share=prompted,
            seed=config.seed,
            first_row=self.step * config.batch_size,
        )
        for step, (packed, required, documents) in zip(
            range(self.step, self.steps), packing.batches_of(rows, config.batch_size)
        ):
            rng = np.random.default_rng([config.seed, 2, step])
            draws = int(rng.integers(2**62))
            segments = documents if config.separate_documents else None
            if shape.causal:
                yield masking.follow(packed, segments), draws
            else:
                rate = config.mask_rate + (config.final_mask_rate - config.mask_rate) * step / self.steps
                yield masking.hide(packed, required, shape, rate, rng, config.longest_span, segments), draws

    @property
    def unit(self) -> str:
        """What the loss is counted by."""
        return "token" if self.piece_bytes is None else "byte"

    def update(self, task: Task, parallel: Map) -> float:
        """Make one step and return its loss in bits per unit."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.learning_rate * _schedule(self.step, self.steps, self.config.warmup)
        self.torn = MIXERS[self.encoder.config.mixer].keeps_statistics  # they move while the gradient is computed
        loss = self.differentiate(*task, parallel)
        size = 1.0 if self.piece_bytes is None else float(np.mean(self.piece_bytes[task[0].targets])) if loss else 1.0
        torch.nn.utils.clip_grad_norm_(self.encoder.parameters(), 1.0)
        self.torn = True
        self.optimiser.step()
        self.step += 1
        self.losses.append(loss)
        self.sizes.append(size)
        self.follow_average()
        self.torn = False
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
        whole = self.device.type != "cpu" or SHARDS % self.group.size  # a GPU takes all of its share at once
        shards = self.group.size if whole else SHARDS
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
        torch._foreach_lerp_(list(self.average.parameters()), list(self.encoder.parameters()), rate)
        for kept, value in zip(self.average.buffers(), self.encoder.buffers()):
            kept.copy_(value)

    def result(self) -> Encoder:
        """The encoder that was learnt, in evaluation mode, in the memory of the processor, nothing in it compiled."""
        learnt = Encoder(self.encoder.config)
        learnt.load_state_dict((self.average or self.encoder).state_dict())
        return learnt.eval()

    def save(self, folder: Path) -> None:
        """Write a checkpoint: weights, their average, both moments of the optimiser, the step and the losses so far."""
        config = {"encoder": self.encoder.config, "pretrain": self.config}
        with artifacts.writing(folder, kind=CHECKPOINT, format=2, config=config, overwrite=True) as draft:
            artifacts.save_arrays(draft.path / "weights.safetensors", weights_of(self.encoder))
            artifacts.save_arrays(draft.path / "optimiser.safetensors", self.moments())
            if self.average is not None:
                artifacts.save_arrays(draft.path / "average.safetensors", weights_of(self.average))
            history = {"losses": np.array(self.losses), "sizes": np.array(self.sizes)}
            artifacts.save_arrays(draft.path / "history.safetensors", history)
            draft.facts.update(step=self.step)
            draft.measured.update(seconds=self.seconds)
            draft.inputs.update(self.inputs)

    def restore(self, folder: Path) -> None:
        """Take over the state of a checkpoint of this very run."""
        manifest = artifacts.read_manifest(folder, kind=CHECKPOINT, format=2)
        ours = artifacts.plain({"encoder": self.encoder.config, "pretrain": asdict(self.config)})
        if manifest.config != ours or manifest.inputs != self.inputs:
            cause = "other texts or vectors" if manifest.config == ours else "another config"
            raise InputError(f"{folder}: was made from {cause}. Resume with the same ones, or remove the folder.")

        def arrays(name: str) -> dict[str, np.ndarray]:
            return artifacts.load_arrays(manifest.file(folder, f"{name}.safetensors"))

        with artifacts.understood(folder):
            load_weights(self.encoder, arrays("weights"))
            if self.average is not None:
                load_weights(self.average, arrays("average"))
            self.load_moments(arrays("optimiser"))
            history = arrays("history")
            self.step = manifest.facts["step"]
            artifacts.check_shapes(history, {"losses": "f steps", "sizes": "f steps"}, steps=self.step)
            self.losses, self.sizes = history["losses"].tolist(), history["sizes"].tolist()
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
        weights = [weight for group in self.optimiser.param_groups for weight in group["params"]]
        for name, array in arrays.items():
            index, _, key = name.partition(".")
            if key != "step" and array.shape != tuple(weights[int(index)].shape):
                raise ValueError(f"{name} has shape {array.shape}, its weight {tuple(weights[int(index)].shape)}")
            state.setdefault(int(index), {})[key] = torch.from_numpy(array)
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": state})

    def facts(self) -> dict[str, Any]:
        """What a report may draw of this run."""
        width = max(1, -(-len(self.losses) // CURVE_POINTS))
        bits = np.array(self.losses) / (np.log(2) * np.maximum(self.sizes, 1e-9))
        curve = [
            {
                "step": begin + len(part),
                "loss": round(float(np.mean(part)), 4),
                "bits": round(float(np.mean(bits[begin : begin + len(part)])), 4),
            }
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
        """Seconds, tokens per second, where; and what a GPU's memory had to hold."""
        tokens = self.step * self.config.batch_size * self.encoder.config.max_length
        found = {"seconds": self.seconds, "tokens_per_second": tokens / max(self.seconds, 1e-9), "device": "cpu"}
        if self.device.type == "cuda":
            found["device"] = torch.cuda.get_device_name(self.device)
            found["peak_bytes"] = torch.cuda.max_memory_allocated(self.device)
        return found


def _schedule(step: int, steps: int, warmup: float) -> float:
    rising = max(1.0, warmup * steps)
    return min((step + 1) / rising, (steps - step) / max(1.0, steps - rising), 1.0)
