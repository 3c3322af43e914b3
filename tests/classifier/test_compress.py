"""A smaller classifier that says the same."""

import numpy as np
import pytest

import minent
from minent.classifier import TextClassifier, compress
from minent.classifier.features import Counts, Vocabulary
from minent.classifier.linear import LinearModel, RowTransform
from minent.classifier.pruning import Pruner, restricted
from minent.errors import InputError
from tests.classifier.corpora import draw

POOL, _ = draw(150, seed=41)
TEXTS, _ = draw(200, seed=42)


@pytest.fixture(scope="module")
def fitted():
    return TextClassifier(budget_seconds=30).fit(*draw(8, seed=43), POOL)


def test_far_fewer_bytes_and_the_same_answers(fitted, tmp_path):
    before = fitted.predict_proba(TEXTS)
    small = compress(fitted, texts=POOL)
    sizes = small.facts_["sizes"]
    assert sizes["bytes"] < 0.5 * sizes["bytes_before"]
    assert sizes["agreement"] >= 0.995
    assert sizes["compared_texts"] == len(POOL) // 2
    assert sizes["accuracy"] is None
    assert (small.predict(TEXTS) == fitted.predict(TEXTS)).mean() > 0.96
    assert small.predict_proba(POOL[1::2]).max(axis=1).mean() == pytest.approx(
        fitted.predict_proba(POOL[1::2]).max(axis=1).mean(), abs=1e-3
    )
    assert np.array_equal(fitted.predict_proba(TEXTS), before)
    small.save(tmp_path / "small")
    loaded = minent.load(tmp_path / "small")
    assert np.array_equal(loaded.predict_proba(TEXTS), small.predict_proba(TEXTS))
    files = sum((tmp_path / "small" / name).stat().st_size for name in ("features.txt", "weights.safetensors"))
    assert abs(files - sizes["bytes"]) < 500  # the header of the file


def test_a_limit_is_kept_or_refused(fitted):
    whole = fitted.facts_["sizes"]["bytes"]
    assert compress(fitted, texts=POOL, max_bytes=whole // 2).facts_["sizes"]["bytes"] <= whole // 2
    refusal = r"the agreement is \d\d\.\d%; half a point may be lost, so without labels 99.5% of the answers must stay"
    with pytest.raises(InputError, match=refusal):
        compress(fitted, texts=POOL, max_bytes=60)
    assert compress(fitted, texts=POOL, max_bytes=60, force=True).facts_["sizes"]["bytes"] <= 60
    with pytest.raises(InputError, match="even the smallest model takes"):
        compress(fitted, texts=POOL, max_bytes=5, force=True)


def test_a_class_that_is_no_mixture_of_others_is_kept_as_it_is():
    draws = np.random.default_rng(0)
    words, labels = [[f"w{3 * at + part}" for part in range(3)] for at in range(60)], np.repeat(np.arange(60), 3)
    texts, asked = ([" ".join(draws.choice(words[at], 4)) for at in labels] for _ in range(2))
    many = TextClassifier(budget_seconds=5).fit(texts, [f"class {at}" for at in labels])
    many.model_.weights[:, ::2] *= 0.02  # half of the classes speak softly, and each has words of its own
    said = many.predict(asked)
    assert np.array_equal(compress(many).predict(asked), said)
    plain = compress(many).facts_["sizes"]["bytes"]
    assert np.array_equal(compress(many, max_bytes=plain).predict(asked), said)
    with pytest.raises(InputError, match="was not measured"):
        compress(many, max_bytes=plain - 1)
    small = compress(many, texts=[text for text in asked for _ in range(2)])
    assert small.facts_["sizes"]["agreement"] >= 0.995
    assert small.facts_["sizes"]["bytes"] < 0.5 * small.facts_["sizes"]["bytes_before"]
    with pytest.raises(InputError, match="half a point may be lost"):
        compress(many, texts=asked, max_bytes=500)


def test_without_texts_the_weights_are_rounded_and_nothing_is_dropped(fitted):
    small = compress(fitted)
    assert small.facts_["sizes"]["features"] == fitted.facts_["sizes"]["features"]
    assert small.facts_["sizes"]["agreement"] is None
    with pytest.raises(InputError, match="was not measured"):
        compress(fitted, max_bytes=fitted.facts_["sizes"]["bytes"] // 4)


def test_with_labels_accuracy_decides(fitted):
    texts, labels = draw(100, seed=44, words=2)
    whole = fitted.score(texts, labels)
    small = compress(fitted, texts=POOL, test=(texts, labels))
    sizes = small.facts_["sizes"]
    assert sizes["compared_texts"] == 200
    assert (sizes["accuracy_before"], sizes["accuracy"]) == (whole, small.score(texts, labels))
    assert sizes["accuracy"] >= whole - 0.005
    assert sizes["bytes"] < 0.5 * sizes["bytes_before"]
    with pytest.raises(
        InputError, match=r"n-grams accuracy falls from 1?\d\d\.\d% to \d\d\.\d%; half a point may be lost"
    ):
        compress(fitted, texts=POOL, test=(texts, labels), max_bytes=120)
    unknown = compress(fitted, texts=POOL, test=(texts, ["none of them"] * 200), max_bytes=120)
    assert unknown.facts_["sizes"]["accuracy_before"] == 0.0  # nothing can be lost
    for wrong in (([], []), (texts, labels[:-1])):
        with pytest.raises(InputError, match="Give one label per text"):
            compress(fitted, test=wrong)


def test_the_facts_are_those_of_the_smaller_model(fitted):
    small = compress(fitted, texts=POOL)
    facts, kept = small.facts_, set(small.model_.vocabulary.features)
    assert facts["calibration"]["temperature"] == small.model_.temperature != fitted.model_.temperature
    assert facts["calibration"]["method"] == f"a temperature that keeps the mean confidence of {len(POOL) // 2} texts"
    listed = [row for rows in facts["features"].values() for row in rows]
    assert listed
    assert all(row["feature"] in kept for row in listed)
    assert not all(row["feature"] in kept for rows in fitted.facts_["features"].values() for row in rows)
    contrast = small.model_.weights - small.model_.weights.mean(axis=1, keepdims=True)
    for place, label in enumerate(small.classes_):
        for row in facts["features"][label]:
            weight = contrast[small.model_.vocabulary.column(row["feature"]), place]
            assert row["weight"] == pytest.approx(weight, abs=1e-4)
    assert "n-grams; all that was held out was judged before" in facts["decision"][-1]
    assert compress(fitted).facts_["calibration"] == fitted.facts_["calibration"]


def test_a_smaller_model_promises_by_its_own_answers_or_not_at_all(fitted):
    with pytest.raises(InputError, match="compress it with a test"):
        compress(fitted, texts=POOL).predict_sets(["it"])
    asked, labels = draw(200, seed=45)
    labels[0] = "a class that it never saw"
    small = compress(fitted, texts=POOL, test=(asked, labels))
    probability = small.predict_proba(asked).astype(float)
    judged = small._judgements()
    of = small.classes_.tolist()
    own = [0.0, *(row[of.index(label)] for row, label in zip(probability[1:], labels[1:]))]
    assert judged.own == pytest.approx(np.sort(own), abs=1e-6)
    assert judged.right.tolist() == (small.predict(asked) == np.array(labels)).tolist()
    held = [label in found for found, label in zip(small.predict_sets(TEXTS, coverage=0.8), draw(200, seed=42)[1])]
    assert np.mean(held) > 0.7
    assert 0 < small.threshold_for_precision(0.6) < 1


def test_what_is_kept_speaks_for_what_is_dropped(fitted):
    """The fit of the kept weights to the scores of the whole model brings them nearer, on texts it did not see."""
    whole = fitted.model_
    learned, asked = whole.vocabulary.count(POOL), whole.vocabulary.count(TEXTS)
    blind = Counts(learned.indices[:0], learned.starts[:1], learned.values[:0])
    count = len(whole.vocabulary) // 6
    wanted = whole.score_counts(asked)
    wanted -= wanted.mean(axis=1, keepdims=True)

    def distance(model):
        columns = np.array([whole.vocabulary.column(feature) for feature in model.vocabulary.features])
        found = model.score_counts(restricted(asked, columns, len(whole.vocabulary)))
        return np.abs(found - found.mean(axis=1, keepdims=True) - wanted).mean()

    same_order = Pruner(whole, learned)
    cut = same_order.cut_and_rounded(count)
    assert distance(same_order.keep(count)) < 0.7 * distance(cut)
    assert np.array_equal(Pruner(whole, blind).keep(count).bias, whole.bias)


def test_restricted_counts_are_those_of_the_smaller_vocabulary():
    whole, few = Vocabulary("spaced", ["a", "b", "c", "d"]), Vocabulary("spaced", ["b", "d"])
    texts = ["a b b", "", "d c a d", "a"]
    found, wanted = restricted(whole.count(texts), np.array([1, 3]), 4), few.count(texts)
    for name in ("indices", "starts", "values"):
        assert getattr(found, name).tolist() == getattr(wanted, name).tolist()


def test_scores_of_tiny_scale_keep_their_confidence(fitted):
    whole, scale = fitted.model_, 1e-9
    weights, bias = (whole.weights * scale).astype(np.float32), (whole.bias * scale).astype(np.float32)
    tiny = TextClassifier()
    model = LinearModel(whole.vocabulary, whole.transform, weights, bias, whole.temperature * scale)
    tiny._adopt(model, fitted.classes_, fitted.facts_, {}, {})
    small, before = compress(tiny, texts=POOL, force=True), tiny.predict_proba(POOL[1::2]).max(axis=1).mean()
    assert small.predict_proba(POOL[1::2]).max(axis=1).mean() == pytest.approx(before, abs=1e-3)


def test_a_limit_is_filled(fitted):
    whole = fitted.facts_["sizes"]["bytes"]
    for share in (0.3, 0.13):
        most = int(whole * share)
        assert 0.95 * most < compress(fitted, max_bytes=most, force=True).facts_["sizes"]["bytes"] <= most


def test_many_classes_of_low_rank_are_written_as_mixtures(fitted, tmp_path):
    random = np.random.default_rng(0)
    features = [f"w{number}" for number in range(300)]
    weights = (random.normal(size=(300, 6)) @ random.normal(size=(6, 40))).astype(np.float32)
    model = LinearModel(Vocabulary("spaced", features), RowTransform("length"), weights, np.zeros(40, np.float32))
    many = TextClassifier()
    many._adopt(model, [str(place) for place in range(40)], fitted.facts_, {}, {})
    texts = [" ".join(random.choice(features, 12)) for _ in range(300)]
    with pytest.raises(InputError, match="with 300 of 300 n-grams the agreement is 98"):
        compress(many, texts=texts)  # drawn weights leave so many near ties that 8 bits tip some
    small = compress(many, texts=texts, force=True)
    assert small.model_.packed["weights"].shape[1] <= 7
    assert small.facts_["sizes"]["agreement"] > 0.97
    tight = compress(many, texts=texts, max_bytes=2500, force=True).facts_["sizes"]["bytes"]
    assert 2000 < tight <= 2500
    small.save(tmp_path / "many")
    assert np.array_equal(minent.load(tmp_path / "many").predict_proba(texts), small.predict_proba(texts))
