"""torch tensors in and out, without importing torch: whoever passes one has loaded it."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any, TypeVar

import numpy as np

from minent.errors import InputError

Result = TypeVar("Result")


def is_tensor(a: Any) -> bool:
    """Whether it is a torch tensor (or a Parameter)."""
    return any(base.__module__ == "torch" and base.__name__ == "Tensor" for base in type(a).__mro__)


def to_numpy(a: Any, name: str = "a") -> Any:
    """A tensor as an array that shares its memory where it can; anything else as it is."""
    if not is_tensor(a):
        return a
    if a.layout is not sys.modules["torch"].strided:
        raise InputError(f"{name} is a torch tensor of layout {a.layout}; pass a scipy.sparse matrix, or to_dense().")
    plain = a.detach().cpu().resolve_conj().resolve_neg()
    return (plain.float() if plain.element_size() < 4 and plain.is_floating_point() else plain).numpy()


def like(result: Result, a: Any) -> Result:
    """An array, or a dataclass of arrays, as tensors on the device of `a` if `a` is a tensor."""
    if not is_tensor(a):
        return result
    if isinstance(result, np.ndarray):
        return sys.modules["torch"].from_numpy(np.array(result)).to(a.device)  # a copy: views may be read-only
    parts: Any = result
    values = {field.name: getattr(result, field.name) for field in dataclasses.fields(parts)}
    arrays = {name: like(value, a) for name, value in values.items() if isinstance(value, np.ndarray)}
    return dataclasses.replace(parts, **arrays)
