"""Where torch meets the compiled kernels: tensors on the CPU share their memory with NumPy, so nothing is copied.

Rows are dealt out to threads in whole ranges. Each row is worked out on its own, so the result does not depend on how
many threads there are. Numba is imported when the first row arrives, not before.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import torch

from minent.runtime import thread_count

_LEAST_WORK = 1 << 15  # entries below which a second thread costs more than it saves
_LEAST_EXCESS = 1e-30  # of alpha over 1: there entmax is softmax to the last bit, and still no division by zero


def entmax(rows: torch.Tensor, alpha: torch.Tensor) -> tuple[torch.Tensor, np.ndarray]:
    """Solve entmax for rows `(..., d)`; alpha is one number, or `(..., 1)`, at least 1.

    Returns the probabilities, and the number of evaluations of the last solver that each row met.
    """
    kernels = _kernels("kernels")
    x = _flat(rows)
    out, counts = np.empty_like(x), np.empty(len(x), np.int32)
    excess = np.maximum(_excess(alpha, rows), _LEAST_EXCESS)
    work = np.dtype(np.float64) if (excess > 1).any() else x.dtype  # see `steep` in the kernels
    kernel = getattr(kernels, f"entmax_{'short' if x.shape[1] <= kernels.SHORT else 'long'}_{_power(excess)}")
    _deal(kernel, x, out, solver_parameters(excess, x.shape[1], work), counts)
    return torch.from_numpy(out).view(rows.shape), counts


def project(p: torch.Tensor, v: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """Return `g (v - <g, v> / sum g)` of each row, where `g = p**(2 - alpha)` on the support of p."""
    flat = _flat(p)
    out = np.empty_like(flat)
    excess = _excess(alpha, p)
    kernel = getattr(_kernels("slope_kernels"), f"project_{_power(excess)}")
    _deal(kernel, flat, _flat(v), out, (1.0 - excess).astype(flat.dtype))
    return torch.from_numpy(out).view(p.shape)


def solver_parameters(excess: np.ndarray, d: int, dtype: np.dtype) -> np.ndarray:
    """Return `(4, n)`: `e = alpha - 1`, its inverse, how short the last step must be, and an upper end for t.

    The threshold lies in `[0, (1 - d**-e) / e]`. A Halley step of length h leaves an error of the order of h**3, and
    of `(e h)**(1/e)` where an entry leaves the support on the way; both must be below the precision.
    """
    epsilon = float(np.finfo(dtype).eps)
    last_step = np.where(excess > 1, 2.0 * epsilon, 8.0 * epsilon ** np.clip(excess, 0.5, 1.0))
    upper = -np.expm1(-excess * np.log(d)) / excess
    return np.stack([excess, 1 / excess, last_step, upper + 8 * epsilon * (1 + upper)]).astype(dtype)


def _excess(alpha: torch.Tensor, rows: torch.Tensor) -> np.ndarray:
    """Return alpha - 1, one number or as many as there are rows."""
    if alpha.numel() > 1:
        alpha = alpha.expand(*rows.shape[:-1], 1)
    return alpha.detach().double().reshape(-1).numpy() - 1.0


def _power(excess: np.ndarray) -> str:
    if len(excess) == 1:
        return {1.0: "linear", 0.5: "square"}.get(float(excess[0]), "any")
    return "any"


def _flat(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().reshape(-1, tensor.shape[-1]).contiguous().numpy()


def _kernels(name: str) -> ModuleType:
    return importlib.import_module(f"minent.simplex.{name}")


def _deal(kernel: Callable[..., None], first: np.ndarray, *arguments: Any) -> None:
    """Run `kernel(first, *arguments, begin, end)` over all rows, in as many threads as there may be and it pays."""
    rows = len(first)
    shares = max(min(thread_count(), torch.get_num_threads(), rows, first.size // _LEAST_WORK), 1)
    ends = [rows * (i + 1) // shares // 64 * 64 for i in range(shares - 1)] + [rows]  # 64: whole blocks of lanes
    ranges = [(begin, end) for begin, end in zip([0, *ends], ends, strict=False) if begin < end]
    threads = [threading.Thread(target=kernel, args=(first, *arguments, *pair)) for pair in ranges[1:]]
    for thread in threads:
        thread.start()
    for begin, end in ranges[:1]:
        kernel(first, *arguments, begin, end)
    for thread in threads:
        thread.join()
