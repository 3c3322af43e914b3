"""One vector per text from one vector per token: frequent tokens weigh less, and what all texts share is taken out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from minent.encoders.batches import by_length, cut, pad
from minent.encoders.session import torch_session
from minent.encoders.skeleton import Encoder

RARE = 3e-3  # a token of this frequency weighs one half
SAMPLE = 2048  # texts that the centre and the common direction are measured on


@dataclass(frozen=True)
class Pooling:
    """How an encoder's token vectors become text vectors.

    The vectors are those before the last block, which itself bends them toward the words to be predicted.

    Attributes:
        weights: Weight of each id, `RARE / (RARE + frequency)`, float32 `(vocab_size,)`.
        centre: Mean text vector of the training texts, float32 `(dim,)`.
        common: The direction in which they differ most, of length one; it says little about their subject.

    Source:
        Arora, Liang & Ma (2017), "A simple but tough-to-beat baseline for sentence embeddings" (SIF).
    """

    weights: np.ndarray
    centre: np.ndarray
    common: np.ndarray

    @classmethod
    def fit(cls, encoder: Encoder, ids: np.ndarray, starts: np.ndarray, frequencies: np.ndarray) -> Pooling:
        """Measure the centre and the common direction on some texts.

        Args:
            encoder: The encoder.
            ids: Token ids of these texts end to end.
            starts: Where each text starts, then `len(ids)`.
            frequencies: Share of each id among all texts, `(vocab_size,)`.
        """
        weights = (RARE / (RARE + frequencies)).astype(np.float32)
        vectors = weighted_means(encoder, weights, ids, starts)
        centre = vectors.mean(axis=0)
        with torch_session():
            _, _, directions = torch.linalg.svd(torch.from_numpy(vectors - centre), full_matrices=False)
        return cls(weights, centre.astype(np.float32), directions[0].numpy().astype(np.float32))

    def embed(self, encoder: Encoder, ids: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Return the text vectors, float32 `(len(starts) - 1, dim)`; zeros for an empty text."""
        vectors = weighted_means(encoder, self.weights, ids, starts) - self.centre
        vectors -= np.outer(vectors @ self.common, self.common)
        vectors[np.diff(starts) == 0] = 0
        return vectors.astype(np.float32)


@torch.inference_mode()
def states_of(encoder: Encoder, row: np.ndarray) -> np.ndarray:
    """One vector per token of a row of at most `max_length` tokens, those that text vectors are means of.

    Args:
        encoder: The encoder.
        row: Ids.

    Returns:
        float32 `(len(row), dim)`.
    """
    inputs = torch.from_numpy(np.asarray(row, dtype=np.int64))[None]
    return encoder.states(inputs, torch.ones_like(inputs, dtype=torch.bool))[-2][0].numpy()


def weighted_means(encoder: Encoder, weights: np.ndarray, ids: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return the weighted mean of each text's token vectors, float64; a long text is read in windows."""
    windows, owners = cut(starts, encoder.config.max_length)
    totals = np.zeros((len(starts) - 1, encoder.config.dim))
    weight_of = torch.from_numpy(weights)

    @torch.inference_mode()
    def sums(rows: np.ndarray) -> np.ndarray:
        inputs, mask = pad(ids, windows, rows)
        counted = weight_of[inputs] * mask
        return (encoder.states(inputs, mask)[-2] * counted[:, :, None]).sum(dim=1).double().numpy()

    batches = list(by_length(np.diff(windows)))
    with torch_session() as parallel:
        for rows, summed in zip(batches, parallel(sums, batches)):
            np.add.at(totals, owners[rows], summed)
    mass = np.bincount(np.repeat(np.arange(len(totals)), np.diff(starts)), weights[ids], minlength=len(totals))
    return totals / np.maximum(mass, 1e-12)[:, None]
