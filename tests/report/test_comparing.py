"""Several classifiers side by side: the figures, the doubt, and that no text of theirs becomes markup."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from minent.errors import InputError
from minent.report import Run, Trial, compare, comparing
from tests.report.test_report import HOSTILE, LONG, Page, assert_harmless, facts, manifest

LABELS = ("no", "yes") * 20
TRIAL = Trial("test.csv", tuple(f"text {place}" for place in range(40)), LABELS)


def run(name: str, wrong: set[int], **changes) -> Run:
    said = tuple("neither" if place in wrong else label for place, label in enumerate(LABELS))
    return Run(name, manifest(**changes), said)


def test_the_best_stands_above_with_its_doubt():
    runs = [run("old", set(range(12))), run("new", {0, 1, 30}), run("other", set(range(20)))]
    said, doubt = comparing.headline(runs, TRIAL)
    assert said == "new is right most often: on 92.5\u202f% of 40 test texts, 22.5 points above old."
    assert doubt.startswith("Where one of the two is right and the other wrong, it is right on 10 and wrong on 1;")
    assert doubt.endswith("in 1.2\u202f% of trials. That is more than chance.")
    assert comparing.headline([run("a", {0, 1}), run("b", {2, 3, 4})], TRIAL)[1].endswith("That may well be chance.")
    narrow = comparing.headline([run("a", set()), run("b", set(range(5)))], TRIAL)[1]
    assert narrow.endswith("in 6.2\u202f% of trials. That may well be chance.")
    many = Trial("test.csv", TRIAL.texts * 100, TRIAL.labels * 100)
    near = [Run(name, manifest(), many.labels[:at] + ("?",) * (4000 - at)) for name, at in (("a", 3999), ("b", 3998))]
    assert "less than 0.1 points above b." in comparing.headline(near, many)[0]
    said, doubt = comparing.headline([run("a", {0, 5}), run("b", {0, 1})], TRIAL)
    assert said.startswith("a and b are right equally often")
    assert doubt == "Each is right on 1 that the other gets wrong, so these texts do not tell which is better."
    alike = comparing.headline([run("a", {0}), run("b", {0})], TRIAL)[1]
    assert alike == "They give each of these texts the same answer."


def test_without_a_test_the_labels_speak_and_the_doubt_is_larger():
    worse = facts()
    worse["ladder"][2]["cv_accuracy"] = 0.8
    bare = [Run("one", manifest()), Run("two", manifest(facts=worse, inputs={"labelled": "other"}))]
    said, doubt = comparing.headline(bare, Trial())
    assert (
        said == "one is right most often: on 90.0\u202f% of its labels, each held out in turn, 10.0 points above two."
    )
    assert doubt == (
        "So few labels fix this only to about ±13.5 points. They learned from different labels, so each was judged on "
        "its own. A test file tells more."
    )
    same = [Run("one", manifest()), Run("two", manifest(facts=worse))]
    assert "different labels" not in comparing.headline(same, Trial())[1]
    assert comparing.headline([Run("a", manifest(facts={})), Run("b", manifest())], Trial())[0].endswith(
        "not measured."
    )
    page = Page(compare(bare))
    assert page.ids == ["summary", "runs", "ladder", "provenance"]


@given(st.integers(0, 60), st.integers(0, 60))
def test_chance_is_that_of_the_exact_test(one, other):
    wanted = binomtest(one, one + other).pvalue if one + other else 1.0
    assert comparing.chance_of(one, other) == pytest.approx(wanted, rel=1e-9)


def test_the_page_shows_every_run_label_and_error():
    runs = [run("old", set(range(12))), run("new", {0, 1, 30})]
    page = Page(compare(runs, TRIAL))
    assert page.ids == ["summary", "runs", "pairs", "labels", "ladder", "errors", "provenance"]
    for said in ("92.5\u202f%", "test.csv", "13 texts that at least one got wrong", "shipped", "text 30"):
        assert said in page.text, said
    assert "text 13" not in page.text
    rows = comparing.text_rows(runs, TRIAL)
    assert [row["text"] for row in rows[:3]] == ["text 0", "text 1", "text 2"]
    assert rows[0] == {"text": "text 0", "label": "no", "said": ["neither", "neither"], "wrong": 2}
    assert comparing.label_rows(runs, TRIAL) == [
        {"label": "no", "texts": 20, "found": [14 / 20, 18 / 20]},
        {"label": "yes", "texts": 20, "found": [14 / 20, 19 / 20]},
    ]
    assert comparing.pair_rows(runs, TRIAL)[0] | {"chance": 0} == {
        "first": "old", "second": "new", "only": 1, "other": 10, "agree": 29 / 40, "chance": 0
    }  # fmt: skip


def test_ladders_are_set_side_by_side():
    short = facts()
    short["ladder"] = [*short["ladder"][2:], {"name": "new", "title": "a new rung", "cv_accuracy": 0.5}]
    rows = comparing.rung_rows([Run("one", manifest()), Run("two", manifest(facts=short))])
    assert [row["title"] for row in rows] == ["TF-IDF, linear", "a plain text", "a new rung"]
    assert [[rung is not None for rung in row["rungs"]] for row in rows] == [[True, False], [True, True], [False, True]]


@pytest.mark.parametrize("text", [HOSTILE, LONG, "", "\x1b[31m\n\n"])
def test_hostile_texts_stay_text(text):
    trial = Trial(text, (text,) * 50, (text + "1", text + "2") * 25)
    whole = manifest(facts=facts(text, (text + "1", text + "2")), seeds={text: 0}, inputs={text: text}, digest=text)
    page = assert_harmless(compare([Run(text + "a", whole, trial.labels), Run(text + "b", whole, (text,) * 50)], trial))
    assert page.ids == ["summary", "runs", "pairs", "labels", "ladder", "errors", "provenance"]


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(InputError, match="two or more, each with another name"):
        compare([run("one", set())], TRIAL)
    with pytest.raises(InputError, match="another name"):
        compare([run("one", set()), run("one", {1})], TRIAL)
    with pytest.raises(InputError, match="two answers 3 of 40 test texts"):
        compare([run("one", set()), dataclasses.replace(run("two", set()), said=("a",) * 3)], TRIAL)
    with pytest.raises(InputError, match="'vectors'"):
        compare([run("one", set()), run("two", set(), kind="vectors")], TRIAL)
