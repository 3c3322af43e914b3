"""Halves, agreement, temperatures and fusion."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minent.classifier import calibration
from minent.classifier.calibration import (
    biases_pay,
    reliability,
    temperature_for_confidence,
    temperature_for_labels,
    vector_scaling,
)
from minent.classifier.evidence import agreement, cut_in_halves, fold_accuracies, steadiness, validity
from minent.classifier.facts import calibrate
from minent.classifier.fusion import Fusion, teach
from minent.classifier.groundwork import Groundwork
from minent.classifier.linear import log_softmax
from tests.classifier import reference
from tests.classifier.corpora import draw

SCORES = hnp.arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(2, 4)), elements=st.floats(-30, 30, width=16))


@given(st.lists(st.integers(0, 3), min_size=4, max_size=40), st.integers(0, 5))
def test_halves_cover_every_row_and_every_class(labels, seed):
    labels = np.array(labels)
    halves = cut_in_halves(labels, 2, seed)
    counts = np.bincount(labels)
    if (counts > 1).sum() < 2:
        assert halves is None
        return
    for first, second in halves.pairs:
        assert sorted({*first, *second}) == list(range(len(labels)))
        assert set(labels[first]) == set(labels[second]) == set(labels)
        assert abs(len(first) - len(second)) <= 1
        assert {*first} & {*second} == {*np.flatnonzero(~halves.judged)}
    for _, fitted, tested in halves.parts:
        assert not {*fitted} & {*tested}


def test_agreement_is_a_share_of_the_texts():
    one = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    other = one.copy()
    other[0] = other[0, ::-1]
    assert agreement(np.stack([one, other])) == 0.75
    assert agreement(np.stack([one, other, one, one])) == 0.875
    assert agreement(np.zeros((0, 4, 2))) is None


def test_a_rung_that_always_says_the_same_is_not_sure_of_anything():
    constant = np.tile([1.0, 0.0, 0.0], (50, 1))
    assert agreement(np.stack([constant, constant])) == 1
    assert steadiness(np.stack([constant, constant])) == pytest.approx(1 / 3)
    mixed = np.eye(3)[np.arange(51) % 3]
    assert steadiness(np.stack([mixed, mixed])) == pytest.approx(1)
    random = np.eye(3)[np.random.default_rng(0).integers(0, 3, 51)]
    assert steadiness(np.stack([mixed, random])) < 0.45


def _halves(truth, accuracy, random, *, mistaken=None):
    """Two fits on opposite halves: wrong at random, or, with `mistaken`, both wrong on the same texts."""
    said = []
    for _ in range(2):
        wrong = random.random(len(truth)) > accuracy if mistaken is None else mistaken
        said.append(np.where(wrong, 1 - truth, truth))
    return np.eye(2)[np.stack(said)]


def test_validity_finds_out_the_rung_that_is_steady_and_wrong():
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 20_000)
    astray = random.random(20_000) > 0.6
    rungs = {
        "ridge": _halves(truth, 0.65, random),
        "lr": _halves(truth, 0.75, random),
        "good": _halves(truth, 0.9, random),
        "steady": _halves(truth, 0.6, random, mistaken=astray),
    }
    assert steadiness(rungs["steady"]) == 1.0 > steadiness(rungs["good"])
    found = validity(rungs, ["ridge", "lr", "absent"])
    for name, accuracy in {"ridge": 0.65, "lr": 0.75, "good": 0.9, "steady": 0.6}.items():
        assert found[name] == pytest.approx(accuracy, abs=0.02)


def test_without_an_anchor_that_knows_anything_nothing_is_said():
    constant = np.tile([1.0, 0.0], (2, 50, 1))
    assert validity({"lr": constant}, ["lr"]) == {}
    assert validity({"nb": constant}, ["lr"]) == {}
    assert validity({}, ["lr"]) == {}


def test_fold_accuracies_judge_only_rows_that_were_held_out():
    labels = np.array([0, 0, 1, 1])
    halves = cut_in_halves(labels, 1, 0)
    held_out = np.eye(2)[labels][None].copy()
    assert fold_accuracies(held_out, labels, halves).tolist() == [1.0, 1.0]
    first = halves.pairs[0][0]
    held_out[0, first[0]] = held_out[0, first[0], ::-1]
    assert sorted(fold_accuracies(held_out, labels, halves).tolist()) == [0.5, 1.0]


@settings(max_examples=60)
@given(SCORES, st.floats(0.3, 0.95))
def test_the_mean_confidence_is_met_wherever_it_can_be(scores, share):
    temperature = temperature_for_confidence(scores, share)
    assert temperature > 0
    met = reference.mean_confidence(scores.tolist(), temperature)
    highest = float(np.mean([1 / (row == row.max()).sum() for row in scores]))
    target = max(share, 1 / scores.shape[1] + 1e-3 * (1 - 1 / scores.shape[1]))
    if target < highest - 1e-3:
        assert met == pytest.approx(target, abs=1e-3)


def test_taylor_coefficients_foretell_the_function_nearby():
    gaps = np.array([[0.0, -0.3, -2.0], [0.0, -1.0, -1.5]])
    here = calibration._power_sums(gaps, 0.8, 6)
    there = calibration._power_sums(gaps, 0.9, 0)[0]
    assert sum(term * 0.1**k for k, term in enumerate(here)) == pytest.approx(there, abs=1e-8)
    ones = [np.ones(2), *[np.zeros(2)] * 6]
    foretold = sum(term * 0.1**k for k, term in enumerate(calibration._quotient(ones, here)))
    assert foretold == pytest.approx(1 / there, abs=1e-7)


@settings(max_examples=40)
@given(SCORES, st.integers(0, 1000))
def test_no_other_temperature_makes_the_smoothed_labels_likelier(scores, seed):
    labels = np.random.default_rng(seed).integers(0, scores.shape[1], len(scores))
    rows, classes = scores.shape
    target = (np.eye(classes)[labels] * rows + 1) / (rows + classes)

    def loss(temperature):
        return -(target * log_softmax(scores / temperature)).sum(axis=1).mean()

    best = temperature_for_labels(scores, labels)
    assert loss(best) <= min(loss(best * 1.05), loss(best / 1.05)) + 1e-6


def test_scores_of_tiny_scale_get_a_temperature_of_their_scale():
    scores = 1e-9 * np.random.default_rng(0).normal(size=(20, 2))
    temperatures = []
    model = SimpleNamespace(score_counts=lambda counts: scores, with_temperature=temperatures.append)
    climb = SimpleNamespace(halves=None, models={"it": model}, pool=[], gold=SimpleNamespace(counts=None), classes=2)
    calibrate(climb, "it")
    assert 1e-11 < temperatures[0] < 1e-8


def test_few_right_answers_do_not_make_a_model_certain():
    scores = np.array([[1.0, 0.0]] * 4)
    sure = 1 / (1 + np.exp(-1 / temperature_for_labels(scores, np.zeros(4, int))))
    assert sure == pytest.approx(5 / 6, abs=1e-4)


def _leaning(rows, lean, seed=0):
    """Labels drawn from known probabilities, and scores of three classes that lean towards one by so much."""
    random = np.random.default_rng(seed)
    scores = random.normal(size=(rows, 3))
    labels = (np.exp(log_softmax(2 * scores)).cumsum(axis=1) > random.random((rows, 1))).argmax(axis=1)
    return scores + np.array([lean, 0.0, 0.0]), labels


def test_biases_right_scores_that_lean_and_are_left_alone_where_none_do():
    for lean, pays in ((0.5, True), (0.0, False)):
        scores, labels = _leaning(300, lean)
        assert biases_pay(np.arange(300), scores, labels) == pays
    scores, labels = _leaning(300, 0.5)
    fresh, truth = _leaning(2000, 0.5, seed=1)
    temperature, bias = vector_scaling(scores, labels)
    assert temperature == pytest.approx(0.5, rel=0.2)
    assert bias[0] < bias[1:].min() - 0.5
    vector = np.exp(log_softmax(fresh / temperature + bias))
    plain = np.exp(log_softmax(fresh / temperature_for_labels(scores, labels)))
    assert reliability(vector, truth).ece < reliability(plain, truth).ece - 0.01
    assert (vector.argmax(axis=1) == truth).mean() > (plain.argmax(axis=1) == truth).mean()


def test_few_labels_settle_no_bias():
    scores, labels = _leaning(12, 3.0)
    assert not biases_pay(np.arange(12), scores, labels)
    assert np.abs(vector_scaling(scores, labels, strength=1e6)[1]).max() < 1e-4


def test_reliability_is_zero_when_stated_is_met():
    probabilities = np.tile([0.75, 0.25], (4, 1))
    assert reliability(probabilities, np.array([0, 0, 0, 1])).ece == pytest.approx(0)
    found = reliability(probabilities, np.array([1, 1, 1, 1]))
    assert found.ece == pytest.approx(0.75)
    assert found.bins == [{"confidence": 0.75, "accuracy": 0.0, "count": 4}]


@given(SCORES)
def test_fused_probabilities_sum_to_one_and_a_silent_member_changes_nothing(scores):
    alone = Fusion((2.0,), (1.0,)).opinion([scores])
    assert np.exp(alone).sum(axis=1) == pytest.approx(1)
    assert alone == pytest.approx(log_softmax(scores / 2))
    silent = np.zeros_like(scores)
    assert Fusion((2.0, 1.0), (1.0, 1.0)).opinion([scores, silent]) == pytest.approx(alone, abs=1e-9)
    shared = Fusion((2.0, 2.0), (0.5, 0.5)).opinion([scores, scores])  # twice the same, with one voice
    assert shared == pytest.approx(alone, abs=1e-9)


def test_many_labels_beside_a_small_pool_do_not_drown_what_it_was_taught():
    pool_texts, pool_labels = draw(30, seed=41)
    gold_texts, gold_labels = draw(60, seed=42)
    work = Groundwork([*pool_texts, *gold_texts])
    pool, gold = work.view(pool_texts), work.view(gold_texts)
    against = np.log(np.where(np.eye(2)[[int(label == "sea") for label in pool_labels]] > 0, 0.9, 0.1))

    def share_taught(rows):
        """How often the student says of the pool what it was taught, where the labels say the contrary."""
        labels = np.array([int(gold_labels[row] == "wood") for row in rows])
        weights, bias = teach(pool, against, gold[rows], labels)
        return ((pool.tfidf @ weights + bias).argmax(axis=1) == against.argmax(axis=1)).mean()

    assert share_taught(np.arange(120)) > 0.6  # at ten times each they would leave a third of it
    assert share_taught(np.arange(4)) > 0.9
