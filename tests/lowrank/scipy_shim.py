"""`scipy.linalg.interpolative` spoken by our functions, so that SciPy's own tests can be put to them.

A pytest plugin: loaded by `-p`, it stands in the place of SciPy's module before SciPy's test file imports it.
"""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import scipy.linalg
from scipy.sparse.linalg import LinearOperator

from minent.lowrank import interpolative, rank_estimate
from minent.lowrank import svd as decompose

CALLS = {"interpolative": 0, "svd": 0, "rank_estimate": 0}


def interp_decomp(a, eps_or_k, rand=True, rng=None):
    """SciPy's order: the columns that are kept, then all others; and the coefficients of the others alone."""
    CALLS["interpolative"] += 1
    goal = {"tolerance": eps_or_k} if eps_or_k < 1 else {"rank": int(eps_or_k)}
    method = "sketch" if rand or isinstance(a, LinearOperator) else "qr"
    found = interpolative(a, method=method, seed=7, **goal)
    others = np.setdiff1d(np.arange(a.shape[1]), found.columns)
    order, coefficients = np.concatenate([found.columns, others]), found.coefficients[:, others]
    if "tolerance" in goal:
        return found.rank, order, coefficients
    missing = int(eps_or_k) - found.rank  # SciPy always returns k; ours stops where only rounding is left
    units = np.zeros((missing, len(others) - missing))
    return order, np.vstack([coefficients[:, missing:], units])


def reconstruct_interp_matrix(order, coefficients):
    full = np.hstack([np.eye(len(coefficients), dtype=coefficients.dtype), coefficients])
    return full[:, np.argsort(order)]


def reconstruct_skel_matrix(a, k, order):
    return a[:, order[:k]]


def reconstruct_matrix_from_id(b, order, coefficients):
    return b @ reconstruct_interp_matrix(order, coefficients)


def svd(a, eps_or_k, rand=True, rng=None):
    CALLS["svd"] += 1
    goal = {"tolerance": eps_or_k} if eps_or_k < 1 else {"rank": int(eps_or_k)}
    parts = decompose(a, seed=7, **goal)
    return parts.u, parts.s, parts.vt.conj().T


def id_to_svd(b, order, coefficients):
    parts = decompose(reconstruct_matrix_from_id(b, order, coefficients), rank=len(coefficients))
    return parts.u, parts.s, parts.vt.conj().T


def estimate_spectral_norm(a, its=20, rng=None):
    return float(decompose(a, rank=1).s[0])


def estimate_spectral_norm_diff(a, b, its=20, rng=None):
    return estimate_spectral_norm(a - b)


def estimate_rank(a, eps, rng=None):
    CALLS["rank_estimate"] += 1
    return rank_estimate(a, eps).rank


def _install() -> None:
    module = ModuleType("scipy.linalg.interpolative")
    names = {name: thing for name, thing in globals().items() if callable(thing) and not name.startswith("_")}
    vars(module).update(names)
    sys.modules["scipy.linalg.interpolative"] = module
    scipy.linalg.interpolative = module


def pytest_configure(config) -> None:
    _install()


def pytest_unconfigure(config) -> None:
    print("our calls:", CALLS)
