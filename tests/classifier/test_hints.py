"""Class names as a teacher: believed where the labelled texts bear them out, and nowhere else."""

import numpy as np
import pytest

from minent.classifier import TextClassifier
from minent.classifier.hints import MOST_PER_CLASS, class_name_hints, named_class
from tests.classifier.corpora import draw

CLASSES = ("sea", "wood")


@pytest.mark.parametrize(
    ("text", "name", "spaced", "met"),
    [
        ("The SEA is near", "sea", True, True),
        ("a seal", "sea", True, False),  # a part of a word
        ("go to", "go", True, False),  # too short for a script with spaces
        ("class 102", "102", True, False),  # a code
        ("今天体育新闻", "体育", False, True),
        ("体", "体", False, False),
    ],
)
def test_a_name_is_met_as_a_word_that_tells_something(text, name, spaced, met):
    assert named_class([text], [name, "some other name"], spaced=spaced).tolist() == [0 if met else -1]


def test_a_text_with_two_names_is_of_neither():
    assert named_class(["sea and wood", "sea"], CLASSES, spaced=True).tolist() == [-1, 0]


def test_names_are_believed_only_where_labels_bear_them_out():
    pool = ["sea wave"] * 50 + ["wood oak"] * 3 + ["nothing"]
    gold = ["sea tide", "sea sail", "sea reef", "wood fern", "wood deer", "wood moss"]
    right, wrong = np.array([0, 0, 0, 1, 1, 1]), np.array([1, 0, 1, 0, 1, 0])
    found, note = class_name_hints(pool, gold, right, CLASSES, spaced=True, seed=0)
    assert "6 labelled texts that do, 6 are" in note
    assert [found.labels.count(label) for label in (0, 1)] == [MOST_PER_CLASS, 3]
    assert all(pool[row].startswith(CLASSES[label]) for row, label in zip(found.rows, found.labels))
    none, note = class_name_hints(pool, gold, wrong, CLASSES, spaced=True, seed=0)
    assert none is None
    assert "taught nothing" in note
    assert class_name_hints(pool, gold[:2], right[:2], CLASSES, spaced=True, seed=0)[0] is None  # too few to tell
    assert class_name_hints(pool, ["x"] * 6, right, CLASSES, spaced=True, seed=0) == (None, "")
    assert class_name_hints(["x"], gold, right, CLASSES, spaced=True, seed=0) == (None, "")


def test_names_that_hold_true_are_a_rung_and_names_that_do_not_are_none():
    pool, labels = draw(120, seed=71)
    texts, stated = draw(6, seed=72)
    named = [f"{label} {text}" if row % 3 == 0 else text for row, (text, label) in enumerate(zip(pool, labels))]
    shown = [f"{label} {text}" for text, label in zip(texts, stated)]
    found = TextClassifier(budget_seconds=60).fit(shown, stated, named)
    assert "lr_names" in {rung["name"] for rung in found.ladder_}
    assert any("taught as if they were labelled" in sentence for sentence in found.decision_)
    renamed = TextClassifier(budget_seconds=60).fit(shown, [{"sea": "102", "wood": "103"}[s] for s in stated], named)
    assert "lr_names" not in {rung["name"] for rung in renamed.ladder_}
