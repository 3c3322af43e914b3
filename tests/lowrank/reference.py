"""The slow, obvious twins of `minent.lowrank`."""

from __future__ import annotations

from itertools import combinations

import numpy as np


def error_of(a: np.ndarray, columns: list[int]) -> float:
    """The least error of any mixture of these columns."""
    if not len(columns):
        return float(np.linalg.norm(a))
    chosen = a[:, columns]
    return float(np.linalg.norm(a - chosen @ np.linalg.lstsq(chosen, a, rcond=None)[0]))


def best_error(a: np.ndarray, rank: int) -> float:
    """The least error of any choice of `rank` columns."""
    return min(error_of(a, list(columns)) for columns in combinations(range(a.shape[1]), rank))


def pivoted_qr(a: np.ndarray, rank: int) -> list[int]:
    """Gram-Schmidt on the whole residual, the longest column first."""
    residual, chosen = a.copy(), list[int]()
    for _ in range(rank):
        column = int(np.argmax((residual**2).sum(axis=0)))
        direction = residual[:, column] / np.linalg.norm(residual[:, column])
        residual = residual - np.outer(direction, direction @ residual)
        chosen.append(column)
    return chosen


def greedy(a: np.ndarray, rank: int) -> list[int]:
    """Try every column, keep the one that leaves the least error."""
    chosen: list[int] = []
    for _ in range(rank):
        left = [np.inf if j in chosen else error_of(a, [*chosen, j]) for j in range(a.shape[1])]
        chosen.append(int(np.argmin(left)))
    return chosen


def spared(a: np.ndarray, columns: list[int], fixed: int, error: float) -> list[int]:
    """Drop the column without which the error is least, as long as it stays within `error`; the first ones stay."""
    while True:
        fewer = [[*columns[:i], *columns[i + 1 :]] for i in range(fixed, len(columns))]
        errors = [error_of(a, each) for each in fewer]
        if not errors or min(errors) > error:
            return columns
        columns = fewer[int(np.argmin(errors))]


def tail(a: np.ndarray, rank: int) -> float:
    """The least error of any matrix of this rank (Eckart and Young)."""
    return float(np.linalg.norm(np.linalg.svd(a, compute_uv=False)[rank:]))


def decaying(rows: int, columns: int, power: float, seed: int = 0) -> np.ndarray:
    """A matrix with singular values `k**-power` between random bases."""
    draw, side = np.random.default_rng(seed), min(rows, columns)
    left = np.linalg.qr(draw.standard_normal((rows, side)))[0]
    right = np.linalg.qr(draw.standard_normal((columns, side)))[0]
    return (left * np.arange(1.0, side + 1) ** -power) @ right.T


def clusters_and_outliers(seed: int = 0) -> np.ndarray:
    """290 columns near ten centres, and ten long ones that resemble nothing."""
    draw = np.random.default_rng(seed)
    centres = draw.standard_normal((100, 10))
    near = centres[:, draw.integers(0, 10, 290)] + 0.1 * draw.standard_normal((100, 290))
    return np.concatenate([near, 2 * draw.standard_normal((100, 10))], axis=1)
