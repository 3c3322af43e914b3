"""A smaller classifier that says the same."""

import numpy as np
import pytest

import minent
from minent.classifier import TextClassifier, compress
from minent.classifier.features import Vocabulary
from minent.classifier.linear import LinearModel, RowTransform
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
    assert sizes["agreement"] >= 0.99
    assert (small.predict(TEXTS) == fitted.predict(TEXTS)).mean() > 0.96
    assert small.predict_proba(POOL).max(axis=1).mean() == pytest.approx(
        fitted.predict_proba(POOL).max(axis=1).mean(), abs=1e-3
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
    with pytest.raises(InputError, match="99% is needed"):
        compress(fitted, texts=POOL, max_bytes=120)
    assert compress(fitted, texts=POOL, max_bytes=120, force=True).facts_["sizes"]["bytes"] <= 120
    with pytest.raises(InputError, match="even the smallest model takes"):
        compress(fitted, texts=POOL, max_bytes=5, force=True)


def test_without_texts_the_weights_are_rounded_and_nothing_is_dropped(fitted):
    small = compress(fitted)
    assert small.facts_["sizes"]["features"] == fitted.facts_["sizes"]["features"]
    assert small.facts_["sizes"]["agreement"] is None
    with pytest.raises(InputError, match="was not measured"):
        compress(fitted, max_bytes=fitted.facts_["sizes"]["bytes"] // 4)


def test_many_classes_of_low_rank_are_written_as_mixtures(fitted, tmp_path):
    random = np.random.default_rng(0)
    features = [f"w{number}" for number in range(300)]
    weights = (random.normal(size=(300, 6)) @ random.normal(size=(6, 40))).astype(np.float32)
    model = LinearModel(Vocabulary("spaced", features), RowTransform("length"), weights, np.zeros(40, np.float32))
    many = TextClassifier()
    many._adopt(model, [str(place) for place in range(40)], fitted.facts_, {}, {})
    texts = [" ".join(random.choice(features, 12)) for _ in range(300)]
    small = compress(many, texts=texts)
    assert small.model_.packed["weights"].shape[1] <= 7
    assert small.facts_["sizes"]["agreement"] >= 0.99
    small.save(tmp_path / "many")
    assert np.array_equal(minent.load(tmp_path / "many").predict_proba(texts), small.predict_proba(texts))
