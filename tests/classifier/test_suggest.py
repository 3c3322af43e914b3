"""What to label next."""

import numpy as np
import pytest

from minent.classifier import TextClassifier, suggest
from minent.classifier.suggest import choose
from minent.errors import InputError
from tests.classifier.corpora import draw


def test_doubtful_texts_come_first_and_no_two_alike():
    latent = np.array([[1.0, 0.0, 0.0], [0.99, 0.01, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    probabilities = np.array([[0.5, 0.5], [0.52, 0.48], [0.55, 0.45], [0.95, 0.05]])
    assert choose(latent, np.zeros((0, 3)), probabilities, 2) == [0, 2]
    assert choose(latent, np.zeros((0, 3)), None, 2) == [0, 3]


def test_what_the_labelled_texts_stand_for_is_passed_over():
    latent = np.array([[1.0, 0.1, 0.0], [0.0, 1.0, 0.2], [0.0, 0.0, 1.0]])
    assert choose(latent, np.array([[1.0, 0.0, 0.0]]), None, 1) != [0]
    assert sorted(choose(latent, np.eye(3), None, 3)) == [0, 1, 2]  # no dimension is left: doubt alone


def test_it_offers_each_text_once_and_none_that_is_labelled():
    texts, labels = draw(30, seed=21)
    known, known_labels = texts[:8], labels[:8]
    model = TextClassifier(budget_seconds=5).fit(known, known_labels)
    found = suggest(model, [*texts, *texts, "", " "], 10, labelled=known)
    assert len({one.text for one in found}) == len(found) == 10
    assert not {one.text for one in found} & set(known)
    assert all(texts[one.row] == one.text for one in found)
    assert all(one.label in {"sea", "wood"} and 0.5 <= one.probability <= 1 for one in found)


def test_before_there_is_a_model_it_covers_every_topic():
    texts, labels = draw(30, seed=22, topics=("sea", "wood", "town"))
    found = suggest(None, texts, 6)
    assert {labels[one.row] for one in found} == {"sea", "wood", "town"}
    assert found[0].label is None
    assert len(suggest(None, texts[:3], 10)) == 3


def test_nothing_to_choose_from_is_an_error():
    with pytest.raises(InputError, match="none that is neither empty nor labelled"):
        suggest(None, ["a", " "], labelled=["a"])
    with pytest.raises(InputError, match="n is 0"):
        suggest(None, ["a"], 0)
