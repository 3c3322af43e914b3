"""The map: stated perplexity, the gradient of the cost, clusters kept, the same on any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sparse

from minent.errors import InputError
from minent.vectors import PairCost, kernels, maps, neighbour_map
from tests.vectors import reference


def clusters(each=40, seed=0):
    random = np.random.default_rng(seed)
    centres = 6 * random.normal(size=(5, 12))
    return np.concatenate([centre + random.normal(size=(each, 12)) for centre in centres]).astype(np.float32)


def test_neighbours_have_the_stated_perplexity():
    squared = np.square(np.random.default_rng(0).normal(size=(30, 60))).cumsum(axis=1)
    chances = maps._calibrated(squared, 12.0)
    entropy = -(chances * np.log(chances)).sum(axis=1)
    assert np.allclose(np.exp(entropy), 12, atol=1e-6)
    assert (np.diff(chances, axis=1) <= 0).all()


def test_pairs_are_a_symmetric_distribution_of_near_points():
    points = clusters(each=10)
    pairs = maps.neighbour_pairs(points, 3.0).toarray()
    assert pairs.sum() == pytest.approx(1)
    assert np.allclose(pairs, pairs.T)
    assert not pairs.diagonal().any()
    distances = np.linalg.norm(points[:, None] - points, axis=2) + 1e9 * np.eye(50)
    assert (pairs[np.arange(50), distances.argmin(axis=1)] > 0).all()


def test_forces_are_the_gradient_of_the_cost():
    pairs = maps.neighbour_pairs(clusters(each=4), 3.0)
    places = np.random.default_rng(1).normal(size=(20, 2))
    xs, ys = places.T.astype(np.float32)
    shares, gradient = np.empty(20, np.float32), np.empty((20, 2), np.float32)
    mass = np.asarray(pairs.sum(axis=1)).ravel().astype(np.float32)
    kernels.map_shares(0, 20, xs, ys, mass, shares)
    weights = pairs.data.astype(np.float32)
    kernels.map_forces(0, 20, xs, ys, shares, pairs.indptr, pairs.indices, weights, np.float32(1), gradient)
    dense = pairs.toarray()
    for at in np.ndindex(places.shape):
        moved = np.zeros_like(places)
        moved[at] = 1e-5
        slope = (reference.map_cost(dense, places + moved) - reference.map_cost(dense, places - moved)) / 2e-5
        assert gradient[at] == pytest.approx(slope, abs=1e-6)
    _, for_centres, for_contexts = PairCost(sparse.csr_matrix(pairs), np.zeros(20), "t")(places, places)
    assert np.allclose(gradient, (for_centres + for_contexts) * np.log(2), atol=1e-6)


def test_clusters_stay_together_and_threads_change_nothing(monkeypatch):
    points = clusters()
    maps_ = []
    for threads in "12":
        monkeypatch.setenv("MINENT_THREADS", threads)
        maps_.append(neighbour_map(points, perplexity=10))
    assert np.array_equal(*maps_)
    apart = np.linalg.norm(maps_[0][:, None] - maps_[0], axis=2) + 1e9 * np.eye(200)
    assert (apart.argmin(axis=1) // 40 == np.arange(200) // 40).all()
    assert np.allclose(maps_[0].mean(axis=0), 0, atol=1e-3)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 9])
def test_few_points_have_a_map_too(size):
    places = neighbour_map(np.random.default_rng(0).normal(size=(size, 3)), iterations=300)
    assert places.shape == (size, 2)
    assert np.isfinite(places).all()


def test_equal_points_stay_finite():
    assert np.isfinite(neighbour_map(np.ones((20, 3)), iterations=300)).all()


def test_what_cannot_be_mapped_is_named():
    for points in (np.zeros(3), np.full((2, 2), np.nan)):
        with pytest.raises(InputError, match="table of finite numbers"):
            neighbour_map(points)
    with pytest.raises(InputError, match="perplexity is 0"):
        neighbour_map(np.zeros((9, 2)), perplexity=0)
    with pytest.raises(InputError, match=r"iterations is 2\.5"):
        neighbour_map(np.zeros((9, 2)), iterations=2.5)


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 1e6), (1e25, 0.0), (1e-25, 0.0)])
def test_neither_place_nor_size_of_the_points_matters(scale, shift):
    places = neighbour_map(clusters(each=12).astype(np.float64) * scale + shift, perplexity=5, iterations=300)
    apart = np.square(places[:, None] - places).sum(axis=2) + np.where(np.eye(60), np.inf, 0)
    assert (apart.argmin(axis=1) // 12 == np.arange(60) // 12).all()
