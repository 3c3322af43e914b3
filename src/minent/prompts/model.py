"""The model that P-tuning trains: an encoder, vectors in its prompt slots, one label vector per class."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from minent.encoders import Encoder
from minent.prompts.reparametrize import REPARAMETRIZATIONS, Table


def embed(encoder: Encoder, prompts: Tensor, ids: Tensor) -> Tensor:
    """Look up a batch and set the prompt vectors into their slots, by one indexed scatter.

    Args:
        encoder: The encoder; its own slot rows are not read.
        prompts: Prompt vectors, `(slots, dim)`.
        ids: int64 `(batch, length)`; slot `j` is `mask_id + 1 + j`.

    Returns:
        Input embeddings, `(batch, length, dim)`.
    """
    is_slot = ids > encoder.mask_id
    embeddings = encoder.embedding(ids.clamp(max=encoder.mask_id))
    return embeddings.index_put((is_slot,), prompts[ids[is_slot] - encoder.mask_id - 1])


@dataclass(frozen=True)
class Tuned:
    """What tuning leaves behind: plain tables on an encoder.

    Attributes:
        encoder: The backbone's own encoder, or the changed copy of it.
        prompts: `(slots, dim)`.
        label_vectors: `(classes, dim)`.
        label_bias: `(classes,)`.
    """

    encoder: Encoder
    prompts: Tensor
    label_vectors: Tensor
    label_bias: Tensor

    def scores(self, ids: Tensor, mask: Tensor) -> Tensor:
        """The score of each class where the mask token of each row stands, `(batch, classes)`."""
        hidden = self.encoder(embed(self.encoder, self.prompts, ids), mask)
        return nn.functional.linear(at_mask(hidden, ids, self.encoder), self.label_vectors, self.label_bias)


def at_mask(hidden: Tensor, ids: Tensor, encoder: Encoder) -> Tensor:
    """The vectors at the first mask token of each row, `(batch, dim)`."""
    return hidden[torch.arange(len(ids)), (ids == encoder.mask_id).int().argmax(dim=1)]


class PromptModel(nn.Module):
    """The trainable form of `Tuned`. The encoder is copied, so the backbone stays as it is.

    Args:
        encoder: The pretrained encoder.
        start: Where the prompt vectors start, `(slots, dim)`.
        averaging: `(classes, vocab_size)`, the mean over the tokens of each class's words.
        train_body: Train the encoder too.
        learn_labels: Let the label vectors leave the words.
        reparametrization: A name in `REPARAMETRIZATIONS`.
    """

    def __init__(
        self,
        encoder: Encoder,
        start: Tensor,
        averaging: Tensor,
        *,
        train_body: bool,
        learn_labels: bool,
        reparametrization: str,
    ) -> None:
        super().__init__()
        self.train_body, self.learn_labels = train_body, learn_labels
        self.encoder = copy.deepcopy(encoder).requires_grad_(train_body).train(train_body)
        self.prompts = REPARAMETRIZATIONS[reparametrization](start) if len(start) else Table(start)
        self.averaging = averaging
        words = self.words().detach()
        self.labels = nn.Parameter(words.clone(), requires_grad=learn_labels)
        self.label_bias = nn.Parameter(words.new_zeros(len(words)), requires_grad=learn_labels)

    def words(self) -> Tensor:
        """The mean embedding of each class's words. The output bias stays out: it favours frequent words."""
        return self.averaging @ self.encoder.embedding.weight[: self.encoder.config.vocab_size]

    def tuned(self) -> Tuned:
        """The model as it is now; the prompts are computed once for the batch."""
        vectors = self.labels if self.learn_labels else self.words()
        return Tuned(self.encoder, self.prompts(), vectors, self.label_bias)

    def fold(self, original: Encoder) -> Tuned:
        """The model as plain tables: on the original encoder, if the copy was not trained."""
        with torch.no_grad():
            tuned = self.tuned()
        encoder = self.encoder.eval() if self.train_body else original
        return Tuned(encoder, tuned.prompts.detach(), tuned.label_vectors.detach(), tuned.label_bias.detach())
