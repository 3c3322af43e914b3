"""Weights in fewer bytes: whole numbers of eight bits with a scale for each row, or half precision."""

from __future__ import annotations

import numpy as np

WEIGHTS = ("float32", "float16", "int8")
FEWEST = 4096  # numbers; a smaller array stays as it is
SCALE = ".scale"  # an array's name with this behind it holds the scales of its rows
LARGEST = 127


def packed(arrays: dict[str, np.ndarray], weights: str) -> dict[str, np.ndarray]:
    """Write the large matrices among named arrays in another type; the rest keeps its own.

    A row of an `"int8"` matrix is off by at most half its scale, its largest number / 127. Scales have a mantissa of
    12 bits, so that the product with a whole number is exact and what is unpacked packs to the same bytes again.

    Args:
        arrays: float32 arrays by name.
        weights: A name in `WEIGHTS`.

    Example:
        >>> rows = {"w": np.linspace(-1, 1, 4096, dtype=np.float32).reshape(2, 2048)}
        >>> made = packed(rows, "int8")
        >>> {name: (array.dtype.name, array.shape) for name, array in made.items()}
        {'w': ('int8', (2, 2048)), 'w.scale': ('float32', (2,))}
        >>> bool(abs(unpacked(made)["w"] - rows["w"]).max() < 0.51 / 127)
        True
    """
    made: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        if array.ndim < 2 or array.size < FEWEST or array.dtype != np.float32 or weights == "float32":
            made[name] = array
        elif weights == "float16":
            made[name] = array.astype(np.float16)
        else:
            made[name], made[name + SCALE] = _rounded(array)
    return made


def unpacked(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The float32 arrays that stand in what `packed` made."""
    made: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        if name.endswith(SCALE) and name.removesuffix(SCALE) in arrays:
            continue
        if array.dtype == np.int8 and name + SCALE in arrays:
            made[name] = array * _per_row(arrays[name + SCALE], array)
        else:
            made[name] = array.astype(np.float32) if array.dtype == np.float16 else array
    return made


def _rounded(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    largest = np.abs(array).reshape(len(array), -1).max(axis=1)
    scale = np.maximum(largest / np.float32(LARGEST), np.finfo(np.float32).tiny).astype(np.float32)
    scale = ((scale.view(np.uint32) + np.uint32(0xFFF)) & np.uint32(0xFFFFF000)).view(np.float32)  # up to 12 bits
    return np.rint(array / _per_row(scale, array)).astype(np.int8), scale


def _per_row(scale: np.ndarray, array: np.ndarray) -> np.ndarray:
    return scale.reshape(-1, *(1,) * (array.ndim - 1))
