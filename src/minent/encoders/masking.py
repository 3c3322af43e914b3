"""The language modelling tasks on packed rows: spans hidden, or the next token."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minent.encoders.packing import FREE
from minent.encoders.skeleton import EOS_ID, PAD_ID, EncoderConfig


@dataclass(frozen=True)
class Masked:
    """A batch of the task.

    Attributes:
        inputs: What the encoder sees, int64 `(rows, length)`.
        mask: True at a real token.
        places: Which of the flattened tokens are to be predicted.
        targets: Their ids.
        segments: The number of the document of each token, where those of a row are kept apart; else None.
    """

    inputs: np.ndarray
    mask: np.ndarray
    places: np.ndarray
    targets: np.ndarray
    segments: np.ndarray | None = None

    def split(self, parts: int) -> list[Masked]:
        """The same batch as at most `parts` smaller ones, row by row."""
        row_of = self.places // self.inputs.shape[1]
        split = []
        for rows in np.array_split(np.arange(len(self.inputs)), min(parts, len(self.inputs))):
            inside = (row_of >= rows[0]) & (row_of <= rows[-1])
            places = self.places[inside] - rows[0] * self.inputs.shape[1]
            segments = None if self.segments is None else self.segments[rows]
            split.append(Masked(self.inputs[rows], self.mask[rows], places, self.targets[inside], segments))
        return split


def hide(
    ids: np.ndarray,
    required: np.ndarray,
    config: EncoderConfig,
    rate: float,
    rng: np.random.Generator,
    longest_span: int = 3,
    segments: np.ndarray | None = None,
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
        segments: The number of the document of each token, where those of a row are kept apart.

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
    return Masked(inputs, ids != PAD_ID, places, targets, segments)


def follow(ids: np.ndarray, segments: np.ndarray | None = None) -> Masked:
    """Ask every token for the next one.

    Args:
        ids: Packed rows.
        segments: The number of the document of each token, where those of a row are kept apart: then no token is asked
            for the first one of another document.

    Example:
        >>> task = follow(np.array([[3, 4, 2, 0], [5, 6, 7, 8]]))
        >>> task.places, task.targets
        (array([0, 1, 4, 5, 6]), array([4, 2, 6, 7, 8]))
    """
    after = np.pad(ids[:, 1:], ((0, 0), (0, 1)), constant_values=PAD_ID)
    asked = after != PAD_ID
    if segments is not None:
        asked[:, :-1] &= segments[:, 1:] == segments[:, :-1]
    places = np.flatnonzero(asked)
    return Masked(ids.astype(np.int64), ids != PAD_ID, places, after.ravel()[places].astype(np.int64), segments)
