"""The compiled kernels: against plain torch, against 50 digits, on any number of threads, at every layout of rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minent import simplex
from minent.simplex import cpu, elementary, kernels
from minent.simplex.sparse import _ENTMAX, solve_by_torch
from tests.simplex import reference

ALPHAS = [1.0, 1 + 1e-9, 1.05, 1.2, 1.5, 1.75, 2.0, 2.5, 4.0]
LENGTHS = [1, 2, 63, kernels.SHORT, kernels.SHORT + 1, 5000]  # both layouts, and their border


def scores(rows: int, entries: int, dtype: torch.dtype = torch.float64, scale: float = 2.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(entries)
    return torch.randn(rows, entries, generator=generator, dtype=torch.float64).mul(scale).to(dtype)


@pytest.mark.parametrize("entries", LENGTHS)
@pytest.mark.parametrize("alpha", ALPHAS)
def test_kernels_agree_with_plain_torch(entries, alpha):
    """The twin in plain torch serves other devices; both are found by different searches."""
    z = scores(70, entries)
    z[0, : entries // 2] = -math.inf
    number = torch.tensor(alpha, dtype=torch.float64)
    p, _ = cpu.entmax(z, number)
    torch.testing.assert_close(p, solve_by_torch(z, number), atol=1e-11 if alpha <= 2 else 1e-6, rtol=0)
    v = scores(70, entries) + 1
    twin = simplex.balance.projected(_ENTMAX.slope(p, number), v)
    torch.testing.assert_close(cpu.project(p, v, number), twin, atol=1e-11, rtol=1e-9)


@pytest.mark.parametrize("alpha", [1 + 1e-6, 1.05, 1.3, 1.5, 1.9, 2.0, 3.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_fifty_digits(alpha, dtype):
    z = scores(2, 40, dtype)
    for row, p in zip(z, simplex.entmax(z, alpha), strict=True):
        exact = reference.entmax_in_digits(row.tolist(), alpha)
        np.testing.assert_allclose(p.double(), exact, atol=4 * torch.finfo(dtype).eps, rtol=0)


@pytest.mark.parametrize("entries", [8, 600])
def test_one_alpha_per_row_is_each_row_alone(entries):
    z = scores(len(ALPHAS), entries)
    alpha = torch.tensor(ALPHAS, dtype=torch.float64).unsqueeze(1)
    p = simplex.entmax(z, alpha)
    for i, number in enumerate(ALPHAS):
        torch.testing.assert_close(p[i], simplex.entmax(z[i], number), atol=1e-8, rtol=0)


@pytest.mark.parametrize("entries", [300, 2000])
def test_threads_change_nothing(entries, monkeypatch):
    z = scores(333, entries, torch.float32)
    results = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("MINENT_THREADS", threads)
        monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
        p = simplex.entmax(z, 1.3)
        results.append((p, cpu.project(p, z, torch.tensor(1.3, dtype=torch.float64))))
    for p, gradient in results[1:]:
        assert torch.equal(p, results[0][0])
        assert torch.equal(gradient, results[0][1])


@pytest.mark.parametrize("entries", [512, 4096, 32000])
@pytest.mark.parametrize("scale", [0.5, 1.0, 4.0])
def test_few_evaluations(entries, scale):
    """Six at most, typically: of the sums over what may be in the support, whatever alpha is."""
    for alpha in (1.05, 1.2, 1.333, 1.5, 1.75, 2.0):
        _, counts = cpu.entmax(scores(64, entries, scale=scale), torch.tensor(alpha, dtype=torch.float64))
        assert np.median(counts) <= 6, (alpha, counts)
        assert counts.max() <= 12, (alpha, counts)


@pytest.mark.parametrize("entries", [6, 700])
@pytest.mark.parametrize("alpha", [1.3, 1.5, 2.0])
def test_what_spoils_a_row_stays_in_it(entries, alpha):
    """NaN of either sign and +inf make their row NaN, masks make it zeros, and the rows beside stay as they were."""
    z = scores(6, entries, torch.float32)
    clean = simplex.entmax(z, alpha)
    z[1, 3], z[2, 0], z[3, 5], z[4] = math.nan, -torch.tensor(math.nan), math.inf, -math.inf
    p = simplex.entmax(z, alpha)
    assert p[1:4].isnan().all()
    assert (p[4] == 0).all()
    assert torch.equal(p[[0, 5]], clean[[0, 5]])


@pytest.mark.parametrize("alpha", [1.01, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("entries", [1, 7, 513, 3000])
def test_equal_scores_share_equally(alpha, entries):
    p = simplex.entmax(torch.full((3, entries), 7.25), alpha)
    torch.testing.assert_close(p, torch.full((3, entries), 1.0 / entries), rtol=1e-5, atol=0)


@pytest.mark.parametrize("alpha", [1.0, 1.2, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("entries", [5, 700])
def test_large_scores_keep_their_differences(alpha, entries):
    """Beside a peak of 1e8 a float32 has steps of 8, and beside the largest of all the threshold is nothing."""
    z = torch.zeros(3, entries)
    z[0, 1], z[0, 2] = 1e8, 1e8
    z[1, 0], z[1, 1], z[1, 3] = 3e38, -3e38, 3.1e38
    z[2] = -3e38
    p = simplex.entmax(z.requires_grad_(), alpha)
    expected = torch.zeros(3, entries)
    expected[0, 1:3], expected[1, 3], expected[2] = 0.5, 1.0, 1.0 / entries
    torch.testing.assert_close(p.detach(), expected)
    p.backward(scores(3, entries, torch.float32))
    assert z.grad.isfinite().all()


def test_a_million_entries():
    z = scores(1, 1_000_000, torch.float32)
    for alpha in (1.1, 1.5, 2.0):
        p = simplex.entmax(z, alpha)
        assert p.double().sum().item() == pytest.approx(1, abs=1e-5)
        expected = simplex.entmax(z.double(), alpha)
        torch.testing.assert_close(p.double(), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_elementary_functions(dtype):
    """Within two units in the last place of the library's, where the kernels use them."""
    falling = np.linspace(-80, 3, 4001).astype(dtype)
    below_one = np.concatenate([np.geomspace(1e-30, 1, 4001), 1 - np.geomspace(1e-7, 0.5, 4001)]).astype(dtype)
    near_zero = np.concatenate([-np.geomspace(1e-12, 30, 4001), np.geomspace(1e-12, 3, 4001)]).astype(dtype)
    for apply, x, exact in [
        (apply_exponential, falling, np.exp),
        (apply_logarithm, below_one, np.log),
        (apply_less_one, near_zero, np.expm1),
    ]:
        out = np.empty_like(x)
        apply(x, out)
        expected = exact(x.astype(np.longdouble))
        error = np.abs(out - expected) / np.maximum(np.abs(expected), np.finfo(dtype).tiny)
        assert error.max() <= 2.5 * np.finfo(dtype).eps, exact
    out = np.empty(1, dtype)
    apply_exponential(np.array([-1e30], dtype), out)
    assert out[0] == 0


@elementary.vector
def apply_exponential(x, out):
    for i in range(x.size):
        out[i] = elementary.exponential(x[i])


@elementary.vector
def apply_logarithm(x, out):
    for i in range(x.size):
        out[i] = elementary.logarithm(x[i])


@elementary.vector
def apply_less_one(x, out):
    for i in range(x.size):
        out[i] = elementary.exponential_less_one(x[i])


@settings(max_examples=60, deadline=None)
@given(
    z=st.lists(st.integers(-8, 8).map(lambda n: n / 4), min_size=1, max_size=30),
    alpha=st.sampled_from(ALPHAS),
    copies=st.sampled_from([1, 40]),
)
def test_ties_and_edges(z, alpha, copies):
    """Quarters make ties and scores exactly on the threshold; forty copies make the row a long one."""
    row = np.array(z * copies)
    p = simplex.entmax(torch.tensor(row), alpha).numpy()
    np.testing.assert_allclose(p, reference.entmax_by_bisection(row, alpha), atol=1e-7 if alpha > 2 else 1e-10)
    for value in set(z):
        assert len(set(p[row == value])) == 1
