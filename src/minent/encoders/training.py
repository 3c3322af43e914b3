"""One run of pretraining: its state, its steps, its checkpoints."""

from __future__ import annotations

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
from minent.encoders.evaluation import masked_losses
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
    """The state of training: all that a checkpoint holds."""

    encoder: Encoder
    optimiser: torch.optim.AdamW
    config: PretrainConfig
    steps: int
    inputs: dict[str, str]
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
    ) -> Run:
        """The state before the first step."""
        encoder = Encoder(encoder_config)
        with torch.no_grad():
            if initial is not None:
                vectors = torch.from_numpy(np.array(initial, dtype=np.float32))
                encoder.embedding.weight[: len(vectors)] = vectors * (EMBEDDING_STD / vectors.std().clamp_min(1e-12))
            encoder.output_bias.copy_(torch.from_numpy(unigram))
        weights = list(encoder.parameters())
        groups = [
            {"params": [weight for weight in weights if weight.ndim > 1], "weight_decay": config.weight_decay},
            {"params": [weight for weight in weights if weight.ndim <= 1], "weight_decay": 0.0},
        ]
        optimiser = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), fused=True)
        return cls(encoder, optimiser, config, planned_steps(encoder_config, config, tokens), inputs)

    def train(
        self, text: tuple[np.ndarray, np.ndarray], checkpoint: Path | None, parallel: Map, progress: Reporter
    ) -> None:
        """Go on from the present step to the last one, to Ctrl-C, or to the end of the clock."""
        shape, config = self.encoder.config, self.config
        rows = masking.rows_of(*text, shape, slots=config.prompt_length, share=config.prompt_share, seed=config.seed)
        batches = islice(masking.batches_of(rows, config.batch_size), self.step, self.steps)
        started = saved = time.monotonic()
        before, whole = self.seconds, True
        self.encoder.train()
        try:
            for batch in batches:
                whole = False  # until the step is made: half of one must not be saved
                loss = self.update(*batch, parallel)
                whole = True
                seconds = time.monotonic() - started
                self.seconds = before + seconds
                if checkpoint is not None and time.monotonic() - saved >= config.checkpoint_seconds:
                    self.save(checkpoint)
                    saved = time.monotonic()
                progress(Progress(STAGE, self.step, self.steps, "steps", f"loss {loss:.2f}"))
                if config.steps is None and seconds > GUARD * config.budget_seconds and self.step < self.steps:
                    self.stopped = f"stopped by the clock after {self.step} of {self.steps} steps"
                    break
        except KeyboardInterrupt:
            self.stopped = f"stopped by the user after {self.step} of {self.steps} steps"
        self.optimiser.zero_grad()
        if checkpoint is not None and whole:
            self.save(checkpoint)

    def update(self, ids: np.ndarray, required: np.ndarray, parallel: Map) -> float:
        """Make one step; every draw of it follows from the seed and the number of the step."""
        config, done = self.config, self.step / self.steps
        rate = config.mask_rate + (config.final_mask_rate - config.mask_rate) * done
        rng = np.random.default_rng([config.seed, 2, self.step])
        torch.manual_seed(int(rng.integers(2**62)))  # for dropout
        batch = masking.hide(ids, required, self.encoder.config, rate, rng)
        for group in self.optimiser.param_groups:
            group["lr"] = config.learning_rate * _schedule(self.step, self.steps, config.warmup)

        def share(part: masking.Masked) -> Tensor:
            return masked_losses(self.encoder, part).sum() / max(1, len(batch.places))

        ordered = self.encoder.config.dropout or MIXERS[self.encoder.config.mixer].keeps_statistics
        in_turn = map if ordered else parallel  # torch has one generator, and statistics run from part to part
        loss = backward(in_turn, list(self.encoder.parameters()), share, batch.split(SHARDS))
        torch.nn.utils.clip_grad_norm_(self.encoder.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        self.losses.append(loss)
        return loss

    def save(self, folder: Path) -> None:
        """Write a checkpoint: weights, both moments of the optimiser, the step and the losses so far."""
        config = {"encoder": self.encoder.config, "pretrain": self.config}
        with artifacts.writing(folder, kind=CHECKPOINT, format=1, config=config, overwrite=True) as draft:
            artifacts.save_arrays(draft.path / "weights.safetensors", weights_of(self.encoder))
            artifacts.save_arrays(draft.path / "optimiser.safetensors", self.moments())
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
        self.load_moments(artifacts.load_arrays(folder / "optimiser.safetensors"))
        self.step, self.losses = manifest.facts["step"], manifest.facts["losses"]
        self.seconds = manifest.measured["seconds"]

    def moments(self) -> dict[str, np.ndarray]:
        """The state of the optimiser as arrays named by its order of weights."""
        state = self.optimiser.state_dict()["state"]
        return {f"{index}.{name}": value.numpy() for index, values in state.items() for name, value in values.items()}

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
