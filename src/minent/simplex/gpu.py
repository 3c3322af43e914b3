"""Entmax and its gradient on a GPU: one Triton program per row, where Triton is installed.

The method is that of `kernels`: Halley steps on the norm form, inside a bracket, then `p` divided by its own sum. A row
is read in tiles, so its length has no limit; a tile that holds the whole row stays in the cache of its multiprocessor.
Without Triton, or in float64 above alpha = 2, `sparse.solve_by_torch` does the same in plain torch.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from types import ModuleType

import torch


def available(rows: torch.Tensor) -> bool:
    """Say whether the kernels take these rows: float32 or float64 on a CUDA or ROCm device, with Triton installed."""
    return rows.device.type == "cuda" and _installed()


def entmax(rows: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """Solve entmax for rows `(..., d)`; alpha is one number, or broadcasts to `(..., 1)`."""
    flat = rows.detach().reshape(-1, rows.shape[-1]).contiguous()
    out = torch.empty_like(flat)
    if flat.numel():
        _triton().launch_entmax(flat, out, _excess(alpha, rows))
    return out.view(rows.shape)


def project(p: torch.Tensor, v: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """Return `g (v - <g, v> / sum g)` of each row, where `g = p**(2 - alpha)` on the support of p."""
    flat = p.detach().reshape(-1, p.shape[-1]).contiguous()
    out = torch.empty_like(flat)
    if flat.numel():
        _triton().launch_project(flat, v.detach().reshape(flat.shape).contiguous(), out, _excess(alpha, p))
    return out.view(p.shape)


def _excess(alpha: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Return alpha - 1 for each row: float64, above zero."""
    each = alpha.detach().to(rows.device, torch.float64).expand(*rows.shape[:-1], 1) - 1.0
    return each.reshape(-1).clamp(min=1e-30)


@cache
def _installed() -> bool:
    return importlib.util.find_spec("triton") is not None


def _triton() -> ModuleType:
    from minent.simplex import triton_kernels

    return triton_kernels
