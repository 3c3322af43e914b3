"""Scores to probabilities, dense or sparse, each map with its loss. For PyTorch, on any device, in any precision.

    >>> import torch
    >>> from minent.simplex import entmax, entmax_loss
    >>> scores = torch.tensor([[2.0, 1.0, 0.0]], requires_grad=True)
    >>> entmax(scores, alpha=1.5)
    tensor([[0.8307, 0.1693, 0.0000]], grad_fn=<PermuteBackward0>)
    >>> entmax_loss(scores, torch.tensor([0]), alpha=1.5).backward()
    >>> scores.grad  # p - y
    tensor([[-0.1693,  0.1693,  0.0000]])

| map | loss | monotone | shift invariant | zeros |
|---|---|---|---|---|
| `softmax` | `softmax_loss`, `margin_softmax_loss` | strictly | yes | none |
| `taylor_softmax` | `taylor_softmax_loss` | weakly | if `centred` | none |
| `topk_softmax` | `topk_softmax_loss` | weakly | yes | all but k |
| `perturb_max` | `perturb_max_loss` | strictly | yes | none |
| `sparsemax`, `entmax` | `sparsemax_loss`, `entmax_loss` | weakly | yes | many |
| `soft_topk`, `budget` (sum to k) | | strictly, weakly | yes | none, many |

`temperature_for_entropy` finds the temperature at which softmax has a stated entropy.
"""

from minent.simplex.losses import (
    entmax_loss,
    margin_softmax_loss,
    perturb_max_loss,
    softmax_loss,
    sparsemax_loss,
    taylor_softmax_loss,
    topk_softmax_loss,
)
from minent.simplex.maps import softmax, taylor_softmax, topk_softmax
from minent.simplex.perturb import perturb_max
from minent.simplex.sparse import entmax, sparsemax
from minent.simplex.temperature import temperature_for_entropy
from minent.simplex.thresholds import budget, soft_topk

__all__ = [
    "budget",
    "entmax",
    "entmax_loss",
    "margin_softmax_loss",
    "perturb_max",
    "perturb_max_loss",
    "soft_topk",
    "softmax",
    "softmax_loss",
    "sparsemax",
    "sparsemax_loss",
    "taylor_softmax",
    "taylor_softmax_loss",
    "temperature_for_entropy",
    "topk_softmax",
    "topk_softmax_loss",
]
