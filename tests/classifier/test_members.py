"""The rungs against their slow twins, and the interface they share."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from minent.classifier.groundwork import Groundwork
from minent.classifier.hints import Hints
from minent.classifier.linear import log_softmax
from minent.classifier.members import LogisticOnDense, LogisticOnTfidf, NaiveBayesEM, RidgeOnTfidf, solve_ridge
from minent.classifier.members.logistic import fit_logistic
from minent.classifier.pieces import PieceGrams
from tests.classifier import reference
from tests.classifier.corpora import draw


@pytest.fixture(scope="module")
def scene():
    texts, _ = draw(20, seed=1)
    gold_texts, gold_labels = draw(3, seed=2)
    work = Groundwork([*texts, *gold_texts])
    rows = np.arange(len(work.texts))
    labels = np.array([["sea", "wood"].index(label) for label in gold_labels])
    return work.all[rows[:40]], work.all[rows[40:]], labels


def _rows(view):
    features = view.work.vocabulary.features
    return [{features[c]: v for c, v in zip(row.indices, row.data)} for row in view.binary]


@pytest.mark.parametrize("with_pool", [True, False])
def test_naive_bayes_is_that_of_plain_loops(scene, with_pool):
    pool, gold, labels = scene
    pool = pool if with_pool else pool[np.arange(0)]
    weights, bias = NaiveBayesEM(iterations=3).parameters(pool, gold, labels, 2)
    features = gold.work.vocabulary.features
    log_feature, log_class = reference.naive_bayes_em(_rows(pool), _rows(gold), labels, 2, features, iterations=3)
    assert bias == pytest.approx(log_class)
    assert weights == pytest.approx(np.array([log_feature[feature] for feature in features]))


def test_naive_bayes_starts_from_what_another_member_says(scene):
    pool, gold, labels = scene
    start = RidgeOnTfidf()
    member = NaiveBayesEM(iterations=2, start=start)
    weights, bias = member.parameters(pool, gold, labels, 2)
    features = gold.work.vocabulary.features
    said = start.fit(pool, gold, labels, 2, 0)(pool).tolist()
    log_feature, log_class = reference.naive_bayes_em(
        _rows(pool), _rows(gold), labels, 2, features, iterations=2, start=said
    )
    assert bias == pytest.approx(log_class, abs=1e-5)
    assert weights == pytest.approx(np.array([log_feature[feature] for feature in features]), abs=1e-4)


@given(st.lists(st.lists(st.integers(0, 4), max_size=30), min_size=1, max_size=6))
def test_piece_rows_hold_each_piece_and_pair_that_two_texts_have(rows):
    ids = np.array([piece for row in rows for piece in row], np.int32)
    starts = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    found = PieceGrams(ids, starts, 5).rows(ids, starts).toarray()
    held = [{*row, *pairwise(row)} for row in rows]
    shared = {gram for text in held for gram in text if sum(gram in other for other in held) >= 2}
    known = shared or set().union(*held)
    assert found.shape == (len(rows), len(known))
    for row, text in zip(found, held):
        met = len(text & known)
        assert sorted(row[row > 0]) == pytest.approx([min(1.0, 20 / max(met, 1))] * met)


def test_hints_join_the_labels(scene):
    pool, gold, labels = scene
    rows = tuple(range(0, 40, 2))
    hinted = LogisticOnDense("lr", "", hints=Hints(rows, (0,) * len(rows))).fit(pool, gold, labels, 2, 0)(pool)
    alone = LogisticOnDense("lr", "").fit(pool, gold, labels, 2, 0)(pool)
    assert (hinted.argmax(axis=1) == 0).sum() > (alone.argmax(axis=1) == 0).sum()


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 6), features=st.integers(1, 5), steps=st.integers(1, 4))
def test_ridge_takes_the_steps_of_the_textbook(seed, rows, features, steps):
    random = np.random.default_rng(seed)
    x, y, w = random.normal(size=(rows, features)), random.random((rows, 2)), random.random(rows) + 0.1
    solution, bias = solve_ridge(sparse.csr_matrix(x), y, w, penalty=0.7, steps=steps)
    for column in range(2):
        expected, mean = reference.conjugate_gradients(x.tolist(), y[:, column], w, 0.7, steps)
        assert bias[column] == pytest.approx(mean)
        assert solution[:, column] == pytest.approx(expected, abs=1e-8)


def test_ridge_reaches_the_exact_solution():
    random = np.random.default_rng(0)
    x, y, w = random.normal(size=(30, 8)), random.random((30, 3)), random.random(30) + 0.1
    solution, bias = solve_ridge(sparse.csr_matrix(x), y, w, penalty=2.0, steps=50)
    exact = np.linalg.solve(x.T @ (w[:, None] * x) + 2.0 * np.eye(8), x.T @ (w[:, None] * (y - bias)))
    assert solution == pytest.approx(exact)


@pytest.mark.parametrize("member", [NaiveBayesEM(), RidgeOnTfidf(), LogisticOnTfidf()], ids=lambda m: m.name)
def test_a_linear_member_and_its_model_say_the_same(scene, member):
    pool, gold, labels = scene
    scores = member.fit(pool, gold, labels, 2, 0)(pool)
    model = member.linear(pool, gold, labels, 2, 0)
    assert model.scores(pool.texts) == pytest.approx(scores, abs=1e-4)


@pytest.mark.parametrize(
    "member",
    [
        *(NaiveBayesEM(), NaiveBayesEM(name="pieces", space="piece_binary", start=LogisticOnDense("lr", ""))),
        *(RidgeOnTfidf(), LogisticOnTfidf(), LogisticOnDense("lr", "")),
    ],
    ids=lambda m: m.name,
)
def test_a_class_without_rows_is_possible_but_not_chosen(scene, member):
    pool, gold, labels = scene
    scores = member.fit(pool, gold, labels, 3, 0)(gold)
    assert scores.shape == (len(gold), 3)
    assert np.isfinite(scores).all()
    assert (scores[:, :2].argmax(axis=1) == labels).mean() > 0.8


@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_weights_give_the_probabilities_of_scikit_learn(classes):
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(0)
    rows, labels = random.normal(size=(40, 3)), np.sort(random.integers(0, classes, 40))
    rows[:, 1] = 0.0
    weights, bias = fit_logistic(rows if classes == 2 else sparse.csr_matrix(rows), labels, classes, 2.0)
    expected = LogisticRegression(C=2.0, max_iter=500).fit(rows, labels).predict_proba(rows)
    assert np.exp(log_softmax(rows @ weights + bias)) == pytest.approx(expected, abs=1e-6)


def test_views_select_rows_in_every_space():
    texts, _ = draw(150, seed=3)
    work = Groundwork(texts)
    rows = np.array([7, 3, 250])
    picked, fresh = work.all[rows], work.view([texts[row] for row in rows])
    for space in ("binary", "tfidf", "piece_binary"):
        assert (getattr(picked, space) != getattr(fresh, space)).nnz == 0
    assert np.array_equal(picked.counts.starts, fresh.counts.starts)
    assert picked.latent == pytest.approx(fresh.latent, abs=1e-6)
    assert [part.tolist() for part in picked.pieces] == [part.tolist() for part in fresh.pieces]
    assert picked.dense == pytest.approx(fresh.dense, abs=1e-5)
    assert work.vectors is not None
