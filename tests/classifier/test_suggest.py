"""What to label next."""

from importlib import import_module

import numpy as np
import pytest

from minent.classifier import TextClassifier, suggest
from minent.classifier.suggest import choose
from minent.errors import InputError
from tests.classifier.corpora import draw

suggest_module = import_module("minent.classifier.suggest")  # the package gives the function under this name


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


@pytest.mark.parametrize("method", ["decomposition", "clusters", "margin"])
def test_as_many_come_back_as_there_are(method, monkeypatch):
    monkeypatch.setattr(suggest_module, "_CANDIDATES", 20)
    random = np.random.default_rng(0)
    latent, sure = random.normal(size=(60, 5)), random.uniform(0.5, 1.0, 60)
    found = choose(latent, latent[:0], np.stack([sure, 1 - sure], axis=1), 50, method=method)
    assert len(found) == len(set(found)) == 50
    assert len(choose(latent, latent[:0], None if method != "margin" else np.stack([sure, 1 - sure], axis=1), 99)) == 60


def test_clusters_send_the_middle_of_each():
    random = np.random.default_rng(0)
    axes = np.eye(3)
    latent = np.vstack([axes[k] + 0.05 * random.normal(size=(size, 3)) for k, size in enumerate((40, 30, 20))])
    found = choose(latent, np.zeros((0, 3)), None, 3, method="clusters")
    assert [int(latent[row].argmax()) for row in found] == [0, 1, 2]  # large ones first
    assert all(latent[row] @ axes[k] / np.linalg.norm(latent[row]) > 0.99 for k, row in enumerate(found))
    assert len(choose(latent[:2], np.zeros((0, 3)), None, 5, method="clusters")) == 2


def test_with_many_classes_the_middles_of_all_clusters_are_sent_whatever_is_doubted():
    random = np.random.default_rng(0)
    latent = np.vstack([np.eye(3)[k] + 0.05 * random.normal(size=(60, 3)) for k in range(3)])
    doubtful = np.where(np.arange(180) < 120, 0.0, 1.0)  # the third cluster is sure
    for classes, sent in ((5, {0, 1, 2}), (2, {0, 1})):
        probabilities = np.full((180, classes), 1 / classes)
        probabilities[:, 0] += doubtful
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        for method in ("clusters", "auto"):
            found = choose(latent, np.zeros((0, 3)), probabilities, 3, method=method)
            if classes == 5 or method == "clusters":
                assert {int(latent[row].argmax()) for row in found} == sent


def test_the_margin_goes_by_doubt_alone():
    probabilities = np.array([[0.9, 0.1], [0.55, 0.45], [0.5, 0.5], [0.7, 0.3]])
    assert choose(np.eye(4), np.zeros((0, 4)), probabilities, 3, method="margin") == [2, 1, 3]


def test_every_method_is_to_be_had_by_name():
    texts, labels = draw(30, seed=23)
    model = TextClassifier(budget_seconds=5).fit(texts[:8], labels[:8])
    for method in suggest_module.METHODS:
        assert len(suggest(model, texts, 5, labelled=texts[:8], method=method)) == 5
    with pytest.raises(InputError, match="Did you mean 'margin'"):
        suggest(model, texts, 5, method="margins")
    with pytest.raises(InputError, match="but model is None"):
        suggest(None, texts, 5, method="margin")


def test_nothing_to_choose_from_is_an_error():
    with pytest.raises(InputError, match="none that is neither empty nor labelled"):
        suggest(None, ["a", " "], labelled=["a"])
    with pytest.raises(InputError, match="n is 0"):
        suggest(None, ["a"], 0)
