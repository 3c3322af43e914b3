"""Soft K-Means: its objective falls, its limit is Lloyd's, and it clusters as well as scikit-learn's own."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.estimator_checks import check_estimator
from threadpoolctl import threadpool_limits

import minent
from minent import errors
from minent.capsules import SoftKMeans, clustering
from tests.capsules import reference


def blobs(seed: int, rows: int = 60, features: int = 3, clusters: int = 4) -> np.ndarray:
    random = np.random.default_rng(seed)
    centres = 3 * random.standard_normal((clusters, features))
    return centres[random.integers(clusters, size=rows)] + random.standard_normal((rows, features))


@given(seed=st.integers(0, 10_000), sharpness=st.sampled_from([0.01, 0.3, 3.0, math.inf]), cosine=st.booleans())
def test_the_objective_never_rises(seed, sharpness, cosine):
    points = clustering.directions(blobs(seed)) if cosine else blobs(seed)
    centres = clustering.seed_centres(points, 4, cosine, np.random.default_rng(seed))
    last = math.inf
    for _ in range(12):
        apart = clustering.distances(points, centres, cosine)
        shares, objective = clustering.share_out(apart, sharpness)
        np.testing.assert_allclose(shares.sum(axis=1), 1)
        assert objective <= last + 1e-9 * abs(objective)
        last = objective
        centres = clustering.centres_of(points, clustering.refill(shares, apart), cosine)


@given(seed=st.integers(0, 10_000), sharpness=st.floats(0.05, 2))
def test_the_objective_equals_its_loops(seed, sharpness):
    points, centres = blobs(seed, rows=10), blobs(seed + 1, rows=3)
    _, objective = clustering.share_out(clustering.distances(points, centres, cosine=False), sharpness)
    assert objective == pytest.approx(reference.soft_objective(points, centres, sharpness), rel=1e-9)


@given(seed=st.integers(0, 10_000), sharpness=st.sampled_from([1e7, math.inf]))
def test_the_limit_is_lloyds_step(seed, sharpness):
    points, start = blobs(seed), blobs(seed)[:4]
    apart = clustering.distances(points, start, cosine=False)
    centres = clustering.centres_of(points, clustering.share_out(apart, sharpness)[0], cosine=False)
    np.testing.assert_allclose(centres, reference.lloyd_step(points, start), atol=1e-9)


@pytest.mark.parametrize("sharpness", [10.0, math.inf])
def test_as_good_as_scikit_learn_at_equal_restarts(sharpness):
    """On handwritten digits, hard assignment, inertia within two percent."""
    digits = load_digits().data[:600]
    peer = KMeans(10, n_init=5, random_state=0).fit(digits)
    ours = SoftKMeans(10, sharpness=sharpness, n_init=5).fit(digits)
    assert ours.inertia_ <= 1.02 * peer.inertia_


def test_many_features_do_not_melt_the_clusters():
    """Scaled by the total variance, three hundred features would put every centre on the mean."""
    random = np.random.default_rng(0)
    labels = random.integers(10, size=600)
    points = (0.4 * random.standard_normal((10, 300)))[labels] + random.standard_normal((600, 300))
    assert adjusted_rand_score(labels, SoftKMeans(10).fit_predict(points)) > 0.95


def test_cosine_ignores_length():
    random = np.random.default_rng(0)
    labels = random.integers(3, size=200)
    points = np.eye(3, 8)[labels] + 0.1 * random.standard_normal((200, 8))
    stretched = points * random.uniform(0.01, 100, (200, 1))
    model = SoftKMeans(3, metric="cosine").fit(stretched)
    assert adjusted_rand_score(labels, model.labels_) == 1
    np.testing.assert_allclose(np.linalg.norm(model.cluster_centers_, axis=1), 1)
    assert np.array_equal(model.predict(points), model.labels_)
    with_zero = model.predict_proba(np.zeros((1, 8)))
    np.testing.assert_allclose(with_zero, 1 / 3)


def test_the_whole_interface_agrees_with_itself():
    points = blobs(0)
    model = SoftKMeans(4).fit(points)
    probabilities, apart = model.predict_proba(points), model.transform(points)
    assert np.array_equal(model.predict(points), model.labels_)
    assert np.array_equal(probabilities.argmax(axis=1), apart.argmin(axis=1))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert model.inertia_ == apart.min(axis=1).sum()
    assert model.score(points) == pytest.approx(-model.objective_)
    assert np.array_equal(SoftKMeans(4).fit_predict(points), model.labels_)


def test_the_units_of_the_data_do_not_matter():
    points = blobs(1)
    model, scaled = SoftKMeans(4).fit(points), SoftKMeans(4).fit(1024 * points)
    np.testing.assert_allclose(scaled.predict_proba(1024 * points), model.predict_proba(points), atol=1e-9)


def test_empty_clusters_move_to_the_farthest_points():
    apart = np.array([[0.0, 9.0, 9.0], [1.0, 9.0, 9.0], [5.0, 9.0, 9.0]])
    shares = clustering.refill(np.array([[1.0, 0.0, 0.0]] * 3), apart)
    assert shares.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]


def test_fewer_distinct_points_than_clusters():
    points = np.repeat([[0.0], [1.0]], 5, axis=0)
    model = SoftKMeans(4).fit(points)
    assert model.inertia_ < 1e-12
    assert np.isfinite(model.cluster_centers_).all()
    assert np.isfinite(SoftKMeans(2).fit(np.ones((3, 2))).predict_proba(np.ones((1, 2)))).all()


def test_any_number_of_threads_gives_the_same_bits():
    points = np.random.default_rng(0).standard_normal((800, 40))
    bits = set()
    for threads in (1, 2, 5):
        with threadpool_limits(threads):
            bits.add(SoftKMeans(7, n_init=2).fit(points).cluster_centers_.tobytes())
    assert len(bits) == 1


def test_the_estimator_does_not_load_torch():
    code = "import sys; from minent.capsules import SoftKMeans; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("sharpness", [10.0, math.inf])
def test_save_and_load(tmp_path, sharpness):
    points = blobs(2)
    model = SoftKMeans(4, metric="cosine", sharpness=sharpness).fit(points)
    model.save(tmp_path / "one")
    model.save(tmp_path / "two")
    digests = [json.loads((tmp_path / name / "manifest.json").read_text())["digest"] for name in ("one", "two")]
    assert digests[0] == digests[1]
    loaded = minent.load(tmp_path / "one")
    assert loaded.get_params() == model.get_params()
    for name in ("cluster_centers_", "labels_", "inertia_", "objective_", "sharpness_", "n_iter_", "n_features_in_"):
        assert np.array_equal(getattr(loaded, name), getattr(model, name)), name
    assert np.array_equal(loaded.predict_proba(points), model.predict_proba(points))


@pytest.mark.parametrize(
    ("named", "rows", "message"),
    [
        ({"n_clusters": 6}, 5, "n_clusters is 6, but X has 5 rows"),
        ({"n_clusters": 0}, 5, "n_clusters is 0"),
        ({"n_init": 1.5}, 5, "n_init is 1.5; it takes a whole number from 1"),
        ({"metric": "cosin"}, 5, "Did you mean 'cosine'"),
        ({"sharpness": -1}, 5, "sharpness is -1"),
        ({"tol": -1}, 5, "tol is -1"),
    ],
)
def test_bad_parameters_are_named(named, rows, message):
    with pytest.raises(errors.InputError, match=message):
        SoftKMeans(**{"n_clusters": 2, **named}).fit(np.arange(2.0 * rows).reshape(rows, 2))


def test_bad_data_is_an_input_error():
    with pytest.raises(errors.InputError, match="NaN"):
        SoftKMeans(2).fit([[1.0], [math.nan], [2.0]])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_takes_it_for_one_of_its_own():
    check_estimator(SoftKMeans(n_init=1))
