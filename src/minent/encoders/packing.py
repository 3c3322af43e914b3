"""Texts packed into full rows, pass after pass, from ids that may lie on disk.

Every draw is a function of a seed and the number of the pass, so training can go on from any row without a stored
generator and without packing the rows before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from minent.encoders.skeleton import EOS_ID, PAD_ID, EncoderConfig

BLOCK_TEXTS = 8192  # packed at a time: bounds the memory of a large corpus
FREE = -1  # nothing is required at this place
Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Windows:
    """Stretches of a long row of ids, which may lie on disk; none is empty.

    Attributes:
        begins: Where each begins, int64.
        lengths: Its tokens.
    """

    begins: np.ndarray
    lengths: np.ndarray

    def __len__(self) -> int:
        return len(self.begins)

    def __getitem__(self, chosen: np.ndarray) -> Windows:
        return Windows(self.begins[chosen], self.lengths[chosen])

    @property
    def tokens(self) -> int:
        """Tokens of all."""
        return int(self.lengths.sum())

    def blocks(self) -> Iterator[Windows]:
        """The same in parts that fit into memory."""
        for first in range(0, len(self), BLOCK_TEXTS):
            yield self[np.arange(first, min(first + BLOCK_TEXTS, len(self)))]

    def take(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The ids of these windows end to end, int32, and their starts.

        Example:
            >>> Windows(np.array([3, 0]), np.array([1, 2])).take(np.arange(9))[0].tolist()
            [3, 0, 1]
        """
        starts = np.concatenate([[0], np.cumsum(self.lengths)])
        shift = np.repeat(self.begins - starts[:-1], self.lengths)
        return ids[np.arange(starts[-1]) + shift].astype(np.int32, copy=False), starts


def prompt_ids(config: EncoderConfig, slots: int) -> np.ndarray:
    """The prompt of pretraining: half of the slots, the mask token, the other half.

    Example:
        >>> prompt_ids(EncoderConfig(vocab_size=100, prompt_slots=4), slots=4)
        array([101, 102, 100, 103, 104], dtype=int32)
    """
    first = config.vocab_size + 1 + np.arange(slots)
    return np.concatenate([first[: slots // 2], [config.vocab_size], first[slots // 2 :]]).astype(np.int32)


@dataclass(frozen=True)
class Block:
    """Some windows in the order in which they are packed, and which of them the prompt opens.

    Attributes:
        windows: The texts.
        prompt: Ids of the prompt, the mask token in the middle.
        prompted: Whether the prompt stands before a text, bool.
        drawn: For each text that it opens, the place in the text of the token that its mask stands for.
    """

    windows: Windows
    prompt: np.ndarray
    prompted: np.ndarray
    drawn: np.ndarray

    @classmethod
    def draw(cls, windows: Windows, prompt: np.ndarray, share: float, rng: np.random.Generator) -> Block:
        """Choose the texts that the prompt opens, and the token that it asks for."""
        prompted = rng.random(len(windows)) < share
        return cls(windows, prompt, prompted, rng.integers(windows.lengths[prompted]))

    @property
    def sizes(self) -> np.ndarray:
        """Tokens that each text takes, its prompt and its eos with it."""
        return self.windows.lengths + 1 + self.prompted * len(self.prompt)

    def pack(self, ids: np.ndarray) -> Rows:
        """Join the texts, each closed by eos and some opened by the prompt.

        The mask token inside the prompt stands for one token of its text; that token is hidden too, so the prompt
        learns to say what its text is about, which is what P-tuning will ask of it.

        Args:
            ids: The ids that the windows are of.

        Returns:
            The stream of ids; for each place the id that must be predicted there, or -1; and the number of its text.

        Example:
            >>> texts = Windows(np.array([1, 0]), np.array([2, 1]))
            >>> block = Block.draw(texts, np.array([11, 10, 12]), 0.0, np.random.default_rng(0))
            >>> stream, _, documents = block.pack(np.array([7, 8, 9]))
            >>> stream.tolist(), documents.tolist()
            ([8, 9, 2, 7, 2], [0, 0, 0, 1, 1])
        """
        lengths, ends = self.windows.lengths, np.cumsum(self.sizes)
        begins = ends - lengths - 1  # where the text itself begins, behind its prompt
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        stream = np.full(ends[-1], EOS_ID, dtype=np.int32)
        stream[np.repeat(begins, lengths) + within] = ids[np.repeat(self.windows.begins, lengths) + within]
        required = np.full(len(stream), FREE, dtype=np.int32)
        fronts = begins[self.prompted] - len(self.prompt)
        stream[fronts[:, None] + np.arange(len(self.prompt))] = self.prompt
        asked = begins[self.prompted] + self.drawn
        required[asked] = stream[asked]
        required[fronts + len(self.prompt) // 2] = stream[asked]
        return stream, required, np.repeat(np.arange(len(lengths), dtype=np.int32), self.sizes)


def rows_of(
    ids: np.ndarray,
    windows: Windows,
    config: EncoderConfig,
    *,
    slots: int,
    share: float,
    seed: int,
    first_row: int = 0,
) -> Iterator[Rows]:
    """Yield packed rows without end: pass after pass over the texts, each in another order.

    Args:
        ids: The ids that the windows are of.
        windows: The texts.
        config: The encoder's config.
        slots: Slots around the mask token of the prompt.
        share: Share of the texts that the prompt opens.
        seed: Of the orders and the draws.
        first_row: Where to begin; blocks before it are drawn but not packed.

    Yields:
        ids, required ids and numbers of texts, int32 `(rows, max_length)`, a block of texts at a time. The last row of
        a block is padded.
    """
    prompt, epoch, passed = prompt_ids(config, slots), 0, 0
    while True:
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(len(windows))
        for first in range(0, len(order), BLOCK_TEXTS):
            block = Block.draw(windows[order[first : first + BLOCK_TEXTS]], prompt, share, rng)
            count = -(-int(block.sizes.sum()) // config.max_length)
            if passed + count > first_row:
                packed, required, documents = folded(block.pack(ids), config.max_length)
                skipped = max(0, first_row - passed)
                yield packed[skipped:], required[skipped:], documents[skipped:]
            passed += count
        epoch += 1


def folded(packed: Rows, length: int) -> Rows:
    """What `Block.pack` made as rows."""
    stream, required, documents = packed
    return fold(stream, length, PAD_ID), fold(required, length, FREE), fold(documents, length, FREE)


def fold(stream: np.ndarray, length: int, filler: int) -> np.ndarray:
    """Break a stream into rows, the last one filled up.

    Example:
        >>> fold(np.array([1, 2, 3]), length=2, filler=0)
        array([[1, 2],
               [3, 0]])
    """
    missing = -len(stream) % length
    return np.pad(stream, (0, missing), constant_values=filler).reshape(-1, length)


def batches_of(blocks: Iterator[Rows], batch_size: int) -> Iterator[Rows]:
    """Regroup blocks of rows into batches of exactly `batch_size` rows."""
    held: list[Rows] = []
    for block in blocks:
        held.append(block)
        if sum(len(ids) for ids, _, _ in held) < batch_size:
            continue
        ids, required, documents = (np.concatenate(parts) for parts in zip(*held))
        full = len(ids) - len(ids) % batch_size
        for begin in range(0, full, batch_size):
            end = begin + batch_size
            yield ids[begin:end], required[begin:end], documents[begin:end]
        held = [(ids[full:], required[full:], documents[full:])]
