"""Pretraining by masked language modelling, planned to fit a budget of seconds.

The number of steps follows from the config and the size of the data alone: the budget is spent at a stated nominal
speed, so the same seed gives the same encoder on a fast and on a slow day. The clock is only a guard.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from minent import artifacts
from minent.encoders import masking
from minent.encoders.batches import check_rows, cut
from minent.encoders.pooling import Pooling
from minent.encoders.pretrained import PretrainedEncoder, load_weights, weights_of
from minent.encoders.session import torch_session
from minent.encoders.skeleton import EMBEDDING_STD, PAD_ID, Encoder, EncoderConfig
from minent.errors import InputError
from minent.runtime import Progress, Reporter, silent

NOMINAL_FLOPS = 40e9  # what two ordinary cores sustain on these shapes, with room to spare
GUARD = 1.5  # the clock stops training at this multiple of the budget
EVALUATION_RATE, EVALUATION_TOKENS = 0.15, 65_536
CURVE_POINTS = 50
CHECKPOINT = "encoder-checkpoint"
STAGE = "pretrain the encoder"


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """How long and how to pretrain.

    Args:
        budget_seconds: Time to plan for, at the nominal speed of two ordinary cores.
        steps: Number of steps; None plans them from the budget and `max_passes`.
        max_passes: The most passes over the texts that a plan makes; a small corpus needs less than the budget.
        batch_size: Rows of `max_length` tokens in a step.
        learning_rate: At the end of the warm-up; falls linearly to zero.
        warmup: Share of the steps in which the learning rate rises.
        weight_decay: Of matrices; vectors have none.
        mask_rate: Share of tokens hidden at the first step.
        final_mask_rate: Share of tokens hidden at the last step.
        prompt_share: Share of the texts that begin with the prompt.
        prompt_length: Slots around the mask token of that prompt, half before and half after; at most `prompt_slots`.
        held_out: Share of the texts kept for the held-out loss.
        checkpoint_seconds: Time between two checkpoints.
        seed: Of every draw.

    Raises:
        InputError: A number outside its range.

    Example:
        >>> PretrainConfig(budget_seconds=0)
        Traceback (most recent call last):
            ...
        minent.errors.InputError: budget_seconds is 0; it takes a number above 0.
    """

    budget_seconds: float = 120.0
    steps: int | None = None
    max_passes: float = 12.0
    batch_size: int = 8
    learning_rate: float = 4e-3
    warmup: float = 0.05
    weight_decay: float = 0.05
    mask_rate: float = 0.30
    final_mask_rate: float = 0.15
    prompt_share: float = 0.3
    prompt_length: int = 8
    held_out: float = 0.03
    checkpoint_seconds: float = 60.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("budget_seconds", "max_passes", "learning_rate", "mask_rate", "final_mask_rate"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} is {getattr(self, name)}; it takes a number above 0.")
        for name in ("mask_rate", "final_mask_rate", "warmup", "prompt_share", "held_out"):
            if not 0 <= getattr(self, name) <= 0.9:
                raise InputError(f"{name} is {getattr(self, name)}; it takes a share from 0 to 0.9.")
        for name in ("batch_size", "steps"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; it takes a whole number of 1 or more.")
        for name in ("weight_decay", "prompt_length", "checkpoint_seconds", "seed"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} is {getattr(self, name)}; it takes a number of 0 or more.")


def planned_steps(encoder: EncoderConfig, config: PretrainConfig, tokens: int) -> int:
    """Return how many steps fit the budget, from a model of the work and nothing measured.

    A token costs three passes (one forward, two backward) through the blocks, and the tied output for those tokens that
    are hidden.

    Args:
        encoder: The shape.
        config: `steps`, or `budget_seconds` and `max_passes`.
        tokens: Tokens of text to train on.

    Example:
        >>> planned_steps(EncoderConfig(vocab_size=8000), PretrainConfig(budget_seconds=120), tokens=10**6)
        1035
    """
    if config.steps is not None:
        return config.steps
    output = (config.mask_rate + config.final_mask_rate) / 2 * encoder.vocab_size * encoder.dim
    flops = 3 * 2 * (encoder.macs_per_token() + output)
    step_tokens = config.batch_size * encoder.max_length
    affordable = config.budget_seconds * NOMINAL_FLOPS / (flops * step_tokens)
    return max(1, round(min(affordable, config.max_passes * tokens / step_tokens)))


def pretrain(
    ids: np.ndarray,
    starts: np.ndarray,
    encoder_config: EncoderConfig,
    pretrain_config: PretrainConfig | None = None,
    *,
    initial: np.ndarray | None = None,
    piece_bytes: np.ndarray | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    progress: Reporter = silent,
) -> PretrainedEncoder:
    """Train an encoder to fill in hidden tokens of the given texts.

    Ctrl-C, or the clock at 1.5 times the budget, ends training early and keeps what was learnt; `facts["stopped"]`
    then says so. The result depends on the seed and, in its last bits, on the number of threads.

    Args:
        ids: Token ids of all texts end to end, each in `[0, vocab_size)`.
        starts: Where each text starts, then `len(ids)`.
        encoder_config: The shape.
        pretrain_config: How long and how to train; None for the defaults.
        initial: Word vectors, float `(vocab_size, dim)`, that the embedding starts from, rescaled to a standard
            deviation of 0.02. The start matters more than anything else at this size.
        piece_bytes: Bytes of each id, `(vocab_size,)`: the loss is then reported in bits per byte, else per token.
        checkpoint: A folder that takes the state of training every `checkpoint_seconds`, at Ctrl-C and at the end.
        resume: Go on from `checkpoint` where it holds one, to exactly the result of a run that was never stopped.
        progress: Called with the step and the loss.

    Returns:
        The encoder, with its held-out loss in `facts`.

    Raises:
        InputError: No tokens, ids outside the vocabulary, arrays of another shape, or a checkpoint of another run.
        ArtifactError: The checkpoint cannot be written or read.

    Source:
        Devlin et al. (2018), arXiv 1810.04805; Geiping & Goldstein (2022), arXiv 2212.14034 (a budget of time).

    Example:
        >>> ids, starts = np.tile(np.array([3, 4, 5, 6], dtype=np.int32), 50), np.arange(0, 201, 20)
        >>> shape = EncoderConfig(vocab_size=7, dim=16, layers=1, max_length=32)
        >>> trained = pretrain(ids, starts, shape, PretrainConfig(steps=2, batch_size=2))
        >>> trained.facts["steps"], trained.embed(ids, starts).shape
        (2, (10, 16))
    """
    config = pretrain_config or PretrainConfig()
    ids, starts = check_rows(ids, starts, encoder_config.vocab_size)
    _check(ids, encoder_config, config, initial, piece_bytes)
    inputs = {"texts": artifacts.digest_arrays(ids, starts)}
    if initial is not None:
        inputs["initial"] = artifacts.digest_arrays(initial)
    train, held = _split(starts, encoder_config, config)
    text, held_text = train.take(ids), held.take(ids)
    unigram = _unigram(text[0], encoder_config.vocab_size)
    folder = Path(checkpoint) if checkpoint is not None else None
    with torch_session(config.seed):
        run = _Run.start(unigram, encoder_config, config, len(text[0]), initial, inputs)
        if resume and folder is not None and folder.is_dir():
            run.restore(folder)
        run.train(text, folder, progress)
        facts = run.facts() | {"texts": len(starts) - 1, "train_tokens": len(text[0])}
        facts["held_out"] = evaluate(run.encoder.eval(), *held_text, unigram, piece_bytes, config.seed)
        pooling = Pooling.fit(run.encoder, *text, np.exp(unigram), config.seed)
    return PretrainedEncoder(run.encoder, pooling, config, facts, run.measured(), inputs)


# --- the data ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Windows:
    """Some windows of the texts: none is longer than a row can hold behind its prompt."""

    begins: np.ndarray
    lengths: np.ndarray

    def take(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The ids of these windows end to end, and their starts."""
        starts = np.concatenate([[0], np.cumsum(self.lengths)])
        shift = np.repeat(self.begins - starts[:-1], self.lengths)
        return ids[np.arange(starts[-1]) + shift], starts


def _split(starts: np.ndarray, encoder: EncoderConfig, config: PretrainConfig) -> tuple[_Windows, _Windows]:
    room = max(1, encoder.max_length - config.prompt_length - 2)
    windows, _ = cut(starts, room)
    lengths, order = np.diff(windows), np.random.default_rng([config.seed, 1]).permutation(len(windows) - 1)
    held = np.zeros(len(lengths), dtype=bool)
    held[order[: round(config.held_out * len(lengths))]] = True
    return tuple(_Windows(windows[:-1][chosen], lengths[chosen]) for chosen in (~held, held))  # type: ignore[return-value]


def _check(
    ids: np.ndarray,
    encoder: EncoderConfig,
    config: PretrainConfig,
    initial: np.ndarray | None,
    piece_bytes: np.ndarray | None,
) -> None:
    if not ids.size:
        raise InputError("ids are empty; pretraining needs some text. Is the file empty?")
    if config.prompt_length > encoder.prompt_slots or config.prompt_length + 3 > encoder.max_length:
        raise InputError(
            f"prompt_length is {config.prompt_length}, but the encoder has {encoder.prompt_slots} prompt_slots and "
            f"rows of {encoder.max_length} tokens. Give it more, or a shorter prompt."
        )
    if initial is not None and (initial.shape != (encoder.vocab_size, encoder.dim) or not np.isfinite(initial).all()):
        raise InputError(
            f"initial has shape {initial.shape}; finite vectors of shape (vocab_size, dim) = "
            f"({encoder.vocab_size}, {encoder.dim}) are needed. Were the vectors trained with this dim?"
        )
    if piece_bytes is not None and np.shape(piece_bytes) != (encoder.vocab_size,):
        raise InputError(
            f"piece_bytes has shape {np.shape(piece_bytes)}; one count for each of {encoder.vocab_size} ids."
        )


# --- one run ----------------------------------------------------------------------------------------------------------


@dataclass
class _Run:
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
    ) -> _Run:
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

    def train(self, text: tuple[np.ndarray, np.ndarray], checkpoint: Path | None, progress: Reporter) -> None:
        """Go on from the present step to the last one, to Ctrl-C, or to the end of the clock."""
        shape, config = self.encoder.config, self.config
        rows = masking.rows_of(*text, shape, slots=config.prompt_length, share=config.prompt_share, seed=config.seed)
        batches = islice(masking.batches_of(rows, config.batch_size), self.step, self.steps)
        started = saved = time.monotonic()
        before = self.seconds
        self.encoder.train()
        try:
            for batch in batches:
                loss = self.update(*batch)
                self.seconds = before + time.monotonic() - started
                if checkpoint is not None and time.monotonic() - saved >= config.checkpoint_seconds:
                    self.save(checkpoint)
                    saved = time.monotonic()
                progress(Progress(STAGE, self.step, self.steps, "steps", f"loss {loss:.2f}"))
                if config.steps is None and self.seconds > GUARD * config.budget_seconds and self.step < self.steps:
                    self.stopped = f"stopped by the clock after {self.step} of {self.steps} steps"
                    break
        except KeyboardInterrupt:
            self.stopped = f"stopped by the user after {self.step} of {self.steps} steps"
        self.optimiser.zero_grad()
        if checkpoint is not None:
            self.save(checkpoint)

    def update(self, ids: np.ndarray, required: np.ndarray) -> float:
        """Make one step; every draw of it follows from the seed and the number of the step."""
        config, done = self.config, self.step / self.steps
        rate = config.mask_rate + (config.final_mask_rate - config.mask_rate) * done
        rng = np.random.default_rng([config.seed, 2, self.step])
        torch.manual_seed(int(rng.integers(2**62)))  # for dropout
        batch = masking.hide(ids, required, self.encoder.config, rate, rng)
        for group in self.optimiser.param_groups:
            group["lr"] = config.learning_rate * _schedule(self.step, self.steps, config.warmup)
        self.optimiser.zero_grad()
        loss = masked_losses(self.encoder, batch).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.encoder.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        self.losses.append(float(loss.detach()))
        return self.losses[-1]

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


def masked_losses(encoder: Encoder, batch: masking.Masked) -> Tensor:
    """The cross-entropy of each hidden token, in nats; the output is computed where it is needed only."""
    hidden = encoder(torch.from_numpy(batch.inputs), torch.from_numpy(batch.mask))
    logits = encoder.logits(hidden.flatten(0, 1)[torch.from_numpy(batch.places)])
    return F.cross_entropy(logits, torch.from_numpy(batch.targets), reduction="none")


def _schedule(step: int, steps: int, warmup: float) -> float:
    rising = max(1.0, warmup * steps)
    return min((step + 1) / rising, (steps - step) / max(1.0, steps - rising), 1.0)


def _unigram(ids: np.ndarray, vocab_size: int) -> np.ndarray:
    """Log-probabilities of single ids, each seen once more than it was."""
    counts = np.bincount(ids, minlength=vocab_size) + 1.0
    return np.log(counts / counts.sum()).astype(np.float32)


# --- evaluation -------------------------------------------------------------------------------------------------------


def evaluate(
    encoder: Encoder,
    held_ids: np.ndarray,
    held_starts: np.ndarray,
    unigram: np.ndarray,
    piece_bytes: np.ndarray | None,
    seed: int,
) -> dict[str, Any] | None:
    """Return the loss at 15 % hidden tokens on texts that training never saw, next to the unigram model's.

    Args:
        encoder: The encoder.
        held_ids: Token ids of the held-out texts end to end.
        held_starts: Where each of them starts, then `len(held_ids)`.
        unigram: Log-probability of each id by itself, the baseline.
        piece_bytes: Bytes of each id, or None.
        seed: Of the choice of hidden tokens.

    Returns:
        `unit`, `loss`, `unigram` and `tokens` (hidden ones), or None where no token was held out.
    """
    config = encoder.config
    if not held_ids.size:
        return None
    rng = np.random.default_rng([seed, 3])
    stream, _ = masking.pack(
        held_ids, held_starts, np.arange(len(held_starts) - 1), masking.prompt_ids(config, 0), 0.0, rng
    )
    rows = masking.fold(stream[:EVALUATION_TOKENS], config.max_length, PAD_ID)
    free = np.full_like(rows, masking.FREE)
    losses, targets = [], []
    with torch.inference_mode():
        for begin in range(0, len(rows), 64):
            batch = masking.hide(rows[begin : begin + 64], free[begin : begin + 64], config, EVALUATION_RATE, rng)
            losses.append(masked_losses(encoder, batch).numpy().astype(np.float64))
            targets.append(batch.targets)
    hidden = np.concatenate(targets)
    if not hidden.size:
        return None
    counted = hidden.size if piece_bytes is None else max(1, int(np.asarray(piece_bytes)[hidden].sum()))
    return {
        "unit": "bits per token" if piece_bytes is None else "bits per byte",
        "loss": float(np.concatenate(losses).sum() / (np.log(2) * counted)),
        "unigram": float(-unigram[hidden].sum(dtype=np.float64) / (np.log(2) * counted)),
        "tokens": int(hidden.size),
    }
