"""The loss of the task, and what it comes to on texts that training never saw."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from minent.encoders import masking, packing
from minent.encoders.session import torch_session
from minent.encoders.skeleton import Encoder

RATE, TOKENS = 0.15, 65_536  # hidden share, whatever it was in training; how much text is read at most


def masked_losses(encoder: Encoder, batch: masking.Masked) -> Tensor:
    """The cross-entropy of each token to be said, in nats; the output is computed where it is needed only."""
    device = encoder.embedding.weight.device
    inputs, mask, places, targets = (
        torch.from_numpy(array).to(device) for array in (batch.inputs, batch.mask, batch.places, batch.targets)
    )
    segments = None if batch.segments is None else torch.from_numpy(batch.segments).to(device)
    logits = encoder.logits(encoder(inputs, mask, segments).flatten(0, 1)[places])
    return F.cross_entropy(logits.float(), targets, reduction="none")


def unigram_of(ids: np.ndarray, vocab_size: int) -> np.ndarray:
    """Log-probabilities of single ids, each seen once more than it was."""
    return log_shares(np.bincount(ids, minlength=vocab_size))


def log_shares(counts: np.ndarray) -> np.ndarray:
    """Log-probabilities of what was counted, each seen once more than it was."""
    seen = counts + 1.0
    return np.log(seen / seen.sum()).astype(np.float32)


def evaluate(
    encoder: Encoder,
    held_ids: np.ndarray,
    held_starts: np.ndarray,
    unigram: np.ndarray,
    piece_bytes: np.ndarray | None,
    seed: int,
    separate: bool = False,
) -> dict[str, Any] | None:
    """Return the loss on texts that training never saw, next to the unigram model's.

    A causal encoder is asked for every next token, another one for 15 % hidden tokens.

    Args:
        encoder: The encoder.
        held_ids: Token ids of the held-out texts end to end.
        held_starts: Where each of them starts, then `len(held_ids)`.
        unigram: Log-probability of each id by itself, the baseline.
        piece_bytes: Bytes of each id, or None.
        seed: Of the choice of hidden tokens.
        separate: The texts do not see each other.

    Returns:
        `unit`, `loss`, `unigram` and `tokens` (those to be said), or None where no token was held out.
    """
    config = encoder.config
    if not held_ids.size:
        return None
    rng = np.random.default_rng([seed, 3])
    windows = packing.Windows(held_starts[:-1], np.diff(held_starts))
    block = packing.Block.draw(windows, packing.prompt_ids(config, 0), 0.0, rng)
    packed = [part[:TOKENS] for part in block.pack(held_ids)]
    rows, free, documents = packing.folded((packed[0], packed[1], packed[2]), config.max_length)
    batches = []
    for begin in range(0, len(rows), 32):
        part = slice(begin, begin + 32)
        apart = documents[part] if separate else None
        if config.causal:
            batches.append(masking.follow(rows[part], apart))
        else:
            batches.append(masking.hide(rows[part], free[part], config, RATE, rng, segments=apart))

    @torch.inference_mode()
    def measure(batch: masking.Masked) -> np.ndarray:
        return masked_losses(encoder, batch).numpy().astype(np.float64)

    with torch_session() as parallel:
        losses = list(parallel(measure, batches))
    hidden = np.concatenate([batch.targets for batch in batches])
    if not hidden.size:
        return None
    counted = hidden.size if piece_bytes is None else max(1, int(np.asarray(piece_bytes)[hidden].sum()))
    return {
        "unit": "bits per token" if piece_bytes is None else "bits per byte",
        "loss": float(np.concatenate(losses).sum() / (np.log(2) * counted)),
        "unigram": float(-unigram[hidden].sum(dtype=np.float64) / (np.log(2) * counted)),
        "tokens": int(hidden.size),
    }
