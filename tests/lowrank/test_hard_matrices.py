"""Matrices made to mislead a choice of columns, and every promise about them that theory makes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from minent.errors import InputError
from minent.lowrank import interpolative
from minent.lowrank.exchange import exchange, strengthen, strong_bound
from tests.lowrank import reference

METHODS = ("sketch", "qr", "strong", "greedy", "columns", "arp")


def kahan(side: int, angle: float = 1.2) -> np.ndarray:
    """Kahan's triangle: every pivot ties, and the last singular value hides."""
    sine, cosine = np.sin(angle), np.cos(angle)
    triangle = np.eye(side) - cosine * np.triu(np.ones((side, side)), 1)
    return sine ** np.arange(side)[:, None] * triangle * (1 - 1e-10 * np.arange(side))  # in the order of pivoting


def gap(seed: int = 0) -> np.ndarray:
    """Ten singular values of 1, then 1e-8."""
    draw = np.random.default_rng(seed)
    left, right = (np.linalg.qr(draw.standard_normal((side, 40)))[0] for side in (60, 40))
    return (left * np.where(np.arange(40) < 10, 1.0, 1e-8)) @ right.T


HARD = {
    "kahan": (kahan(60), 59),
    "gap": (gap(), 10),
    "hilbert": (linalg.hilbert(40), 8),
    "duplicates": (np.repeat(reference.decaying(30, 8, 1.0), 5, axis=1), 5),
}


def spectral_error(a: np.ndarray, found) -> float:
    return float(np.linalg.norm(a - a[:, found.columns] @ found.coefficients, 2))


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("factor", [1.1, 2.0, 4.0])
def test_strong_keeps_gu_and_eisenstats_bounds(name: str, factor: float) -> None:
    a, rank = HARD[name]
    found = interpolative(a, rank=rank, method="strong", factor=factor)
    assert found.rank == rank
    assert np.abs(found.coefficients).max() <= factor * (1 + 1e-9)
    following = np.linalg.svd(a, compute_uv=False)[rank]
    assert spectral_error(a, found) <= strong_bound(rank, a.shape[1], factor) * following + 1e-13


def test_kahan_misleads_pivoted_qr_but_not_strong() -> None:
    a, rank = HARD["kahan"]
    misled, strong = (interpolative(a, rank=rank, method=method) for method in ("qr", "strong"))
    assert misled.columns.tolist() == list(range(59))
    assert misled.largest_coefficient > 1e5
    assert strong.largest_coefficient <= 2
    assert strong.error < 1e-4 * misled.error


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["gap", "hilbert", "duplicates"])
def test_no_method_is_lost(name: str, method: str) -> None:
    a, rank = HARD[name]
    found = interpolative(a, rank=rank, method=method)
    best = reference.tail(a, rank)
    assert best * (1 - 1e-6) <= found.error <= 4 * np.sqrt(rank + 1) * best
    assert found.largest_coefficient == np.abs(found.coefficients).max()
    assert found.error_kind == "exact"


@pytest.mark.parametrize("method", METHODS)
def test_the_gap_is_found_by_tolerance(method: str) -> None:
    assert interpolative(gap(), tolerance=1e-5, method=method).rank == 10


@pytest.mark.parametrize("seed", range(6))
def test_all_methods_against_every_choice_of_up_to_fourteen_columns(seed: int) -> None:
    draw = np.random.default_rng(seed)
    n, rank = int(draw.integers(8, 15)), int(draw.integers(2, 6))
    a = reference.decaying(20, n, float(draw.uniform(0.3, 3)), seed=seed)
    optimum = reference.best_error(a, rank)
    # some choice has at most sqrt(k + 1) times the error of the best matrix of that rank (volume sampling)
    assert reference.tail(a, rank) <= optimum <= np.sqrt(rank + 1) * reference.tail(a, rank)
    ratios = {method: interpolative(a, rank=rank, method=method).error / optimum for method in METHODS}
    assert min(ratios.values()) >= 1 - 1e-9
    assert max(ratios.values()) < 2
    assert ratios["sketch"] < 1.15


def test_sketch_is_nearer_to_the_optimum_than_pivoting_on_average() -> None:
    ratios = {method: [] for method in ("sketch", "qr", "greedy")}
    for seed in range(12):
        a = reference.decaying(20, 12, 1.5, seed=seed)
        for method, row in ratios.items():
            row.append(interpolative(a, rank=4, method=method).error / reference.best_error(a, 4))
    mean = {method: np.mean(row) for method, row in ratios.items()}
    assert mean["sketch"] < 1.08
    assert mean["sketch"] < mean["qr"]


def test_arp_keeps_its_bound_on_average() -> None:
    a, rank = reference.decaying(40, 30, 1.0), 5
    squares = [interpolative(a, rank=rank, method="arp", seed=seed).error ** 2 for seed in range(60)]
    assert np.mean(squares) <= (rank + 1) * reference.tail(a, rank) ** 2
    assert len({round(square, 12) for square in squares}) > 10


# --- exchange ---------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(4, 9), count=st.integers(1, 3), is_complex=st.booleans())
def test_one_exchange_is_the_best_of_all_swaps(seed: int, n: int, count: int, is_complex: bool) -> None:
    draw = np.random.default_rng(seed)
    b = draw.standard_normal((7, n)) + (1j * draw.standard_normal((7, n)) if is_complex else 0)
    outside = draw.random(n) * draw.integers(0, 2)
    chosen = draw.permutation(n)[:count].tolist()
    whole = np.vstack([b, np.diag(np.sqrt(outside))])  # what `outside` stands for
    before = reference.error_of(whole, chosen)
    swaps = {
        (place, column): reference.error_of(whole, [*chosen[:place], column, *chosen[place + 1 :]])
        for place in range(count)
        for column in range(n)
        if column not in chosen
    }
    after = reference.error_of(whole, exchange(b, chosen, 0, 2, outside if outside.any() else None))
    # two rounds: at least as good as the best swap, unless that shrinks the volume too much or gains too little
    volume = abs(np.linalg.det(whole[:, chosen].conj().T @ whole[:, chosen]))

    def is_allowed(swap: tuple[int, int]) -> bool:
        changed = whole[:, [*chosen[: swap[0]], swap[1], *chosen[swap[0] + 1 :]]]
        return abs(np.linalg.det(changed.conj().T @ changed)) > volume / 24

    best = min((error for swap, error in swaps.items() if is_allowed(swap)), default=before)
    assert after <= before * (1 + 1e-9)
    if best**2 < (1 - 0.03) * before**2:
        assert after <= best * (1 + 1e-6)


def test_fixed_columns_stay() -> None:
    a = reference.clusters_and_outliers()
    first = [295, 296]
    for improve in (lambda c: exchange(a, c, 2, 50), lambda c: strengthen(a, c, 2, 1.1)):
        columns = improve([*first, 0, 1, 2])
        assert columns[:2] == first
        assert len(set(columns)) == 5
        assert columns != [*first, 0, 1, 2]


@pytest.mark.parametrize("factor", [1.0, 0.5, np.nan, np.inf, "2"])
def test_a_factor_that_no_choice_can_keep_is_refused(factor: Any) -> None:
    with pytest.raises(InputError, match=r"factor is .*above 1"):
        interpolative(np.eye(3), rank=1, method="strong", factor=factor)
