"""The exact cost: its identities, its gradient, and its bound."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from minent.vectors import PairCost, objective
from tests.vectors import reference


def case(seed, size=7, dim=3):
    rng = np.random.default_rng(seed)
    pairs = rng.random((size, size)) * (rng.random((size, size)) < 0.5)
    pairs = pairs + pairs.T + np.eye(size, k=1) + np.eye(size, k=-1)
    np.fill_diagonal(pairs, 0.0)
    pairs /= pairs.sum()
    log_base = np.log(pairs.sum(axis=0))
    return pairs, log_base, rng.normal(size=(size, dim)), rng.normal(size=(size, dim))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 8))
def test_cost_less_entropy_is_the_weighted_divergence(seed, block_rows):
    pairs, log_base, centres, contexts = case(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objective, "_BLOCK_ROWS", block_rows)
        cost = PairCost(sparse.csr_matrix(pairs), log_base)
        bits, _, _ = cost(centres, contexts)
    q = reference.likelihoods(log_base, centres, contexts)
    assert bits == pytest.approx(reference.cost_bits(pairs, q), abs=1e-10)
    assert cost.entropy_bits == pytest.approx(reference.entropy_bits(pairs), abs=1e-10)
    assert bits - cost.entropy_bits == pytest.approx(reference.divergence_bits(pairs, q), abs=1e-10)
    assert bits >= cost.entropy_bits


@pytest.mark.parametrize("block_rows", [3, 256])
def test_gradient_is_the_closed_form(monkeypatch, block_rows):
    monkeypatch.setattr(objective, "_BLOCK_ROWS", block_rows)
    pairs, log_base, centres, contexts = case(1)
    _, for_centres, for_contexts = PairCost(sparse.csr_matrix(pairs), log_base)(centres, contexts)
    q = reference.likelihoods(log_base, centres, contexts)
    force = (pairs.sum(axis=1, keepdims=True) * q - pairs) / np.log(2)
    assert np.allclose(for_centres, force @ contexts, atol=1e-10, rtol=0)
    assert np.allclose(for_contexts, force.T @ centres, atol=1e-10, rtol=0)


@pytest.mark.parametrize("shared", [False, True])
def test_gradient_agrees_with_finite_differences(shared):
    pairs, log_base, centres, contexts = case(2)
    contexts = centres if shared else contexts
    cost = PairCost(sparse.csr_matrix(pairs), log_base)
    _, for_centres, for_contexts = cost(centres, contexts)
    gradient = for_centres + for_contexts if shared else for_centres
    small = 1e-5
    for at in np.ndindex(centres.shape):
        moved = np.zeros_like(centres)
        moved[at] = small
        ahead = cost(centres + moved, centres + moved if shared else contexts)[0]
        behind = cost(centres - moved, centres - moved if shared else contexts)[0]
        assert gradient[at] == pytest.approx((ahead - behind) / (2 * small), abs=1e-8)


def test_large_scores_stay_finite():
    pairs, log_base, centres, contexts = case(3)
    bits, for_centres, _ = PairCost(sparse.csr_matrix(pairs), log_base)(100 * centres, 100 * contexts)
    assert np.isfinite(bits)
    assert np.isfinite(for_centres).all()


def test_float32_blocks_follow_float64():
    pairs, log_base, centres, contexts = case(4)
    cost = PairCost(sparse.csr_matrix(pairs), log_base)
    exact = cost(centres, contexts)
    fast = cost(centres.astype(np.float32), contexts.astype(np.float32))
    assert fast[1].dtype == np.float32
    assert fast[0] == pytest.approx(exact[0], rel=1e-6)
    assert np.allclose(fast[1], exact[1], atol=1e-6)
