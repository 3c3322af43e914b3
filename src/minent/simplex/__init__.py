"""Scores to probabilities, dense or sparse, each map with its loss. For PyTorch, on any device, in any precision.

    >>> import torch
    >>> from minent.simplex import entmax, entmax_loss
    >>> scores = torch.tensor([[2.0, 1.0, 0.0]], requires_grad=True)
    >>> entmax(scores, alpha=1.5)
    tensor([[0.8307, 0.1693, 0.0000]], grad_fn=<...>)
    >>> entmax_loss(scores, torch.tensor([0]), alpha=1.5).backward()
    >>> scores.grad  # p - y
    tensor([[-0.1693,  0.1693,  0.0000]])

| map | loss | monotone | shift invariant | zeros |
|---|---|---|---|---|
| `softmax` | `softmax_loss`, `margin_softmax_loss` | strictly | yes | none |
| `taylor_softmax` | `taylor_softmax_loss` | weakly; bare, not | if `centred` | none |
| `sigmoid_norm`, `softplus_norm` | `sigmoid_norm_loss`, `softplus_norm_loss` | strictly | no | none |
| `topk_softmax` | `topk_softmax_loss` | weakly | yes | all but k |
| `r_softmax`, `ev_softmax` | `r_softmax_loss`, `ev_softmax_loss` | weakly | yes | a fraction; below the mean |
| `perturb_max` | `perturb_max_loss` | strictly | yes | none |
| `sparsemax`, `entmax`, `normmax` | `sparsemax_loss`, `entmax_loss`, `normmax_loss` | weakly | yes | many |
| `soft_topk`, `budget` (sum to k) | `soft_topk_loss`, `budget_loss` | strictly, weakly | yes | none, many |

`temperature_for_entropy` finds the temperature at which softmax has a stated entropy; `support_size` and `to_csr` say
what sparse probabilities keep; `Layer` and `LearnedEntmax` are `torch.nn.Module` faces. On the CPU entmax runs in
compiled kernels, on as many threads as `MINENT_THREADS` and `torch.set_num_threads` allow; the first call compiles them
(seconds), and a cache keeps them.
"""

from minent.simplex.fenchel_young import budget_loss, entmax_loss, normmax_loss, soft_topk_loss, sparsemax_loss
from minent.simplex.layers import Layer, LearnedEntmax
from minent.simplex.losses import (
    margin_softmax_loss,
    perturb_max_loss,
    softmax_loss,
    taylor_softmax_loss,
    topk_softmax_loss,
)
from minent.simplex.maps import softmax, taylor_softmax, topk_softmax
from minent.simplex.normalised import (
    ev_softmax,
    ev_softmax_loss,
    r_softmax,
    r_softmax_loss,
    sigmoid_norm,
    sigmoid_norm_loss,
    softplus_norm,
    softplus_norm_loss,
)
from minent.simplex.normmax import normmax
from minent.simplex.perturb import perturb_max
from minent.simplex.sparse import entmax, sparsemax
from minent.simplex.support import support_size, to_csr
from minent.simplex.temperature import temperature_for_entropy
from minent.simplex.thresholds import budget, soft_topk

__all__ = [
    "Layer",
    "LearnedEntmax",
    "budget",
    "budget_loss",
    "entmax",
    "entmax_loss",
    "ev_softmax",
    "ev_softmax_loss",
    "margin_softmax_loss",
    "normmax",
    "normmax_loss",
    "perturb_max",
    "perturb_max_loss",
    "r_softmax",
    "r_softmax_loss",
    "sigmoid_norm",
    "sigmoid_norm_loss",
    "soft_topk",
    "soft_topk_loss",
    "softmax",
    "softmax_loss",
    "softplus_norm",
    "softplus_norm_loss",
    "sparsemax",
    "sparsemax_loss",
    "support_size",
    "taylor_softmax",
    "taylor_softmax_loss",
    "temperature_for_entropy",
    "to_csr",
    "topk_softmax",
    "topk_softmax_loss",
]
