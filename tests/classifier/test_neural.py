"""The rungs on the pretrained encoder: in the same table, by the same rules, and left out by name."""

from dataclasses import replace

import numpy as np
import pytest

from minent.classifier import TextClassifier, fitting
from minent.classifier import plan as plan_module
from minent.classifier.fitting import NEURAL, groundwork_for, neural_members
from minent.prompts import Backbone
from tests.classifier.corpora import draw

POOL, _ = draw(120, seed=51)
TEXTS, LABELS = draw(6, seed=52)
NAMES = [name for name, _ in NEURAL]


def quick_members(classes):
    """The same rungs with fewer steps."""
    probe, capsules, prompts = neural_members(classes)
    return [probe, replace(capsules, steps=20), replace(prompts, most_steps=5)]


@pytest.fixture(scope="module")
def work():
    patch = pytest.MonkeyPatch()
    patch.setattr(plan_module, "ENCODER_SHARE", 0.02)  # about one second of pretraining
    patch.setattr(fitting, "neural_members", quick_members)
    yield groundwork_for(POOL, 2, budget_seconds=90)
    patch.undo()


@pytest.fixture(scope="module")
def fitted(work):
    return TextClassifier(budget_seconds=90).fit(TEXTS, LABELS, POOL, groundwork=work)


def test_neural_rungs_stand_in_the_same_table(fitted):
    rungs = {rung["name"]: rung for rung in fitted.ladder_}
    assert [rung["kind"] for rung in fitted.ladder_] == [
        *["floor", *["classical"] * 6],
        *["neural"] * 3,
        *["fusion", "student"],
    ]
    for name in NAMES:
        assert rungs[name]["note"] == ""
        assert rungs[name]["in_fusion"]
        assert 0.5 <= rungs[name]["confidence"] <= 1
        assert 0 <= rungs[name]["cv_accuracy"] <= 1
    assert fitted.predict_proba(TEXTS).shape == (12, 2)


def test_they_give_the_same_result_again(fitted, work):
    again = TextClassifier(budget_seconds=90).fit(TEXTS, LABELS, POOL, groundwork=work)
    assert again.facts_ == fitted.facts_
    assert np.array_equal(again.model_.weights, fitted.model_.weights)


@pytest.mark.parametrize("place", range(3), ids=NAMES)
def test_each_learns_what_it_is_shown_and_a_class_without_rows_is_possible(work, place):
    member = neural_members(["sea", "town", "wood"])[place]
    member = replace(member, **{"capsules": {"steps": 200}, "ptuning": {"fewest_steps": 40}}.get(member.name, {}))
    gold = work.view(TEXTS)
    labels = np.array([{"sea": 0, "wood": 2}[label] for label in LABELS])
    scores = member.fit(work.all, gold, labels, 3, 0)(gold)
    assert scores.shape == (12, 3)
    assert np.isfinite(scores).all()
    assert (scores.argmax(axis=1) == labels).mean() > 0.8
    assert member.name == NAMES[place]


def test_the_names_are_those_of_the_members():
    assert [(member.name, member.title) for member in neural_members(["a", "b"])] == list(NEURAL)


def test_a_backbone_that_is_given_is_used_with_its_own_tokenizer(work):
    class Shouting:
        vocab_size = work.tokenizer.vocab_size

        def encode(self, text):
            return work.tokenizer.encode(text.upper())

    backbone = Backbone(work.backbone.pretrained, Shouting())
    other = groundwork_for(POOL, 2, budget_seconds=90, backbone=backbone)
    assert other.backbone is backbone
    assert other.key != work.key
    view = other.view(["tide"])
    assert view.backbone_pieces[0].tolist() == work.tokenizer.encode("TIDE")
    assert other.view(["reef", "tide"])[np.array([1])].encoded == pytest.approx(view.encoded, abs=1e-5)


@pytest.mark.parametrize(("budget", "pool", "reason"), [(60, POOL, "does not pay"), (90, POOL[:50], "fewer than 200")])
def test_what_is_not_paid_for_is_named(budget, pool, reason):
    classifier = TextClassifier(budget_seconds=budget).fit(TEXTS, LABELS, pool)
    notes = {rung["name"]: rung["note"] for rung in classifier.ladder_}
    assert all(reason in notes[name] for name in NAMES)
