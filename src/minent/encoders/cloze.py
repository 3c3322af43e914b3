"""Ask an encoder what stands at its mask: the likeliest pieces, or which class's words fit best. No label is needed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from minent.encoders.batches import by_length, check_rows, pad
from minent.encoders.session import torch_session
from minent.encoders.skeleton import Encoder
from minent.errors import InputError


def cloze_scores(encoder: Encoder, ids: np.ndarray, starts: np.ndarray, words: Sequence[np.ndarray]) -> np.ndarray:
    """Score the words of each class where the mask token of each row stands, with nothing trained.

    A word of several tokens has the mean score of them. Frequent words fit everywhere: subtract the mean of these
    scores over texts without labels before comparing classes (contextual calibration).

    Args:
        encoder: The encoder.
        ids: Ids of all rows end to end, the mask token (`vocab_size`) exactly once in each.
        starts: Where each row starts, then `len(ids)`.
        words: The ids of each class's words.

    Returns:
        Mean log-probability of each class's tokens, float64 `(rows, classes)`.

    Raises:
        InputError: A row without a mask token or with several, a class without a token, or ids outside.

    Source:
        Schick & Schuetze (2020), arXiv 2001.07676 (cloze questions); Zhao et al. (2021), arXiv 2102.09690 (their
        calibration).

    Example:
        >>> from minent.encoders import EncoderConfig
        >>> encoder = Encoder(EncoderConfig(vocab_size=20, dim=16, layers=1)).eval()
        >>> cloze_scores(encoder, np.array([5, 20, 6]), np.array([0, 3]), [np.array([7]), np.array([8, 9])]).shape
        (1, 2)
    """
    for number, tokens in enumerate(words):
        if not len(tokens):
            raise InputError(f"words[{number}] has no token; every class needs at least one.")
        check_rows(np.asarray(tokens), np.array([0, len(tokens)]), encoder.config.vocab_size)
    said = at_masks(encoder, ids, starts)
    return np.stack([said[:, np.asarray(tokens)].mean(axis=1) for tokens in words], axis=1)


def at_masks(encoder: Encoder, ids: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Log-probability of every id where the mask token of each row stands, float64 `(rows, vocab_size)`.

    Args:
        encoder: The encoder.
        ids: Ids of all rows end to end, the mask token exactly once in each.
        starts: Where each row starts, then `len(ids)`.

    Raises:
        InputError: See `cloze_scores`.
    """
    ids, starts = check_rows(ids, starts, len(encoder.embedding.weight))
    owners = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    counts = np.bincount(owners[ids == encoder.mask_id], minlength=len(starts) - 1)
    if (counts != 1).any():
        row = int(np.flatnonzero(counts != 1)[0])
        raise InputError(f"row {row} has {counts[row]} mask tokens (id {encoder.mask_id}); exactly one is needed.")
    found = np.zeros((len(counts), encoder.config.vocab_size))

    @torch.inference_mode()
    def say(rows: np.ndarray) -> Tensor:
        inputs, mask = pad(ids, starts, rows)
        hidden = encoder(inputs, mask)[inputs == encoder.mask_id]
        return encoder.logits(hidden).double().log_softmax(dim=-1)

    batches = list(by_length(np.diff(starts)))
    with torch_session() as parallel:
        for rows, said in zip(batches, parallel(say, batches)):
            found[rows] = said.numpy()
    return found
