"""Pretraining by masked or causal language modelling, planned to fit a budget of seconds or of tokens.

The number of steps follows from the config and the size of the data alone: a budget of seconds is spent at a stated
nominal speed, so the same seed gives the same encoder on a fast and on a slow day. The clock is only a guard.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from minent import artifacts
from minent.encoders.batches import check_rows, cut
from minent.encoders.distributed import Group, join
from minent.encoders.evaluation import evaluate, log_shares
from minent.encoders.hardware import autocast, device_of
from minent.encoders.packing import Windows
from minent.encoders.plan import PretrainConfig
from minent.encoders.pooling import SAMPLE, Pooling
from minent.encoders.pretrained import PretrainedEncoder
from minent.encoders.session import torch_session
from minent.encoders.skeleton import EOS_ID, EncoderConfig
from minent.encoders.training import Run
from minent.errors import InputError
from minent.runtime import Reporter, silent

WHOLE = ""  # the held-out part of all sources together
FEWEST_RUNS = 50
RUN = 32  # texts that are held out together: the neighbour of a text says much of it


def pretrain(
    ids: np.ndarray,
    starts: np.ndarray,
    encoder_config: EncoderConfig,
    pretrain_config: PretrainConfig | None = None,
    *,
    initial: np.ndarray | None = None,
    begin: PretrainedEncoder | None = None,
    piece_bytes: np.ndarray | None = None,
    sources: Mapping[str, int] | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    pause_after: float | None = None,
    progress: Reporter = silent,
) -> PretrainedEncoder:
    """Train an encoder to fill in hidden tokens of the given texts, or to say the next one if it is causal.

    Ctrl-C, or the clock at 1.5 times the budget, ends training early and keeps what was learnt; `facts["stopped"]`
    then says so. The result depends on the seed, not on the number of threads. Under `torchrun` the processes share
    every batch, step together, and all return the same encoder; two of them step exactly as one does.

    Args:
        ids: Token ids of all texts end to end, each in `[0, vocab_size)`; an array that is mapped from a file is read
            a little at a time.
        starts: Where each text starts, then `len(ids)`.
        encoder_config: The shape.
        pretrain_config: How long and how to train; None for the defaults.
        initial: Word vectors, float `(vocab_size, dim)`, that the embedding starts from, rescaled to a standard
            deviation of 0.02. The start matters more than anything else at this size.
        begin: An encoder of the same shape to go on from, on other texts: its weights and its output are kept as the
            start, in place of `initial`.
        piece_bytes: Bytes of each id, `(vocab_size,)`: losses are then reported in bits per byte, else per token.
        sources: How many of the texts come from where, in their order. Then the held-out texts are runs of neighbours
            of every source, and `facts["sources"]` has a loss for each.
        checkpoint: A folder that takes the state of training every `checkpoint_seconds`, at Ctrl-C and at the end.
        resume: Go on from `checkpoint` where it holds one, to exactly the result of a run that was never stopped.
        pause_after: Seconds after which this call ends at the next step, its state in `checkpoint`.
        progress: Called with the step, its loss, and the speed in tokens per second.

    Returns:
        The encoder, with its held-out loss in `facts`.

    Raises:
        InputError: No tokens, ids outside the vocabulary, arrays of another shape, sources of another number of texts,
            or a checkpoint of another run.
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
    ids, starts = check_rows(ids, starts, encoder_config.vocab_size, as_they_are=True)
    _check(ids, encoder_config, config, initial, piece_bytes)
    _check_sources(sources, len(starts) - 1)
    _check_begin(begin, encoder_config, initial)
    inputs = {"texts": artifacts.digest_arrays(ids, starts)}
    if initial is not None:
        inputs["initial"] = artifacts.digest_arrays(initial)
    if begin is not None:
        inputs["begin"] = begin.digest
    train, held = held_out(starts, sources, encoder_config, config)
    unigram = unigram_of_windows(ids, train, encoder_config.vocab_size, ends=encoder_config.causal)
    folder = Path(checkpoint) if checkpoint is not None else None
    device = device_of(config.device)
    autocast(config.precision, device)  # refuses what the device has not, before any work
    group = join(device)
    _check_group(group, config)
    with torch_session(config.seed) as parallel:
        known = None if begin is None else begin.encoder
        run = Run.start(unigram, encoder_config, config, train.tokens, initial, inputs, group, piece_bytes, known)
        if resume and folder is not None and folder.is_dir():
            run.restore(folder)
        run.train(ids, train, folder, parallel, progress, pause_after)
        encoder = run.result()
    facts = run.facts() | {"texts": len(starts) - 1, "train_tokens": train.tokens}
    found = {
        name: evaluate(encoder, *part.take(ids), unigram, piece_bytes, config.seed, config.separate_documents)
        for name, part in held.items()
    }
    facts["held_out"] = found.pop(WHOLE)
    if sources is not None:
        facts["sources"] = found
    pooling = Pooling.fit(encoder, *_sample(train, config.seed).take(ids), np.exp(unigram))
    return PretrainedEncoder(encoder, pooling, config, facts, run.measured(), inputs)


def held_out(
    starts: np.ndarray, sources: Mapping[str, int] | None, encoder: EncoderConfig, config: PretrainConfig
) -> tuple[Windows, dict[str, Windows]]:
    """Cut texts into windows that a row can hold behind its prompt, and keep a share of them from training.

    Args:
        starts: Where each text starts, then the number of ids.
        sources: How many of the texts come from where; then runs of up to `RUN` texts are kept, else single windows.
        encoder: The shape.
        config: The share and the seed.

    Returns:
        The windows to train on, and those kept, by source and together (under `WHOLE`).

    Example:
        >>> shape, plan = EncoderConfig(vocab_size=9), PretrainConfig(held_out=0.5)
        >>> train, kept = held_out(np.arange(0, 2001, 10), {"en": 120, "zh": 80}, shape, plan)
        >>> len(train), {name: len(windows) for name, windows in kept.items()}
        (100, {'': 100, 'en': 60, 'zh': 40})
    """
    cuts, owners = cut(starts, max(1, encoder.max_length - config.prompt_length - 2))
    windows, rng = Windows(cuts[:-1], np.diff(cuts)), np.random.default_rng([config.seed, 1])
    counts = {WHOLE: len(starts) - 1} if sources is None else dict(sources)
    source = np.repeat(np.arange(len(counts)), list(counts.values()))[owners]
    runs = np.arange(len(windows)) if sources is None else _runs(owners, source, np.array(list(counts.values())))
    held = np.zeros(len(windows), dtype=bool)
    for number in range(len(counts)):
        inside = source == number
        own = np.unique(runs[inside])
        chosen = rng.permutation(len(own))[: min(round(config.held_out * len(own)), len(own) - 1)]  # one is left
        held |= np.isin(runs, own[chosen]) & inside
    kept = {name: windows[held & (source == number)] for number, name in enumerate(counts)}
    mixed = np.flatnonzero(held)
    if sources is not None:  # all sources have their share of the first tokens, which alone are read
        mixed = mixed[rng.permutation(len(mixed))]
    return windows[~held], {WHOLE: windows[mixed]} | {name: part for name, part in kept.items() if name != WHOLE}


def _runs(owners: np.ndarray, source: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """A number for each run of neighbouring texts of one source; a source of few texts has shorter runs."""
    first = np.searchsorted(source, source)  # the first window of the same source
    length = np.clip(texts // FEWEST_RUNS, 1, RUN)[source]
    return owners[first] + (owners - owners[first]) // length * length


def unigram_of_windows(ids: np.ndarray, windows: Windows, vocab_size: int, *, ends: bool = False) -> np.ndarray:
    """Log-probabilities of single ids in some windows, each seen once more than it was.

    Args:
        ids: The ids that the windows are of.
        windows: The texts.
        vocab_size: Number of ids.
        ends: Count the end token of each window: a causal encoder is asked for it, another one never.
    """
    counts = np.zeros(vocab_size)
    counts[EOS_ID] = ends * len(windows)
    for part in windows.blocks():
        counts += np.bincount(part.take(ids)[0], minlength=vocab_size)
    return log_shares(counts)


def _sample(windows: Windows, seed: int) -> Windows:
    return windows[np.random.default_rng([seed, 4]).permutation(len(windows))[:SAMPLE]]


def _check_sources(sources: Mapping[str, int] | None, texts: int) -> None:
    if sources is None:
        return
    if WHOLE in sources or min(sources.values(), default=0) < 1 or sum(sources.values()) != texts:
        raise InputError(
            f"sources is {dict(sources)}, and there are {texts} texts; it takes a number of texts for each name, in "
            f"their order, which together are all of them."
        )


def _check_begin(begin: PretrainedEncoder | None, shape: EncoderConfig, initial: np.ndarray | None) -> None:
    if begin is None:
        return
    if initial is not None:
        raise InputError("initial and begin are both given; an encoder to go on from has its own vectors. Give one.")
    if begin.config != shape:
        raise InputError(
            f"begin is an encoder of shape {begin.config}, but encoder_config is {shape}. Give begin.config."
        )


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
