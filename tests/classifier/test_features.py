"""The analyser and the linear model: what `fit` and `predict` share."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minent.classifier.features import Counts, Vocabulary, document_frequency, ngrams, script_of
from minent.classifier.linear import LinearModel, RowTransform
from minent.errors import InputError

TEXTS = st.lists(st.text(alphabet="ab ,。好不\n\u0301", max_size=12), min_size=1, max_size=8)


def test_words_keep_their_combining_marks_and_apostrophes():
    assert ngrams("Don’t हिन्दी", "spaced") == ["don’t", "हिन्दी", "don’t हिन्दी"]


def test_the_script_follows_from_most_letters():
    assert script_of(["很好用", "ok"]) == "unspaced"
    assert script_of(["a long english text with one 好"]) == "spaced"
    assert script_of(["", "123"]) == "spaced"


def test_no_feature_holds_a_line_end():
    vocabulary = Vocabulary.learn(["好\n好\r好\u2028好\x85好"] * 2)
    assert vocabulary.script == "unspaced"
    assert not [f for f in vocabulary.features if "\n" in f or "\r" in f]


@given(TEXTS)
def test_counts_are_those_of_a_plain_loop(texts):
    vocabulary = Vocabulary.learn([*texts, *texts])
    counts = vocabulary.count(texts)
    for row, text in enumerate(texts):
        found = ngrams(text, vocabulary.script)
        columns = counts.indices[counts.starts[row] : counts.starts[row + 1]]
        values = counts.values[counts.starts[row] : counts.starts[row + 1]]
        expected = {f: found.count(f) for f in found if f in vocabulary.features}
        assert {vocabulary.features[c]: v for c, v in zip(columns, values)} == expected
        assert (np.diff(columns) > 0).all()


def test_the_vocabulary_does_not_depend_on_the_order_and_keeps_the_commonest():
    texts = ["b b a", "a b", "c a b", "c"]
    assert Vocabulary.learn(texts).features == Vocabulary.learn(texts[::-1]).features
    assert Vocabulary.learn(texts, limit=2).features == ["a", "b"]


def _model(script="spaced", transform=None):
    vocabulary = Vocabulary(script, ["bad", "good", "very good"])
    weights = np.array([[1.0, -1.0], [-1.0, 1.0], [-1.0, 2.0]], np.float32)
    idf = np.array([1.0, 2.0, 1.5], np.float32)
    return LinearModel(vocabulary, transform or RowTransform("tfidf", idf), weights, np.array([0.5, 0.0], np.float32))


def test_scores_are_those_written_out_by_hand():
    scores = _model().scores(["very good good", "", "bad"])
    raw = np.array([(1 + np.log(2)) * 2.0, 1.5])
    row = raw / np.linalg.norm(raw)
    assert scores[0] == pytest.approx([0.5 - row[0] - row[1], row[0] + 2 * row[1]], abs=1e-6)
    assert scores[1].tolist() == [0.5, 0.0]  # an empty text gets the bias
    assert scores[2] == pytest.approx([1.5, -1.0])


def test_a_long_text_counts_for_twenty():
    counts = Counts(np.arange(50, dtype=np.int32), np.array([0, 10, 50]), np.ones(50, np.float32))
    values = RowTransform("length").values(counts)
    assert values[:10].tolist() == [1.0] * 10
    assert values[10:].sum() == pytest.approx(20.0)


def test_a_stream_of_many_chunks_gives_what_one_list_gives():
    texts = ["good", "bad", "very good"] * 700
    model = _model()
    assert np.array_equal(model.probabilities(iter(texts)), np.tile(model.probabilities(texts[:3]), (700, 1)))
    assert model.probabilities([]).shape == (0, 2)


def test_weights_that_are_not_finite_are_refused():
    model = _model()
    with pytest.raises(InputError, match="1 weights that are not finite"):
        LinearModel(model.vocabulary, model.transform, model.weights, np.array([np.nan, 0.0], np.float32))


def test_a_saved_model_comes_back_equal_even_with_lone_surrogates(tmp_path):
    vocabulary = Vocabulary("unspaced", ["\udc80", "好", "好 "])
    model = LinearModel(vocabulary, RowTransform("length"), np.ones((3, 2), np.float32), np.zeros(2, np.float32), 0.7)
    loaded = LinearModel.load(tmp_path, model.save(tmp_path))
    assert loaded.vocabulary.features == vocabulary.features
    assert loaded.transform.kind == "length"
    assert loaded.temperature == 0.7
    assert np.array_equal(loaded.weights, model.weights)


def test_document_frequency_counts_texts_not_occurrences():
    counts = Vocabulary("spaced", ["a", "b"]).count(["a a", "a b"])
    assert document_frequency(counts, 2).tolist() == [2, 1]
