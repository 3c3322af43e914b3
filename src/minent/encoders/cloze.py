"""Ask an encoder what stands at its mask, or what follows, with nothing trained."""

from __future__ import annotations

from collections.abc import Callable

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
    return _said(encoder, ids, starts, lambda inputs, mask: inputs == encoder.mask_id)


def at_ends(encoder: Encoder, ids: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Log-probability of every id behind the last token of each row, in a causal encoder.

    Args:
        encoder: The encoder.
        ids: Ids of all rows end to end.
        starts: Where each row starts, then `len(ids)`.

    Returns:
        float64 `(rows, vocab_size)`.

    Raises:
        InputError: The encoder is not causal, an empty row, or ids outside.

    Example:
        >>> from minent.encoders import EncoderConfig
        >>> encoder = Encoder(EncoderConfig(mixer="gmlp", vocab_size=20, dim=16, layers=1, causal=True)).eval()
        >>> at_ends(encoder, np.array([5, 4, 6]), np.array([0, 2, 3])).shape
        (2, 20)
    """
    if not encoder.config.causal:
        raise InputError("the encoder is masked, so it says nothing of what follows. Ask it at a mask token.")
    ids, starts = check_rows(ids, starts, len(encoder.embedding.weight))
    if (np.diff(starts) == 0).any():
        raise InputError(f"row {int(np.diff(starts).argmin())} is empty; something must stand before what follows.")

    def last(inputs: Tensor, mask: Tensor) -> Tensor:
        ends = mask.clone()
        ends[:, :-1] &= ~mask[:, 1:]
        return ends

    return _said(encoder, ids, starts, last)


def _said(
    encoder: Encoder, ids: np.ndarray, starts: np.ndarray, places: Callable[[Tensor, Tensor], Tensor]
) -> np.ndarray:
    """What an encoder says at one place of each row, batch by batch."""
    found = np.zeros((len(starts) - 1, encoder.config.vocab_size))

    @torch.inference_mode()
    def say(rows: np.ndarray) -> Tensor:
        inputs, mask = pad(ids, starts, rows)
        return encoder.logits(encoder(inputs, mask)[places(inputs, mask)]).double().log_softmax(dim=-1)

    batches = list(by_length(np.diff(starts)))
    with torch_session() as parallel:
        for rows, said in zip(batches, parallel(say, batches)):
            found[rows] = said.numpy()
    return found
