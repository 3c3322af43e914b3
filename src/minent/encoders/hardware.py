"""Where training runs and how exactly: the processor or a GPU, single precision or bfloat16."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager

import torch

from minent.errors import InputError

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("float32", "bfloat16", "auto")


def device_of(name: str) -> torch.device:
    """The device that a config names: `auto` is a GPU where there is one; each process of a group has its own.

    Raises:
        InputError: `cuda` where there is none.

    Example:
        >>> device_of("cpu")
        device(type='cpu')
    """
    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        raise InputError("device is 'cuda', but torch finds no GPU here; use 'auto' or 'cpu'.")
    if name == "cpu" or not found:
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 matrices itself; elsewhere they are imitated, slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def autocast(precision: str, device: torch.device) -> AbstractContextManager:
    """The context in which a forward pass has the precision that a config names.

    Raises:
        InputError: `bfloat16` where the device has none.
    """
    able = precision != "float32" and has_bfloat16(device)
    if precision == "bfloat16" and not able:
        raise InputError(
            f"precision is 'bfloat16', but this {device.type} has no instructions for it; use 'auto' or 'float32'."
        )
    return torch.autocast(device.type, torch.bfloat16, enabled=able, cache_enabled=False)  # the cache is not per thread
