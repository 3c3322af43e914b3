"""The model that P-tuning trains: a body, vectors in its prompt slots, and a head that reads the class."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from minent.encoders.batches import by_length
from minent.encoders.session import Map
from minent.prompts.body import Body, deep_prompts
from minent.prompts.heads import Head
from minent.prompts.reparametrize import REPARAMETRIZATIONS, Table
from minent.prompts.rows import Batch, Rows


def embed(body: Body, prompts: Tensor, ids: Tensor) -> Tensor:
    """Look up a batch and set the prompt vectors into their slots, by one indexed scatter.

    Args:
        body: The body; slots that pretraining gave it are not read.
        prompts: Prompt vectors, `(slots, dim)`.
        ids: int64 `(batch, length)`; slot `j` is `first_slot + j`.

    Returns:
        Input embeddings, `(batch, length, dim)`.
    """
    is_slot = ids >= body.first_slot
    embeddings = body.lookup(ids.masked_fill(is_slot, 0))
    return embeddings.index_put((is_slot,), prompts[ids[is_slot] - body.first_slot])


class PromptModel(nn.Module):
    """Prompts and a head on a body.

    Args:
        body: A copy to be trained, or the backbone's own.
        prompts: What makes the prompt vectors, `(slots, dim)`.
        head: What reads the class.
        deep: What makes the vectors of the slots before each later block, `((layers - 1) * slots, hidden_dim)`.
        offset: Taken from the log-probabilities of the classes, `(classes,)`; for contextual calibration.
        pooled: The class is read from the mean over all tokens but the slots, not at the mask.
    """

    def __init__(
        self,
        body: Body,
        prompts: Table,
        head: Head,
        *,
        deep: Table | None = None,
        offset: Tensor | None = None,
        pooled: bool = False,
    ) -> None:
        super().__init__()
        self.body, self.prompts, self.head, self.deep, self.pooled = body, prompts, head, deep, pooled
        self.offset: Tensor | None
        self.register_buffer("offset", offset)

    def embeddings(self, batch: Batch) -> Tensor:
        """Input embeddings, the prompts in their slots."""
        return embed(self.body, self.prompts(), batch.ids)

    def hidden(self, batch: Batch, embeddings: Tensor | None = None) -> Tensor:
        """Hidden states `(batch, length, hidden_dim)`."""
        given = self.embeddings(batch) if embeddings is None else embeddings
        if self.deep is None:
            return self.body(given, batch.mask)
        where = batch.ids >= self.body.first_slot
        vectors = self.deep().reshape(-1, len(self.prompts.table), self.body.hidden_dim)
        with deep_prompts(vectors, where, batch.ids[where] - self.body.first_slot):
            return self.body(given, batch.mask)

    def read(self, hidden: Tensor, batch: Batch) -> Tensor:
        """What the head reads, `(batch, masks, features)`."""
        if self.pooled:
            counted = (batch.mask & (batch.ids < self.body.first_slot))[:, :, None]
            kept = hidden.masked_fill(~counted, 0)  # where a row has no token at all, attention may leave NaN
            return (kept.sum(dim=1) / counted.sum(dim=1).clamp_min(1))[:, None]
        rows = torch.arange(len(hidden))[:, None]
        return self.body.features(hidden[rows, batch.places])

    def scores(self, batch: Batch, embeddings: Tensor | None = None) -> Tensor:
        """The score of each class, `(batch, classes)`."""
        return self.scores_of(self.hidden(batch, embeddings), batch)

    def scores_of(self, hidden: Tensor, batch: Batch) -> Tensor:
        """The same from hidden states."""
        found = self.head(self.read(hidden, batch), self.body)
        return found if self.offset is None else torch.log_softmax(found, dim=-1) - self.offset

    def fold(self, original: Body) -> PromptModel:
        """The model as plain tables that no longer train: on the original body, if its copy was not trained."""
        trained = any(weight.requires_grad for weight in self.body.parameters())
        body = self.body.eval() if trained else original
        with torch.no_grad():
            deep = None if self.deep is None else Table(self.deep())
            folded = PromptModel(
                body, Table(self.prompts()), copy.deepcopy(self.head.fold(body)), deep=deep, pooled=self.pooled
            )
        for part in (folded.prompts, folded.head, folded.deep):
            if part is not None:
                part.requires_grad_(False)
        if trained:
            body.requires_grad_(False)
        return folded


def reparametrized(name: str, start: Tensor) -> Table:
    """The named form on a start; without slots there is nothing to stand behind."""
    return REPARAMETRIZATIONS[name](start) if len(start) else Table(start)


def body_copy(body: Body, *, dropout: float) -> Body:
    """A copy to train, frozen until told otherwise; every dropout in it drops this share."""
    copied = copy.deepcopy(body).requires_grad_(False)
    for part in copied.modules():
        if isinstance(part, nn.Dropout):
            part.p = dropout
    return copied


def over_rows(function: Callable[[Batch], Tensor], rows: Rows, parallel: Map) -> Tensor:
    """What a function of a batch gives for every row, batches of like length side by side."""
    batches = list(by_length(rows.lengths))

    @torch.inference_mode()
    def one(chosen: np.ndarray) -> Tensor:
        return function(rows.batch(chosen))

    found = torch.cat(list(parallel(one, batches)))
    order = torch.from_numpy(np.concatenate(batches))
    return torch.empty_like(found).index_copy_(0, order, found).clone()
