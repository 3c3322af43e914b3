"""The language modelling tasks: texts packed into full rows, prompts in front of some; spans hidden, or the next token.

Every draw is a function of a seed and a number (the pass, the step), so training can go on from any step without a
stored generator.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from minent.encoders.skeleton import EOS_ID, PAD_ID, EncoderConfig

BLOCK_TEXTS = 8192  # packed at a time: bounds the memory of a large corpus
FREE = -1  # nothing is required at this place


@dataclass(frozen=True)
class Masked:
    """A batch of the task.

    Attributes:
        inputs: What the encoder sees, int64 `(rows, length)`.
        mask: True at a real token.
        places: Which of the flattened tokens are to be predicted.
        targets: Their ids.
    """

    inputs: np.ndarray
    mask: np.ndarray
    places: np.ndarray
    targets: np.ndarray

    def split(self, parts: int) -> list[Masked]:
        """The same batch as at most `parts` smaller ones, row by row."""
        row_of = self.places // self.inputs.shape[1]
        split = []
        for rows in np.array_split(np.arange(len(self.inputs)), min(parts, len(self.inputs))):
            inside = (row_of >= rows[0]) & (row_of <= rows[-1])
            places = self.places[inside] - rows[0] * self.inputs.shape[1]
            split.append(Masked(self.inputs[rows], self.mask[rows], places, self.targets[inside]))
        return split


def prompt_ids(config: EncoderConfig, slots: int) -> np.ndarray:
    """The prompt of pretraining: half of the slots, the mask token, the other half.

    Example:
        >>> prompt_ids(EncoderConfig(vocab_size=100, prompt_slots=4), slots=4)
        array([101, 102, 100, 103, 104], dtype=int32)
    """
    first = config.vocab_size + 1 + np.arange(slots)
    return np.concatenate([first[: slots // 2], [config.vocab_size], first[slots // 2 :]]).astype(np.int32)


def pack(
    ids: np.ndarray, starts: np.ndarray, order: np.ndarray, prompt: np.ndarray, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Join texts in the given order, each closed by eos and a share of them opened by the prompt.

    The mask token inside the prompt stands for one token of its text, drawn anew; that token is hidden too, so the
    prompt learns to say what its text is about, which is what P-tuning will ask of it.

    Args:
        ids: Token ids of all texts end to end.
        starts: Where each text starts, then `len(ids)`; no text is empty.
        order: The texts to take.
        prompt: Ids of the prompt, the mask token in the middle.
        share: The share of texts that get the prompt.
        rng: Where the draws come from.

    Returns:
        The stream of ids, and for each place the id that must be predicted there, or -1.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> prompt = np.array([11, 10, 12])
        >>> pack(np.array([7, 8, 9]), np.array([0, 1, 3]), np.array([1, 0]), prompt, 0.0, rng)[0].tolist()
        [8, 9, 2, 7, 2]
    """
    lengths = np.diff(starts)[order]
    prompted = rng.random(len(order)) < share
    ends = np.cumsum(lengths + 1 + prompted * len(prompt))
    begins = ends - lengths - 1  # where the text itself begins, behind its prompt
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    stream = np.full(ends[-1], EOS_ID, dtype=np.int32)
    stream[np.repeat(begins, lengths) + within] = ids[np.repeat(starts[:-1][order], lengths) + within]
    required = np.full(len(stream), FREE, dtype=np.int32)
    fronts = begins[prompted] - len(prompt)
    stream[fronts[:, None] + np.arange(len(prompt))] = prompt
    drawn = begins[prompted] + rng.integers(lengths[prompted])
    required[drawn] = stream[drawn]
    required[fronts + len(prompt) // 2] = stream[drawn]
    return stream, required


def rows_of(
    ids: np.ndarray, starts: np.ndarray, config: EncoderConfig, *, slots: int, share: float, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield packed rows without end: pass after pass over the texts, each in another order.

    Yields:
        ids and required ids, int32 `(rows, max_length)`, a block of texts at a time. The last row of a block is padded.
    """
    prompt, epoch = prompt_ids(config, slots), 0
    while True:
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(len(starts) - 1)
        for first in range(0, len(order), BLOCK_TEXTS):
            stream, required = pack(ids, starts, order[first : first + BLOCK_TEXTS], prompt, share, rng)
            yield fold(stream, config.max_length, PAD_ID), fold(required, config.max_length, FREE)
        epoch += 1


def fold(stream: np.ndarray, length: int, filler: int) -> np.ndarray:
    """Break a stream into rows, the last one filled up.

    Example:
        >>> fold(np.array([1, 2, 3]), length=2, filler=0)
        array([[1, 2],
               [3, 0]])
    """
    missing = -len(stream) % length
    return np.pad(stream, (0, missing), constant_values=filler).reshape(-1, length)


def batches_of(
    rows: Iterator[tuple[np.ndarray, np.ndarray]], batch_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Regroup blocks of rows into batches of exactly `batch_size` rows."""
    held: list[tuple[np.ndarray, np.ndarray]] = []
    for block in rows:
        held.append(block)
        if sum(len(ids) for ids, _ in held) < batch_size:
            continue
        ids, required = (np.concatenate(parts) for parts in zip(*held))
        full = len(ids) - len(ids) % batch_size
        for begin in range(0, full, batch_size):
            yield ids[begin : begin + batch_size], required[begin : begin + batch_size]
        held = [(ids[full:], required[full:])]


def hide(
    ids: np.ndarray,
    required: np.ndarray,
    config: EncoderConfig,
    rate: float,
    rng: np.random.Generator,
    longest_span: int = 3,
) -> Masked:
    """Hide short spans of tokens, and whatever is required.

    Of the hidden tokens 80 % become the mask token, 10 % another id and 10 % stay. Padding, eos and prompts are never
    hidden.

    Args:
        ids: Packed rows.
        required: For each place an id that must be predicted, or -1.
        config: The encoder's config.
        rate: The share of tokens to hide.
        rng: Where the draws come from.
        longest_span: A span is 1 to this many tokens long; a span that reaches into the next one ends there.

    Source:
        Devlin et al. (2018), arXiv 1810.04805 (80/10/10); Joshi et al. (2019), arXiv 1907.10529 (spans).

    Example:
        >>> config = EncoderConfig(vocab_size=9, prompt_slots=0)
        >>> ids, free = np.array([[3, 4, 2, 5]]), np.array([[-1, -1, -1, -1]])
        >>> hide(ids, free, config, 1.0, np.random.default_rng(0)).targets
        array([3, 4, 5])
    """
    eligible = (ids > EOS_ID) & (ids < config.vocab_size)
    spans = np.repeat(np.arange(ids.size), rng.integers(1, longest_span + 1, ids.size))[: ids.size]
    hidden = eligible & (rng.random(ids.size) < rate)[spans].reshape(ids.shape)
    kind = rng.random(ids.shape)
    inputs = ids.astype(np.int64)
    swapped = rng.integers(EOS_ID + 1, config.vocab_size, ids.shape)
    inputs[hidden & (kind < 0.9)] = swapped[hidden & (kind < 0.9)]
    inputs[(hidden & (kind < 0.8)) | (required != FREE)] = config.vocab_size
    places = np.flatnonzero(hidden | (required != FREE))
    targets = np.where(required != FREE, required, ids).ravel()[places].astype(np.int64)
    return Masked(inputs, ids != PAD_ID, places, targets)


def follow(ids: np.ndarray) -> Masked:
    """Ask every token for the next one.

    Args:
        ids: Packed rows.

    Example:
        >>> task = follow(np.array([[3, 4, 2, 0], [5, 6, 7, 8]]))
        >>> task.places, task.targets
        (array([0, 1, 4, 5, 6]), array([4, 2, 6, 7, 8]))
    """
    after = np.pad(ids[:, 1:], ((0, 0), (0, 1)), constant_values=PAD_ID)
    places = np.flatnonzero(after != PAD_ID)
    return Masked(ids.astype(np.int64), ids != PAD_ID, places, after.ravel()[places].astype(np.int64))
