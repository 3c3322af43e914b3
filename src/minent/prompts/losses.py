"""What a step of tuning adds up: the class, and beside it words, two readings of one text, and hostile noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from minent import simplex
from minent.prompts.model import PromptModel
from minent.prompts.rows import Batch

LOSSES = {"softmax": simplex.softmax_loss, "entmax": simplex.entmax_loss}
MASK_RATE = 0.15
PROBE_STEP = 1e-2  # of the search for hostile noise, as a share of the text's embeddings
RADIUS = 0.1  # of that noise


@dataclass(frozen=True)
class Weights:
    """What each part of the loss counts; the arguments of `PromptTuner` of the same names."""

    loss: str = "softmax"
    auxiliary: float = 0.0
    r_drop: float = 0.0
    adversarial: float = 0.0

    @property
    def free(self) -> bool:
        """Whether a part of the loss needs no label, so that unlabelled texts can serve it."""
        return bool(self.auxiliary or self.adversarial)


def step_loss(model: PromptModel, batch: Batch, targets: Tensor, weights: Weights, seed: list[int]) -> Tensor:
    """The loss of some labelled rows, averaged over them.

    Args:
        model: The model.
        batch: Rows.
        targets: int64 `(batch,)`.
        weights: What is added.
        seed: Of the draws, where there are any.
    """
    classify = LOSSES[weights.loss]
    hidden = model.hidden(batch)
    scores = model.scores_of(hidden, batch)
    total = classify(scores, targets)
    if weights.r_drop:
        again = model.scores(batch)
        total = (total + classify(again, targets)) / 2 + weights.r_drop * divergence_both_ways(scores, again)
    return total + free_loss(model, batch, weights, seed)


def free_loss(model: PromptModel, batch: Batch, weights: Weights, seed: list[int]) -> Tensor:
    """The parts of the loss that need no label, averaged over the rows."""
    total = torch.zeros(())
    if weights.auxiliary:
        total = total + weights.auxiliary * word_loss(model, batch, np.random.default_rng([*seed, 1]))
    if weights.adversarial:
        total = total + weights.adversarial * adversarial_loss(model, batch, seed)
    return total


def divergence_both_ways(scores: Tensor, others: Tensor) -> Tensor:
    """Half of the Kullback-Leibler divergences both ways, averaged over the rows.

    Source:
        Liang et al. (2021), arXiv 2106.14448 (R-Drop).
    """
    first, second = torch.log_softmax(scores, dim=-1), torch.log_softmax(others, dim=-1)
    return ((first.exp() - second.exp()) * (first - second)).sum(dim=-1).mean() / 2


def word_loss(model: PromptModel, batch: Batch, rng: np.random.Generator) -> Tensor:
    """The body's own task on the texts beside the prompts: say hidden words, or the next one if it is causal.

    Of the hidden tokens 80 % become the mask token, 10 % another one and 10 % stay. Slots, specials and the template's
    words are never asked for.

    Source:
        J. Su, kexue.fm/archives/8295, in place of an LSTM; here with a weight of its own.
    """
    body, ids = model.body, batch.ids
    if body.causal:
        asked = torch.zeros_like(batch.is_text)
        asked[:, :-1] = batch.is_text[:, 1:]
        hidden, said = model.hidden(batch), ids.roll(-1, dims=1)[asked]
    else:
        draws = torch.from_numpy(rng.random((2, *ids.shape)))
        asked = batch.is_text & (draws[0] < MASK_RATE)
        others = torch.from_numpy(rng.integers(body.first_slot, size=ids.shape))
        inputs = torch.where(asked & (draws[1] < 0.9), others, ids)
        assert body.mask_id is not None
        inputs = inputs.masked_fill(asked & (draws[1] < 0.8), body.mask_id)
        hidden, said = model.hidden(Batch(inputs, batch.mask, batch.places, batch.is_text)), ids[asked]
    if not len(said):
        return hidden.sum() * 0
    return F.cross_entropy(body.logits(body.features(hidden[asked])), said)


def adversarial_loss(model: PromptModel, batch: Batch, seed: list[int]) -> Tensor:
    """How much the opinion moves under the small noise on the text that moves it most; it asks for no label.

    The noise is a share of each text's own embeddings, so its size means the same for every backbone.

    Source:
        Miyato et al. (2016), arXiv 1605.07725 and 1704.03976 (one power iteration).
    """
    embeddings = model.embeddings(batch)
    allowed = batch.is_text[:, :, None].to(embeddings.dtype)
    size = (embeddings.detach() * allowed).square().sum(dim=(1, 2), keepdim=True).sqrt()
    drawn = np.random.default_rng([*seed, 2]).standard_normal(embeddings.shape, dtype=np.float32)
    noise = (_unit(torch.from_numpy(drawn) * allowed) * PROBE_STEP * size).requires_grad_()
    opinion = torch.log_softmax(model.scores(batch, embeddings), dim=-1).detach()
    (slope,) = torch.autograd.grad(_moved(model, batch, embeddings.detach() + noise, opinion), noise)
    return _moved(model, batch, embeddings + RADIUS * size * _unit(slope * allowed), opinion)


def _moved(model: PromptModel, batch: Batch, embeddings: Tensor, opinion: Tensor) -> Tensor:
    moved = torch.log_softmax(model.scores(batch, embeddings), dim=-1)
    return (opinion.exp() * (opinion - moved)).sum(dim=-1).mean()


def _unit(noise: Tensor) -> Tensor:
    return noise / noise.square().sum(dim=(1, 2), keepdim=True).sqrt().clamp_min(1e-12)
