"""Stand in for the package `entmax`: its names and arguments, our functions. Imported only by `test_peers`."""

from __future__ import annotations

import sys
from types import ModuleType

import torch

from minent import simplex


def sparsemax(X, dim=-1, k=None):
    return simplex.sparsemax(X, dim)


def entmax15(X, dim=-1, k=None):
    return simplex.entmax(X, 1.5, dim)


def sparsemax_bisect(X, dim=-1, n_iter=50, ensure_sum_one=True):
    return simplex.sparsemax(X, dim)


def entmax_bisect(X, alpha=1.5, dim=-1, n_iter=50, ensure_sum_one=True):
    return simplex.entmax(X, alpha.clamp(min=1.0) if isinstance(alpha, torch.Tensor) else max(float(alpha), 1.0), dim)


def normmax_bisect(X, alpha=2, dim=-1, n_iter=50):
    alpha = torch.as_tensor(alpha, dtype=torch.float64).detach()
    if alpha.ndim == 0:
        return simplex.normmax(X, max(float(alpha), 1.01), dim)
    rows = [simplex.normmax(x, max(float(a), 1.01)) for x, a in zip(X, alpha.flatten(), strict=True)]
    return torch.stack(rows)


def budget_bisect(X, budget=2, dim=-1, n_iter=50):
    k = float(budget)
    return simplex.budget(X, k, dim) if k > 0 else 0.0 * X  # a budget of nothing: we refuse it


class _Module(torch.nn.Module):
    def __init__(self, dim=-1, k=None):
        super().__init__()
        self.dim = dim


class Sparsemax(_Module):
    def forward(self, X):
        return sparsemax(X, self.dim)


class Entmax15(_Module):
    def forward(self, X):
        return entmax15(X, self.dim)


def _loss(function, **options):
    class Loss(torch.nn.Module):
        def __init__(self, k=None, ignore_index=-100, reduction="elementwise_mean", **_):
            super().__init__()
            self.options = {
                "ignore_index": int(ignore_index),
                "reduction": "mean" if reduction == "elementwise_mean" else reduction,
            }

        def forward(self, X, target):
            return function(X, target, **options, **self.options)

    return Loss


def _threshold_and_support(alpha):
    """What the inside of their solver gives: here read off our result, so that k changes nothing."""

    def solve(X, dim=-1, k=None):
        p = simplex.entmax(X / (alpha - 1.0), alpha, dim)
        threshold = X.amax(dim, keepdim=True) - p.amax(dim, keepdim=True) ** (alpha - 1.0)
        return threshold, simplex.support_size(p, dim).unsqueeze(dim)

    return solve


def install() -> None:
    """Stand in for the package `entmax` in this process."""
    activations, root_finding, losses = (ModuleType(f"entmax.{n}") for n in ("activations", "root_finding", "losses"))
    for module, names in {
        activations: {"sparsemax": sparsemax, "entmax15": entmax15, "Sparsemax": Sparsemax, "Entmax15": Entmax15},
        root_finding: {
            "sparsemax_bisect": sparsemax_bisect,
            "entmax_bisect": entmax_bisect,
            "normmax_bisect": normmax_bisect,
            "budget_bisect": budget_bisect,
        },
        losses: {
            "SparsemaxLoss": _loss(simplex.sparsemax_loss),
            "SparsemaxBisectLoss": _loss(simplex.sparsemax_loss),
            "Entmax15Loss": _loss(simplex.entmax_loss),
            "EntmaxBisectLoss": _loss(simplex.entmax_loss),
            "NormmaxBisectLoss": _loss(simplex.normmax_loss),
        },
    }.items():
        vars(module).update(names)
        sys.modules[module.__name__] = module
    activations._sparsemax_threshold_and_support = _threshold_and_support(2.0)
    activations._entmax_threshold_and_support = _threshold_and_support(1.5)
    package = ModuleType("entmax")
    package.__path__ = []
    sys.modules["entmax"] = package
