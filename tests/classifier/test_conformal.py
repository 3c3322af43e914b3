"""Sets of labels and thresholds keep their promise where calibration and test rows are exchangeable."""

import numpy as np
import pytest

import minent
from minent.classifier import TextClassifier
from minent.classifier.conformal import MOST_ROWS, Judgements
from minent.errors import InputError
from tests.classifier.corpora import draw


def _world(random, rows, classes, *, sureness=2.0, overconfident=3.0):
    """Labels drawn from known probabilities, and what an overconfident model says of them."""
    logits = sureness * random.normal(size=(rows, classes))
    truth = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (truth.cumsum(axis=1) > random.random((rows, 1))).argmax(axis=1)
    said = truth**overconfident
    return said / said.sum(axis=1, keepdims=True), labels


@pytest.mark.parametrize(("classes", "coverage", "rows"), [(2, 0.9, 30), (5, 0.8, 60), (5, 0.9, 20), (15, 0.95, 240)])
def test_sets_hold_the_right_label_as_often_as_asked(classes, coverage, rows):
    random = np.random.default_rng(0)
    covered, sizes = [], []
    for _ in range(200):
        said, labels = _world(random, rows + 200, classes)
        sets = Judgements.of(np.arange(rows), said[:rows], labels[:rows]).label_sets(said[rows:], coverage)
        covered.append(sets[np.arange(200), labels[rows:]].mean())
        sizes.append(sets.sum(axis=1).mean())
    assert np.mean(covered) >= coverage - 3 * np.std(covered) / np.sqrt(200)
    assert np.mean(sizes) < classes  # not by naming everything
    if classes > 2:  # with two, the likeliest label alone may cover more than is asked
        assert np.mean(covered) <= coverage + 2 / (rows + 1) + 3 * np.std(covered) / np.sqrt(200)


def test_repeats_that_judge_the_same_rows_promise_no_more():
    random = np.random.default_rng(1)
    said, labels = _world(random, 40, 3)
    once = Judgements.of(np.arange(40), said, labels)
    often = Judgements.of(np.tile(np.arange(40), 4), np.tile(said, (4, 1)), np.tile(labels, 4))
    fresh, _ = _world(random, 100, 3)
    assert (once.label_sets(fresh, 0.9) == often.label_sets(fresh, 0.9)).all()
    assert once.threshold(0.6) == often.threshold(0.6)


@pytest.mark.parametrize(("precision", "rows"), [(0.8, 60), (0.9, 150), (0.95, 400)])
def test_what_is_not_rejected_is_right_as_often_as_asked(precision, rows):
    random = np.random.default_rng(2)
    right, accepted = [], []
    for _ in range(300):
        said, labels = _world(random, rows + 400, 3)
        try:
            threshold = Judgements.of(np.arange(rows), said[:rows], labels[:rows]).threshold(precision)
        except InputError:
            continue  # no promise is made
        kept = said[rows:].max(axis=1) >= threshold
        right.append((said[rows:].argmax(axis=1) == labels[rows:])[kept].sum())
        accepted.append(kept.sum())
    assert sum(right) / sum(accepted) >= precision - 0.01
    assert np.mean(accepted) > 20


def test_more_coverage_never_means_smaller_sets():
    random = np.random.default_rng(3)
    said, labels = _world(random, 50, 4)
    judged = Judgements.of(np.arange(50), said, labels)
    sizes = [judged.label_sets(said, coverage).sum() for coverage in (0.1, 0.5, 0.8, 0.9, 0.99)]
    assert sizes == sorted(sizes)
    assert judged.label_sets(said, 0.99).all()  # 50 rows cannot rule anything out at 1 in 100


def test_very_many_rows_are_thinned_and_facts_give_back_what_they_took():
    random = np.random.default_rng(4)
    said, labels = _world(random, 3 * MOST_ROWS, 3)
    judged = Judgements.of(np.arange(len(labels)), said, labels)
    assert judged.rows == len(judged.own) == MOST_ROWS
    again = Judgements.from_facts(judged.facts)
    assert np.array_equal(again.own, judged.own)
    assert again.threshold(0.8) == judged.threshold(0.8)


@pytest.fixture(scope="module")
def fitted():
    pool, _ = draw(100, seed=81)
    texts, labels = draw(20, seed=82, words=1)
    return TextClassifier(budget_seconds=60).fit(texts, labels, pool)


def test_a_classifier_keeps_its_promises_after_loading(fitted, tmp_path):
    texts, labels = draw(300, seed=83, words=1)
    fitted.save(tmp_path / "model")
    loaded = minent.load(tmp_path / "model")
    sets = loaded.predict_sets(texts, coverage=0.9)
    assert sets == fitted.predict_sets(texts, coverage=0.9)
    assert np.mean([label in found for found, label in zip(sets, labels)]) >= 0.87
    assert [found[0] for found in sets] == loaded.predict(texts).tolist()
    threshold = loaded.threshold_for_precision(0.8)
    said = loaded.predict(texts, reject_below=threshold, rejected="nothing")
    kept = said != "nothing"
    assert (said[kept] == np.array(labels)[kept]).mean() >= 0.78
    assert loaded.predict(texts, reject_below=1.1).tolist() == [""] * len(texts)
    assert loaded.predict_sets([]) == []
    assert loaded.predict([], reject_below=0.9).shape == (0,)


@pytest.mark.parametrize("share", [0, 1, 1.5, True, "0.9"])
def test_a_share_is_above_0_and_below_1(fitted, share):
    with pytest.raises(InputError, match="coverage is"):
        fitted.predict_sets(["a"], coverage=share)
    with pytest.raises(InputError, match="precision is"):
        fitted.threshold_for_precision(share)


def test_what_cannot_be_promised_is_refused_with_what_can(fitted):
    with pytest.raises(InputError, match=r"40 held-out labels can promise \d+\.\d% at most .* label more"):
        fitted.threshold_for_precision(0.999)
    alone = TextClassifier(budget_seconds=5).fit(["wave", "oak"], ["sea", "wood"])
    with pytest.raises(InputError, match=r"no labelled row was held out .* two rows in each of two classes"):
        alone.predict_sets(["wave"])
