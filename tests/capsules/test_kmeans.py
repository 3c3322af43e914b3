"""Soft K-Means: its objective falls, its limit is Lloyd's, and it clusters as well as scikit-learn's own."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.estimator_checks import check_estimator
from threadpoolctl import threadpool_limits

import minent
from minent import errors
from minent.capsules import SoftKMeans, clustering
from minent.capsules.annealing import lower
from tests.capsules import reference
from tests.folders import rewrite


def blobs(seed: int, rows: int = 60, features: int = 3, clusters: int = 4) -> np.ndarray:
    random = np.random.default_rng(seed)
    centres = 3 * random.standard_normal((clusters, features))
    return centres[random.integers(clusters, size=rows)] + random.standard_normal((rows, features))


def points_of(rows: Any, cosine: bool = False, weights: np.ndarray | None = None) -> clustering.Points:
    return clustering.Points(rows, np.ones(rows.shape[0]) if weights is None else weights, cosine)


@given(
    seed=st.integers(0, 10_000),
    sharpness=st.sampled_from([0.01, 0.3, 3.0, math.inf]),
    cosine=st.booleans(),
    weighted=st.booleans(),
)
def test_the_objective_never_rises(seed, sharpness, cosine, weighted):
    """Nor when empty clusters are moved: two of the six start where no point is near."""
    rows = clustering.directions(blobs(seed)) if cosine else blobs(seed)
    points = points_of(rows, cosine, np.random.default_rng(seed).uniform(0.1, 5, len(rows)) if weighted else None)
    centres = clustering.seed_centres(points, 4, 1, np.random.default_rng(seed))[0]
    centres = np.vstack([centres, -rows[:1] if cosine else np.full((2, 3), 1e3)])
    last = math.inf
    for _ in range(12):
        sums, masses, objective = points.step(centres[None], np.array([sharpness]))
        assert masses.sum() == pytest.approx(points.weights.sum())
        assert objective[0] <= last + 1e-9 * abs(objective[0])
        last = objective[0]
        centres = clustering.relocate(points, clustering.centres_of(sums, masses, cosine)[0], masses[0])


@given(seed=st.integers(0, 10_000), sharpness=st.floats(0.05, 2))
def test_a_step_equals_its_loops(seed, sharpness):
    """Of two starts at once, at their own sharpness."""
    rows, weights = blobs(seed, rows=10), np.random.default_rng(seed).uniform(0.1, 5, 10)
    centres = np.stack([blobs(seed + 1, rows=3), blobs(seed + 2, rows=3)])
    k = np.array([sharpness, 2 * sharpness])
    sums, masses, objective = points_of(rows, weights=weights).step(centres, k)
    for start in range(2):
        moved, lowered = reference.soft_step(rows, centres[start], k[start], weights)
        np.testing.assert_allclose(sums[start] / masses[start][:, None], moved, rtol=1e-9)
        assert objective[start] == pytest.approx(lowered, rel=1e-9)


@given(seed=st.integers(0, 10_000), sharpness=st.sampled_from([1e7, math.inf]))
def test_the_limit_is_lloyds_step(seed, sharpness):
    rows, start = blobs(seed), blobs(seed)[:4]
    sums, masses, _ = points_of(rows).step(start[None], np.array([sharpness]))
    np.testing.assert_allclose(sums[0] / masses[0][:, None], reference.lloyd_step(rows, start), atol=1e-9)


def test_blocks_add_up_to_the_whole(monkeypatch):
    rows, centres = blobs(0, rows=1000), blobs(1, rows=12).reshape(3, 4, 3)
    whole = points_of(rows).step(centres, np.full(3, 0.3))
    monkeypatch.setattr(clustering, "_BLOCK_NUMBERS", 1)
    assert len(points_of(rows).blocks(12)) == 8
    for one, cut in zip(whole, points_of(rows).step(centres, np.full(3, 0.3)), strict=True):
        np.testing.assert_allclose(cut, one, rtol=1e-12)
    np.testing.assert_allclose(points_of(rows).distances(centres[0]), ((centres[0][:, None] - rows) ** 2).sum(-1))
    wide = sparse.csr_array((1000, 500))  # sums over a sparse block are dense: it is no narrower than they
    assert [len(points_of(form).blocks(12)) for form in (wide, wide.toarray())] == [2, 8]


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("sharpness", [4.0, math.inf])
def test_a_weight_is_so_many_rows(metric, sharpness):
    """Zero included, in any order of rows; and the order of rows does not matter."""
    random = np.random.default_rng(0)
    rows, weights = blobs(0), random.integers(0, 4, 60)
    order = random.permutation(60)
    arguments = {"metric": metric, "sharpness": sharpness, "n_init": 4}
    repeated = SoftKMeans(4, **arguments).fit(np.repeat(rows, weights, axis=0))
    weighted = SoftKMeans(4, **arguments).fit(rows[order], sample_weight=weights[order])
    np.testing.assert_allclose(weighted.cluster_centers_, repeated.cluster_centers_, atol=1e-9)
    np.testing.assert_allclose(weighted.masses_, repeated.masses_, rtol=1e-9)
    assert weighted.objective_ == pytest.approx(repeated.objective_)
    assert weighted.inertia_ == pytest.approx(repeated.inertia_)
    assert len(weighted.labels_) == 60
    assert weighted.score(rows, sample_weight=weights) == pytest.approx(-weighted.objective_)
    assert weighted.score(rows) != pytest.approx(-weighted.objective_)
    heavier = SoftKMeans(4, **arguments).fit(rows, sample_weight=0.125 * weights)
    np.testing.assert_allclose(heavier.cluster_centers_, repeated.cluster_centers_, atol=1e-9)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_a_row_of_weight_zero_is_as_good_as_absent(form):
    """However far away it lies: the unit of the work is not its."""
    rows = blobs(0)
    far = np.vstack([rows, [[1e150, -1e150, 0]]])
    absent, there = SoftKMeans(4).fit(form(rows)), SoftKMeans(4).fit(form(far), sample_weight=[1] * 60 + [0])
    assert np.array_equal(there.cluster_centers_, absent.cluster_centers_)


def test_the_sums_of_blocks_do_not_wait_in_memory(monkeypatch):
    monkeypatch.setattr(clustering, "_BLOCK_NUMBERS", 1)
    made: list[weakref.ref[np.ndarray]] = []

    def one_by_one(function: Any, items: list[slice]) -> Iterator[Any]:
        for item in items:
            part = function(item)
            made.append(weakref.ref(part[0]))
            assert sum(sums() is not None for sums in made) <= 2
            yield part

    rows = blobs(0, rows=1000)
    clustering.Points(rows, np.ones(1000), False, one_by_one).step(rows[None, :4], np.full(1, 0.3))
    assert len(made) == 8


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_sparse_is_dense(metric):
    rows = np.maximum(blobs(3, rows=200, features=20), 0)
    rows[5] = 0
    dense = SoftKMeans(4, metric=metric, n_init=4).fit(rows)
    for form in (sparse.csr_matrix, sparse.csc_array):
        found = SoftKMeans(4, metric=metric, n_init=4).fit(form(rows))
        np.testing.assert_allclose(found.cluster_centers_, dense.cluster_centers_, atol=1e-6)
        np.testing.assert_allclose(found.transform(form(rows)), dense.transform(rows), atol=1e-6)
        assert np.array_equal(found.predict(form(rows)), dense.labels_)
    assert dense.partial_fit(form(rows)).masses_.sum() == pytest.approx(400)


def test_batches_arrive_where_the_whole_does():
    """Twenty batches find the centres that all rows at once do, to a tenth of their spread; weights are repeats."""
    rows = blobs(4, rows=4000)
    whole, batches, repeated = SoftKMeans(4).fit(rows), SoftKMeans(4), SoftKMeans(4)
    weights = np.random.default_rng(0).integers(1, 3, 4000)
    for batch, weight in zip(np.split(rows, 20), np.split(weights, 20), strict=True):
        batches.partial_fit(batch, sample_weight=weight)
        repeated.partial_fit(np.repeat(batch, weight, axis=0))
    apart = whole.transform(batches.cluster_centers_)
    assert sorted(apart.argmin(axis=1)) == [0, 1, 2, 3]
    assert apart.min(axis=1).max() < 0.1
    np.testing.assert_allclose(batches.cluster_centers_, repeated.cluster_centers_, atol=1e-9)
    assert batches.masses_.sum() == pytest.approx(weights.sum())
    assert len(batches.labels_) == 200
    settled = SoftKMeans(4, tol=1e-12).fit(rows)
    again = settled.cluster_centers_.copy()
    np.testing.assert_allclose(settled.partial_fit(rows).cluster_centers_, again, atol=1e-4)  # at rest: nothing moves


def test_a_batch_far_from_zero_loses_no_digit():
    rows = blobs(4, rows=400)
    near, far = SoftKMeans(4).fit(rows), SoftKMeans(4).fit(rows + 2.0**26)
    moved, gone = near.partial_fit(rows[:40]).cluster_centers_, far.partial_fit(rows[:40] + 2.0**26).cluster_centers_
    np.testing.assert_allclose(gone - 2.0**26, moved, atol=1e-4)


def test_an_empty_cluster_is_moved_by_a_batch():
    model = SoftKMeans(2, sharpness=math.inf).fit(np.array([[0.0], [1.0]]))
    model.masses_[0] = model.sums_[0] = 0
    model.cluster_centers_[0] = 1e6
    model.partial_fit(np.array([[1.0], [7.0], [1.0]]))
    assert sorted(model.cluster_centers_.ravel().tolist())[-1] == 7.0


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
    assert model.inertia_ == pytest.approx(apart.min(axis=1).sum(), rel=1e-12)
    assert model.score(points) == pytest.approx(-model.objective_)
    assert np.array_equal(SoftKMeans(4).fit_predict(points), model.labels_)


def test_the_units_of_the_data_do_not_matter():
    points = blobs(1)
    model, scaled = SoftKMeans(4).fit(points), SoftKMeans(4).fit(1024 * points)
    np.testing.assert_allclose(scaled.predict_proba(1024 * points), model.predict_proba(points), atol=1e-9)


def test_empty_clusters_move_to_the_farthest_points():
    """One after the other, so that two do not take the same place."""
    points = points_of(np.array([[0.0], [1.0], [9.0], [8.9], [-5.0]]))
    moved = clustering.relocate(points, np.array([[0.5], [77.0], [78.0]]), np.array([5.0, 0.0, 0.0]))
    assert moved.ravel().tolist() == [0.5, 9.0, -5.0]


def test_no_start_ends_with_an_empty_cluster():
    rows = blobs(0) + 100
    points = points_of(rows)
    centres = np.stack([np.vstack([rows[:3], np.full((1, 3), 1e3)]), rows[:4]])
    far, near = lower(points, centres, [(math.inf,), (0.5, math.inf)], tol=0, most=100)
    assert (far.masses >= 1).all()
    assert (near.masses >= 1).all()
    assert far.steps != near.steps
    for run in (far, near):
        np.testing.assert_allclose(run.centres, run.sums / run.masses[:, None])  # Lloyd's steps end at rest


@pytest.mark.parametrize("cosine", [False, True])
def test_seeds_are_drawn_in_proportion_to_distance(cosine):
    """A second centre at the same place has no mass to be drawn by; in the cosine metric length is no distance."""
    rows = np.array([[1.0, 0.0]] * 5 + [[5.0, 0.0]] * 5 + [[0.0, 2.0]])
    points = points_of(clustering.directions(rows) if cosine else rows, cosine)
    seeds = clustering.seed_centres(points, 2 if cosine else 3, 20, np.random.default_rng(0))
    assert all(len(np.unique(start, axis=0)) == len(start) for start in seeds)


def test_fewer_distinct_points_than_clusters():
    points = np.repeat([[0.0], [1.0]], 5, axis=0)
    model = SoftKMeans(4).fit(points)
    assert model.inertia_ < 1e-12
    assert np.isfinite(model.cluster_centers_).all()
    assert np.isfinite(SoftKMeans(2).fit(np.ones((3, 2))).predict_proba(np.ones((1, 2)))).all()


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_any_number_of_threads_gives_the_same_bits(form, monkeypatch):
    """Dense: products large enough for BLAS to split, if it were let. Sparse: many blocks."""
    if form is not np.asarray:
        monkeypatch.setattr(clustering, "_BLOCK_NUMBERS", 1)
    points = form(np.random.default_rng(0).standard_normal((2400, 60)))
    bits = set()
    for threads in (1, 2, 5):
        monkeypatch.setenv("MINENT_THREADS", str(threads))
        with threadpool_limits(threads):
            model = SoftKMeans(20, n_init=2, max_iter=20).fit(points)
            bits.add(model.cluster_centers_.tobytes() + model.partial_fit(points).transform(points).tobytes())
    assert len(bits) == 1


@pytest.mark.parametrize("scale", [1e-150, 1e-30, 1e30, 1e150])
def test_no_scale_and_no_offset_loses_the_clusters(scale):
    """Squares of these lengths leave float32, and some float64."""
    points = blobs(1)
    wanted = SoftKMeans(4).fit(points).labels_
    found = SoftKMeans(4).fit(scale * (points + 1e4))
    assert adjusted_rand_score(wanted, found.labels_) == 1
    assert np.isfinite([found.inertia_, found.objective_, found.sharpness_]).all()


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
    loaded.partial_fit(points[:9])
    assert np.array_equal(loaded.cluster_centers_, model.partial_fit(points[:9]).cluster_centers_)


def test_any_integer_is_a_seed_that_is_saved(tmp_path):
    SoftKMeans(2, seed=np.int64(3)).fit(blobs(2)).save(tmp_path / "one")
    assert minent.load(tmp_path / "one").seed == 3


def test_a_folder_of_the_first_format_says_so(tmp_path):
    SoftKMeans(2).fit(blobs(2)).save(tmp_path / "one")
    rewrite(tmp_path / "one", format=1)
    with pytest.raises(errors.ArtifactError, match=r"one: was written by minent .* in an older form. Fit it again."):
        SoftKMeans.load(tmp_path / "one")


@pytest.mark.parametrize(
    ("named", "rows", "message"),
    [
        ({"n_clusters": 6}, 5, "n_clusters is 6, but X has 5 rows"),
        ({"n_clusters": 0}, 5, "n_clusters is 0"),
        ({"n_init": 1.5}, 5, "n_init is 1.5; it takes a whole number, 1 or more"),
        ({"metric": "cosin"}, 5, "Did you mean 'cosine'"),
        ({"sharpness": -1}, 5, "sharpness is -1"),
        ({"sharpness": "hard"}, 5, "sharpness is 'hard'; it takes a plain number above 0, or math.inf"),
        ({"tol": -1}, 5, "tol is -1"),
        ({"tol": "low"}, 5, "tol is 'low'; it takes a plain number"),
    ],
)
def test_bad_parameters_are_named(named, rows, message):
    with pytest.raises(errors.InputError, match=message):
        SoftKMeans(**{"n_clusters": 2, **named}).fit(np.arange(2.0 * rows).reshape(rows, 2))


def test_bad_data_is_an_input_error():
    with pytest.raises(errors.InputError, match="NaN"):
        SoftKMeans(2).fit([[1.0], [math.nan], [2.0]])
    with pytest.raises(errors.InputError, match="expecting 1 features"):
        SoftKMeans(2).fit([[1.0], [2.0]]).partial_fit([[1.0, 2.0]])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 1, -1, 1], r"sample_weight\[2\] is -1.0 \(1 of 4"),
        ([1, 1, math.nan, math.inf], r"sample_weight\[2\] is nan \(2 of 4"),
        ([1, 1], r"shape \(2,\); it takes one number for each row of X, \(4,\)"),
        ([0, 0, 0, 0], "zero for all 4 rows"),
        ([0, 0, 0, 1], "X has 1 rows .* of weight above zero"),
        (["a", "b", "c", "d"], "no array of numbers"),
    ],
)
def test_bad_weights_are_named(weights, message):
    with pytest.raises(errors.InputError, match=message):
        SoftKMeans(2).fit(np.arange(4.0).reshape(4, 1), sample_weight=weights)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")  # one check wants pandas
def test_scikit_learn_takes_it_for_one_of_its_own():
    """Every check; that of sparse input wants probabilities of four classes."""
    for arguments in ({}, {"metric": "cosine"}, {"sharpness": math.inf}):
        check_estimator(SoftKMeans(4, n_init=2, **arguments))
