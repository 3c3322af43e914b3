"""How long to pretrain: the config, and the number of steps that follows from it and from nothing measured."""

from __future__ import annotations

from dataclasses import dataclass

from minent.encoders.hardware import DEVICES, PRECISIONS
from minent.encoders.skeleton import EncoderConfig
from minent.errors import InputError, did_you_mean, listing, number, whole

NOMINAL_FLOPS = 40e9  # what two ordinary cores sustain on these shapes, with some room to spare


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """How long and how to pretrain.

    Args:
        budget_seconds: Time to plan for, at the nominal speed of two ordinary cores.
        budget_tokens: Tokens to read in place of a time; the last step may go past it.
        steps: Number of steps; None plans them from a budget and `max_passes`.
        max_passes: The most passes over the texts that a plan makes; a small corpus needs less than the budget.
        batch_size: Rows of `max_length` tokens in a step.
        learning_rate: At the end of the warm-up; falls linearly to zero.
        warmup: Share of the steps in which the learning rate rises.
        weight_decay: Of matrices; vectors have none.
        mask_rate: Share of tokens hidden at the first step.
        final_mask_rate: Share of tokens hidden at the last step.
        longest_span: Hidden tokens stand in spans of 1 to this many.
        prompt_share: Share of the texts that begin with the prompt.
        prompt_length: Slots around the mask token of that prompt, half before and half after; at most `prompt_slots`.
        held_out: Share of the texts kept for the held-out loss.
        ema_decay: The result is an exponential moving average of the weights that forgets at this rate; 0 for none.
        separate_documents: Texts that are packed into one row do not see each other; else they do, as neighbours.
        precision: Of the forward pass: "float32", "bfloat16" where the device has it, or "auto" for either.
        device: "cpu", "cuda", or "auto" for a GPU where there is one.
        recompute: Compute each block again for its gradient: less memory for a third more time.
        compile: Let torch compile the blocks; pays on a GPU after a minute or so.
        checkpoint_seconds: Time between two checkpoints.
        seed: Of every draw.

    Raises:
        InputError: A number outside its range, an unknown name, or a GPU or bfloat16 that is not there.

    Example:
        >>> PretrainConfig(budget_seconds=0)
        Traceback (most recent call last):
            ...
        minent.errors.InputError: budget_seconds is 0; it takes a plain number above 0.
    """

    budget_seconds: float = 120.0
    budget_tokens: int | None = None
    steps: int | None = None
    max_passes: float = 12.0
    batch_size: int = 8
    learning_rate: float = 4e-3
    warmup: float = 0.05
    weight_decay: float = 0.05
    mask_rate: float = 0.30
    final_mask_rate: float = 0.15
    longest_span: int = 3
    prompt_share: float = 0.3
    prompt_length: int = 8
    held_out: float = 0.03
    ema_decay: float = 0.0
    separate_documents: bool = False
    precision: str = "float32"
    device: str = "auto"
    recompute: bool = False
    compile: bool = False
    checkpoint_seconds: float = 60.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("budget_seconds", "max_passes", "learning_rate", "mask_rate", "final_mask_rate"):
            number(name, getattr(self, name), 0, above=True)
        for name in ("mask_rate", "final_mask_rate", "warmup", "prompt_share", "held_out"):
            if number(name, getattr(self, name), 0) > 0.9:
                raise InputError(f"{name} is {getattr(self, name)}; it takes a share from 0 to 0.9.")
        for name in ("batch_size", "steps", "budget_tokens", "longest_span"):
            if getattr(self, name) is not None:
                whole(name, getattr(self, name), 1)
        for name in ("prompt_length", "seed"):
            whole(name, getattr(self, name), 0)
        for name in ("weight_decay", "checkpoint_seconds"):
            number(name, getattr(self, name), 0)
        if number("ema_decay", self.ema_decay, 0) >= 1:
            raise InputError(f"ema_decay is {self.ema_decay}; it takes a share from 0 to below 1, such as 0.99.")
        for name, known in (("precision", PRECISIONS), ("device", DEVICES)):
            if (given := getattr(self, name)) not in known:
                raise InputError(f"{name} is {given!r}; it takes one of {listing(known)}.{did_you_mean(given, known)}")


def planned_steps(encoder: EncoderConfig, config: PretrainConfig, tokens: int) -> int:
    """Return how many steps fit the budget, from a model of the work and nothing measured.

    A token costs three passes (one forward, two backward) through the blocks, and the tied output for those tokens that
    are to be said: the hidden ones, or all of them in a causal encoder.

    Args:
        encoder: The shape.
        config: `steps`, else `budget_tokens`, else `budget_seconds` and `max_passes`.
        tokens: Tokens of text to train on.

    Example:
        >>> planned_steps(EncoderConfig(vocab_size=8000), PretrainConfig(budget_seconds=120), tokens=10**6)
        1035
    """
    if config.steps is not None:
        return config.steps
    if config.budget_tokens is not None:
        return -(-config.budget_tokens // (config.batch_size * encoder.max_length))
    said = 1.0 if encoder.causal else (config.mask_rate + config.final_mask_rate) / 2
    output = said * encoder.vocab_size * encoder.dim
    flops = 3 * 2 * (encoder.macs_per_token() + output)
    step_tokens = config.batch_size * encoder.max_length
    affordable = config.budget_seconds * NOMINAL_FLOPS / (flops * step_tokens)
    return max(1, round(min(affordable, config.max_passes * tokens / step_tokens)))
