"""Labels that are wrong on purpose come first among the suspects."""

import pytest

from minent.classifier import TextClassifier
from tests.classifier.corpora import draw


@pytest.fixture(scope="module")
def audited():
    pool, _ = draw(100, seed=91)
    texts, labels = draw(30, seed=92)
    flipped = set(texts[:4])
    stated = [
        ({"sea": "wood", "wood": "sea"}[label] if text in flipped else label) for text, label in zip(texts, labels)
    ]
    return TextClassifier(budget_seconds=60).fit(texts, stated, pool), flipped


def test_flipped_labels_are_the_first_suspects(audited):
    classifier, flipped = audited
    suspects = classifier.facts_["suspects"]
    assert {row["text"] for row in suspects[:4]} == flipped
    assert all(row["suggested"] != row["label"] for row in suspects)
    assert [row["probability"] for row in suspects] == sorted(row["probability"] for row in suspects)
