"""Why a text got its label: the terms are the scores, at the places where they are said to stand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minent.classifier import TextClassifier
from minent.classifier.explain import Neighbours, explain
from minent.classifier.features import Vocabulary, as_read, located_ngrams, ngrams
from minent.classifier.linear import LinearModel, RowTransform
from minent.errors import InputError

WORDS = st.lists(st.sampled_from(["ab", "b", "ba", "'", "-", " ", "  ", "İ", "ß", "很", "好", "🙂", "\n"]), max_size=12)


def model(script: str, kind: str) -> LinearModel:
    texts = ["ab ba b - ab", "很好很 b", "🙂 ß İ ab ba"]
    vocabulary = Vocabulary(script, sorted({gram for text in texts for gram in ngrams(text, script)}))
    random = np.random.default_rng(0)
    weights = random.normal(size=(len(vocabulary), 3)).astype(np.float32)
    idf = random.uniform(1, 2, len(vocabulary)).astype(np.float32) if kind == "tfidf" else None
    bias = np.array([0.1, -0.2, 0.0], np.float32)
    return LinearModel(vocabulary, RowTransform(kind, idf, 4.0), weights, bias, temperature=0.7)


@pytest.mark.parametrize("script", ["spaced", "unspaced"])
@given(words=WORDS)
def test_located_ngrams_are_the_ngrams_at_their_places(script: str, words: list[str]) -> None:
    text = "".join(words)
    found = located_ngrams(text, script)
    assert sorted(gram for _, _, gram in found) == sorted(ngrams(text, script))
    assert found == sorted(found)
    line = as_read(text, script)
    for start, end, gram in found:
        assert "".join(line[start:end].split()) == "".join(gram.split())


@pytest.mark.parametrize("script", ["spaced", "unspaced"])
@pytest.mark.parametrize("kind", ["tfidf", "length"])
@given(words=WORDS)
def test_terms_and_bias_sum_to_the_scores(script: str, kind: str, words: list[str]) -> None:
    text, linear = "".join(words), model(script, kind)
    found = explain(linear, ("x", "y", "z"), text)
    total = np.sum([term.scores for term in found.terms] + [found.bias], axis=0)
    np.testing.assert_allclose(total, linear.scores([text])[0] / linear.temperature, rtol=1e-4, atol=1e-5)
    assert list(found.probabilities.values()) == sorted(found.probabilities.values(), reverse=True)
    by_character = np.sum([found.weights(label) for label in found.classes], axis=0)
    np.testing.assert_allclose(by_character, np.zeros(len(found.text)), atol=1e-9)  # leads over the mean cancel
    spread = sum(term.scores[1] - sum(term.scores) / 3 for term in found.terms)
    assert sum(found.weights("y")) == pytest.approx(spread, abs=1e-9)


def test_neighbours_share_what_tells_classes_apart() -> None:
    vocabulary = Vocabulary("spaced", ["good", "the", "bad"])
    weights = np.array([[1, -1], [3, 3], [-1, 1]], np.float32)  # "the" is heavy and says nothing
    linear = LinearModel(vocabulary, RowTransform("length"), weights, np.zeros(2, np.float32))
    near = Neighbours(linear, ["the good", "the bad", "the", "good good bad", ""])
    assert near.nearest("the good one") == [(0, pytest.approx(1.0)), (3, pytest.approx(0.5**0.5))]
    assert near.nearest("the") == []
    assert near.nearest("good", most=1) == [(0, pytest.approx(1.0))]


def test_labelled_texts_are_kept_with_the_model(tmp_path) -> None:
    texts = ["so good", "good fun", "so bad", "bad \ud800 fun <b>"]
    fitted = TextClassifier(budget_seconds=5).fit(texts, ["+", "+", "-", "-"])
    fitted.save(tmp_path / "model")
    loaded = TextClassifier.load(tmp_path / "model")
    assert loaded.examples_ == fitted.examples_
    assert sorted(loaded.examples_) == sorted(zip(texts, ["+", "+", "-", "-"]))
    assert loaded.explain("so good") == fitted.explain("so good")


def test_explaining_takes_one_text() -> None:
    fitted = TextClassifier(budget_seconds=5).fit(["so good", "so bad"], ["+", "-"])
    with pytest.raises(InputError, match="text is list"):
        fitted.explain(["so good"])
