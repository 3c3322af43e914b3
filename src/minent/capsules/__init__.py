"""Clusters inside one sample and across samples: a capsule layer for PyTorch, and soft K-Means for scikit-learn.

The layer turns any number of feature vectors into a few: it clusters them, and the length of each cluster says how
salient it is. The estimator is the same idea over a data set; it needs no torch.

    >>> import numpy as np
    >>> from minent.capsules import SoftKMeans
    >>> points = np.array([[0.0, 0.0], [0.1, 0.0], [5.0, 5.0], [5.1, 5.0]])
    >>> SoftKMeans(n_clusters=2, seed=0).fit_predict(points).tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])
    True

    >>> import torch
    >>> from minent.capsules import CapsuleLayer, lengths
    >>> vectors, coupling = CapsuleLayer(in_dim=8, capsules=3, dim=4)(torch.zeros(2, 5, 8))
    >>> vectors.shape, coupling.shape
    (torch.Size([2, 3, 4]), torch.Size([2, 5, 3]))
    >>> lengths(vectors).shape  # one salience per sample and capsule
    torch.Size([2, 3])
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minent.capsules.kmeans import SoftKMeans as SoftKMeans
    from minent.capsules.layer import CapsuleLayer as CapsuleLayer
    from minent.capsules.layer import CapsuleOutput as CapsuleOutput
    from minent.capsules.routing import route as route
    from minent.capsules.routing import routing_objective as routing_objective
    from minent.capsules.salience import lengths as lengths
    from minent.capsules.salience import margin_loss as margin_loss
    from minent.capsules.salience import squash as squash

# A name loads its module when it is first asked for, so the estimator never loads torch, nor the layer scikit-learn.
_HOMES = {
    "CapsuleLayer": "layer",
    "CapsuleOutput": "layer",
    "SoftKMeans": "kmeans",
    "lengths": "salience",
    "margin_loss": "salience",
    "route": "routing",
    "routing_objective": "routing",
    "squash": "salience",
}

__all__ = [
    "CapsuleLayer",
    "CapsuleOutput",
    "SoftKMeans",
    "lengths",
    "margin_loss",
    "route",
    "routing_objective",
    "squash",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"minent.capsules.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'minent.capsules' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
