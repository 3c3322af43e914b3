"""How long to pretrain: the config, and the number of steps that follows from it and from nothing measured."""

from __future__ import annotations

from dataclasses import dataclass

from minent.encoders.skeleton import EncoderConfig
from minent.errors import InputError

NOMINAL_FLOPS = 40e9  # what two ordinary cores sustain on these shapes, with some room to spare


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
