"""A capsule head: the token states of the frozen encoder are clustered into one capsule per class.

The length of a capsule says how much its class is there; it is trained by the margin loss. States are weighted as in
the encoder's text features, so that with even coupling the head is a linear probe, and routing is what it adds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from minent.capsules import CapsuleLayer, lengths, margin_loss
from minent.classifier.groundwork import View
from minent.classifier.members.interface import Scorer
from minent.encoders.batches import by_length, pad
from minent.encoders.session import torch_session


@dataclass(frozen=True)
class CapsuleHead:
    """Capsules on the frozen encoder.

    Attributes:
        dim: Size of a capsule.
        steps: Steps of Adam over all labelled texts at once.
        learning_rate: Of Adam.
        weight_decay: Of Adam.
    """

    dim: int = 8
    steps: int = 100
    learning_rate: float = 1e-2
    weight_decay: float = 1e-2

    name = "capsules"
    title = "capsule head on the frozen encoder"
    kind = "neural"
    family = "probed"
    costly = True

    def fit(self, pool: View, gold: View, labels: np.ndarray, classes: int, seed: int) -> Scorer:
        """See `Member.fit`; the pool is read through the encoder only."""
        pretrained = gold.work.backbone.pretrained
        layer = CapsuleLayer(pretrained.config.dim, classes, self.dim, seed=seed)
        targets = torch.from_numpy(labels)
        with torch_session(seed):
            batches = [(rows, *batch) for rows, *batch in _token_states(gold)]
            optimiser = torch.optim.AdamW(layer.parameters(), self.learning_rate, weight_decay=self.weight_decay)
            for _ in range(self.steps):
                optimiser.zero_grad()
                for rows, states, mask in batches:
                    salience = lengths(layer(states, mask).vectors)
                    margin_loss(salience, targets[torch.from_numpy(rows)], reduction="sum").div(len(labels)).backward()
                optimiser.step()

        def score(view: View) -> np.ndarray:
            scores = np.zeros((len(view), classes))
            with torch_session(), torch.inference_mode():
                for rows, states, mask in _token_states(view):
                    scores[rows] = lengths(layer(states, mask).vectors).log().double().numpy()
            return scores

        return score


def _token_states(view: View) -> Iterator[tuple[np.ndarray, Tensor, Tensor]]:
    """Yield `(rows, states (rows, tokens, dim), mask)`: weighted, centred, and of length about one when summed.

    A long text is read up to the encoder's length only.
    """
    pretrained = view.work.backbone.pretrained
    ids, starts = view.backbone_pieces
    weights, centre = torch.from_numpy(pretrained.pooling.weights), torch.from_numpy(pretrained.pooling.centre)
    for rows in by_length(np.minimum(np.diff(starts), pretrained.config.max_length)):
        inputs, mask = pad(ids, starts, rows)
        inputs, mask = inputs[:, : pretrained.config.max_length], mask[:, : pretrained.config.max_length]
        with torch.no_grad():
            hidden = pretrained.encoder.states(inputs, mask)[-2]
            counted = weights[inputs] * mask
            counted = counted / counted.sum(dim=1, keepdim=True).clamp_min(1e-9)
            states = (F.layer_norm(hidden, hidden.shape[-1:]) - centre) * counted[:, :, None]
        yield rows, states / view.work.encoded_length, mask
