"""Pretraining by masked or causal language modelling, planned to fit a budget of seconds or of tokens.

The number of steps follows from the config and the size of the data alone: a budget of seconds is spent at a stated
nominal speed, so the same seed gives the same encoder on a fast and on a slow day. The clock is only a guard.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minent import artifacts
from minent.encoders.batches import check_rows, cut
from minent.encoders.distributed import Group, join
from minent.encoders.evaluation import evaluate, unigram_of
from minent.encoders.hardware import autocast, device_of
from minent.encoders.plan import PretrainConfig
from minent.encoders.pooling import Pooling
from minent.encoders.pretrained import PretrainedEncoder
from minent.encoders.session import torch_session
from minent.encoders.skeleton import EncoderConfig
from minent.encoders.training import Run
from minent.errors import InputError
from minent.runtime import Reporter, silent


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
    """Train an encoder to fill in hidden tokens of the given texts, or to say the next one if it is causal.

    Ctrl-C, or the clock at 1.5 times the budget, ends training early and keeps what was learnt; `facts["stopped"]`
    then says so. The result depends on the seed, not on the number of threads. Under `torchrun` the processes share
    every batch, step together, and all return the same encoder; two of them step exactly as one does.

    Args:
        ids: Token ids of all texts end to end, each in `[0, vocab_size)`.
        starts: Where each text starts, then `len(ids)`.
        encoder_config: The shape.
        pretrain_config: How long and how to train; None for the defaults.
        initial: Word vectors, float `(vocab_size, dim)`, that the embedding starts from, rescaled to a standard
            deviation of 0.02. The start matters more than anything else at this size.
        piece_bytes: Bytes of each id, `(vocab_size,)`: losses are then reported in bits per byte, else per token.
        checkpoint: A folder that takes the state of training every `checkpoint_seconds`, at Ctrl-C and at the end.
        resume: Go on from `checkpoint` where it holds one, to exactly the result of a run that was never stopped.
        progress: Called with the step, its loss, and the speed in tokens per second.

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
    unigram = unigram_of(text[0], encoder_config.vocab_size)
    folder = Path(checkpoint) if checkpoint is not None else None
    device = device_of(config.device)
    autocast(config.precision, device)  # refuses what the device has not, before any work
    group = join(device)
    _check_group(group, config)
    with torch_session(config.seed) as parallel:
        run = Run.start(unigram, encoder_config, config, len(text[0]), initial, inputs, group, piece_bytes)
        if resume and folder is not None and folder.is_dir():
            run.restore(folder)
        run.train(text, folder, parallel, progress)
    facts = run.facts() | {"texts": len(starts) - 1, "train_tokens": len(text[0])}
    encoder = run.result()
    facts["held_out"] = evaluate(encoder, *held_text, unigram, piece_bytes, config.seed)
    pooling = Pooling.fit(encoder, *text, np.exp(unigram), config.seed)
    return PretrainedEncoder(encoder, pooling, config, facts, run.measured(), inputs)


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
    held[order[: min(round(config.held_out * len(lengths)), len(lengths) - 1)]] = True  # one is left to train on
    train, kept = (_Windows(windows[:-1][chosen], lengths[chosen]) for chosen in (~held, held))
    return train, kept


def _check_group(group: Group, config: PretrainConfig) -> None:
    if group.size > config.batch_size:
        raise InputError(
            f"batch_size is {config.batch_size}, but {group.size} processes share each batch; every one needs a row."
        )


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
        cure = "Were the vectors trained with this dim?"
        if initial.shape[:1] != (encoder.vocab_size,):
            cure = "Train them on the ids of this tokenizer; vectors of words have rows of their own."
        raise InputError(
            f"initial has shape {initial.shape}; finite vectors of shape (vocab_size, dim) = "
            f"({encoder.vocab_size}, {encoder.dim}) are needed. {cure}"
        )
    if piece_bytes is not None and np.shape(piece_bytes) != (encoder.vocab_size,):
        raise InputError(
            f"piece_bytes has shape {np.shape(piece_bytes)}; one count for each of {encoder.vocab_size} ids."
        )
