"""As few columns as reach a tolerance: the sketch that grows, and the sparing of what it chose beyond need."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.linalg import aslinearoperator

from minent.lowrank import interpolative
from minent.lowrank.fitting import fit, spare
from minent.lowrank.sources import Held
from tests.lowrank import reference

# Their shorter side is more than the first sketch has mixtures, so that it is a sketch, and grows.
MATRICES = {
    "slow": (reference.decaying(400, 260, 0.5), 0.5),
    "even": (reference.decaying(400, 260, 1.0), 0.05),
    "fast": (reference.decaying(400, 260, 2.0), 2e-3),
    "faster": (reference.decaying(260, 400, 6.0), 1e-9),
    "kernel": (np.exp(-((np.linspace(0, 9, 300)[:, None] - np.linspace(0, 9, 200)) ** 2)), 1e-7),
}


@pytest.mark.parametrize("name", MATRICES)
def test_the_sketch_grows_until_the_tolerance_is_reached_and_no_column_can_go(name: str) -> None:
    a, tolerance = MATRICES[name]
    found, limit = interpolative(a, tolerance=tolerance), tolerance * np.linalg.norm(a)
    columns = found.columns.tolist()
    assert reference.error_of(a, columns) <= limit
    assert found.error == pytest.approx(np.linalg.norm(a - a[:, columns] @ found.coefficients), rel=1e-4)
    for place in range(0, len(columns), 9):
        assert reference.error_of(a, columns[:place] + columns[place + 1 :]) > limit * (1 - 1e-6)
    assert found.rank <= 1.03 * interpolative(a, tolerance=tolerance, method="qr").rank + 1


def test_columns_taken_first_stay_while_the_sketch_grows() -> None:
    a, tolerance = MATRICES["even"]
    first = list(range(40, 60))
    found = interpolative(a, tolerance=tolerance, start=first)
    assert found.columns[:20].tolist() == first
    assert found.rank > 100  # more than the first sketch could choose
    assert found.relative_error <= tolerance
    all_of_them = interpolative(a[:, :90], tolerance=tolerance, start=range(90))
    assert all_of_them.columns.tolist() == list(range(90))
    assert all_of_them.error < 1e-12


@pytest.mark.parametrize("name", MATRICES)
def test_operators_and_chunks_too_grow(name: str) -> None:
    a, tolerance = MATRICES[name]

    def chunks() -> Iterator[np.ndarray]:
        chunks.passes += 1
        return iter(np.array_split(a, 7))

    chunks.passes = 0
    fewest = interpolative(a, tolerance=tolerance).rank
    for source in (aslinearoperator(a), chunks):
        found = interpolative(source, tolerance=tolerance)
        error = np.linalg.norm(a - a[:, found.columns] @ found.coefficients)
        assert error <= found.error * (1 + 1e-6)
        assert found.relative_error <= tolerance
        assert found.rank <= 1.8 * fewest + 1  # the error is bounded at some twice of what it is
    assert chunks.passes <= 6


def test_sparse_complex_and_single_matrices_grow() -> None:
    draw = np.random.default_rng(0)
    factors = draw.standard_normal((500, 90)) @ (
        np.exp(-0.1 * np.arange(90))[:, None] * draw.standard_normal((90, 200))
    )
    holes = factors * (draw.random((500, 200)) < 0.5)
    for a in (sparse.csr_array(holes), factors + 1j * factors[::-1], factors.astype(np.float32)):
        plain = a.toarray() if sparse.issparse(a) else a
        found = interpolative(a, tolerance=0.02)
        assert found.relative_error <= 0.02
        assert reference.error_of(plain, found.columns) == pytest.approx(found.error, rel=1e-3)
        assert found.coefficients.dtype == plain.dtype


def test_rank_below_rounding_ends_the_search() -> None:
    a = reference.decaying(300, 5, 1.0) @ reference.decaying(5, 250, 1.0)
    assert interpolative(a, tolerance=1e-10).rank == interpolative(a, tolerance=0.0).rank == 5
    assert interpolative(a, tolerance=1.0).rank == 0
    assert interpolative(np.zeros((300, 250)), tolerance=0.0).rank == 0


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(1, 12),
    fixed=st.integers(0, 3),
    share=st.floats(0.05, 0.9),
    is_complex=st.booleans(),
)
def test_sparing_drops_what_trying_every_column_drops(seed, count, fixed, share, is_complex) -> None:
    draw = np.random.default_rng(seed)
    a = draw.standard_normal((14, 12)) + (1j * draw.standard_normal((14, 12)) if is_complex else 0)
    columns, fixed = draw.permutation(12)[:count].tolist(), min(fixed, count)
    found = fit(Held(a), columns)
    limit = np.sqrt(found.squares + share * (found.size - found.squares))
    kept = spare(found, fixed, limit**2)
    assert kept.columns.tolist() == reference.spared(a, columns, fixed, limit)
    assert np.sqrt(kept.squares) == pytest.approx(reference.error_of(a, kept.columns))
    mixture = a[:, kept.columns] @ kept.coefficients()
    assert np.linalg.norm(a - mixture) == pytest.approx(np.sqrt(kept.squares))
