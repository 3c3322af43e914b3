"""Ask an encoder what stands at its mask, with nothing trained."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from minent.encoders.batches import by_length, check_rows, pad
from minent.encoders.session import torch_session
from minent.encoders.skeleton import Encoder
from minent.errors import InputError


def at_masks(encoder: Encoder, ids: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Log-probability of every id where the mask token of each row stands.

    Args:
        encoder: The encoder.
        ids: Ids of all rows end to end, the mask token (`vocab_size`) exactly once in each.
        starts: Where each row starts, then `len(ids)`.

    Returns:
        float64 `(rows, vocab_size)`.

    Raises:
        InputError: A row without a mask token or with several, or ids outside.

    Example:
        >>> from minent.encoders import EncoderConfig
        >>> encoder = Encoder(EncoderConfig(vocab_size=20, dim=16, layers=1)).eval()
        >>> at_masks(encoder, np.array([5, 20, 6]), np.array([0, 3])).shape
        (1, 20)
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
