"""The exact cost: its identities, its gradient, and its bound."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from minent.vectors import PairCost, objective, sampling
from minent.vectors.config import KERNELS
from minent.vectors.objective import door_bits
from minent.vectors.sampling import SampledCost
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
@given(st.integers(0, 10_000), st.integers(1, 8), st.sampled_from(KERNELS))
def test_cost_less_entropy_is_the_weighted_divergence(seed, block_rows, kernel):
    pairs, log_base, centres, contexts = case(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objective, "_BLOCK_ROWS", block_rows)
        cost = PairCost(sparse.csr_matrix(pairs), log_base, kernel)
        bits, _, _ = cost(centres, contexts)
        assert cost.bits(centres, contexts) == pytest.approx(bits, abs=1e-12)
    q = reference.likelihoods(log_base, centres, contexts, kernel)
    assert bits == pytest.approx(reference.cost_bits(pairs, q), abs=1e-10)
    assert cost.entropy_bits == pytest.approx(reference.entropy_bits(pairs), abs=1e-10)
    assert bits - cost.entropy_bits == pytest.approx(reference.divergence_bits(pairs, q), abs=1e-10)
    assert bits >= cost.entropy_bits


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("block_rows", [3, 256])
def test_gradient_is_the_closed_form(monkeypatch, block_rows, kernel):
    monkeypatch.setattr(objective, "_BLOCK_ROWS", block_rows)
    pairs, log_base, centres, contexts = case(1)
    _, for_centres, for_contexts = PairCost(sparse.csr_matrix(pairs), log_base, kernel)(centres, contexts)
    q = reference.likelihoods(log_base, centres, contexts, kernel)
    expected = reference.gradients(pairs, q, centres, contexts, kernel)
    assert np.allclose(for_centres, expected[0], atol=1e-10, rtol=0)
    assert np.allclose(for_contexts, expected[1], atol=1e-10, rtol=0)


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradient_of_one_shared_table_is_that_of_the_article(kernel):
    """With `B = A + A^T`, `A = p - p(i) q`: `-B v`, `2 sum B (v_a - v_j)`, and the same over `1 + |v_a - v_j|^2`."""
    pairs, log_base, table, _ = case(5)
    _, for_centres, for_contexts = PairCost(sparse.csr_matrix(pairs), log_base, kernel)(table, table)
    away = (pairs - pairs.sum(axis=1, keepdims=True) * reference.likelihoods(log_base, table, table, kernel)) / np.log(
        2
    )
    away = away + away.T
    between = table[:, None] - table
    if kernel == "dot":
        expected = -away @ table
    else:
        falloff = 1 / (1 + np.square(between).sum(axis=2)) if kernel == "t" else np.ones_like(away)
        expected = 2 * np.einsum("aj,ajk->ak", away * falloff, between)
    assert np.allclose(for_centres + for_contexts, expected, atol=1e-10, rtol=0)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("sampled", [False, True])
def test_gradient_agrees_with_finite_differences(shared, kernel, sampled):
    pairs, log_base, centres, contexts = case(2)
    contexts = centres if shared else contexts
    cost = PairCost(sparse.csr_matrix(pairs), log_base, kernel)
    cost = SampledCost(cost, samples=3, seed=1) if sampled else cost
    _, for_centres, for_contexts = cost(centres, contexts)
    gradients = [for_centres + for_contexts] if shared else [for_centres, for_contexts]
    small = 1e-5
    for which, gradient in enumerate(gradients):
        for at in np.ndindex(centres.shape):
            moved = np.zeros((2, *centres.shape))
            moved[(slice(None) if shared else which, *at)] = small
            ahead = cost(centres + moved[0], contexts + moved[1])[0]
            behind = cost(centres - moved[0], contexts - moved[1])[0]
            assert gradient[at] == pytest.approx((ahead - behind) / (2 * small), abs=1e-8)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_sample_of_all_is_the_exact_cost(monkeypatch, kernel):
    monkeypatch.setattr(sampling, "_BLOCK_ROWS", 3)
    pairs, log_base, centres, contexts = case(6)
    exact = PairCost(sparse.csr_matrix(pairs), log_base, kernel)
    for whole, estimate in zip(exact(centres, contexts), SampledCost(exact, samples=7)(centres, contexts)):
        assert np.allclose(whole, estimate, atol=1e-12, rtol=0)


def test_the_sampled_normaliser_is_right_on_average():
    """Exp of the estimated cost of one row is its normaliser, up to what is known; its mean over rounds is unbiased."""
    pairs, log_base, centres, contexts = case(7, size=30)
    row = np.zeros_like(pairs)
    row[0] = pairs[0] / pairs[0].sum()
    exact = PairCost(sparse.csr_matrix(row), log_base)
    true = 2 ** exact.bits(centres, contexts)
    found = [2 ** SampledCost(exact, samples=6, round=number)(centres, contexts)[0] for number in range(2000)]
    assert np.mean(found) == pytest.approx(true, abs=4 * np.std(found) / np.sqrt(2000))
    assert np.std(found) > 0.01 * true


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 40))
def test_each_token_is_drawn_as_often_as_stated(seed, size, samples):
    log_base = np.random.default_rng(seed).normal(scale=3, size=size)
    cost = SampledCost(PairCost(sparse.csr_matrix((size, size)), log_base), samples, seed)
    assert cost.inclusion.sum() == pytest.approx(min(samples, size))
    assert (cost.inclusion <= 1).all()
    drawn = cost.drawn(0)
    assert abs(len(drawn) - min(samples, size)) <= 1
    assert len(np.unique(drawn)) == len(drawn)
    assert set(np.flatnonzero(cost.inclusion == 1)) <= set(drawn)


def test_draws_follow_their_probabilities():
    cost = SampledCost(PairCost(sparse.csr_matrix((20, 20)), np.linspace(-3, 3, 20)), 6)
    drawn = np.zeros(20)
    for first in range(4000):
        drawn[cost.drawn(first)] += 1
    assert np.allclose(drawn / 4000, cost.inclusion, atol=0.04)


def test_the_walk_from_the_door_and_its_gradient():
    _, _, table, _ = case(8)
    table[3] = 0
    mass = np.arange(1, 8) / 28
    walk, gradient = door_bits(table, mass, 0.7)
    assert walk == pytest.approx(0.7 * sum(p * np.sqrt((v**2).sum()) for p, v in zip(mass, table)), abs=1e-12)
    for at in [(0, 0), (6, 2)]:
        moved = np.zeros_like(table)
        moved[at] = 1e-6
        slope = (door_bits(table + moved, mass, 0.7)[0] - door_bits(table - moved, mass, 0.7)[0]) / 2e-6
        assert gradient[at] == pytest.approx(slope, abs=1e-8)
    assert not gradient[3].any()


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
