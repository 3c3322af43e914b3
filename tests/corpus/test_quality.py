"""The audit finds what was planted and nothing else; nearness agrees with the sets of 5-grams."""

from __future__ import annotations

import json
import random

from hypothesis import given
from hypothesis import strategies as st

from minent import artifacts, samples
from minent.corpus import Labelled, Overlap, audit
from minent.corpus.duplicates import grams_of, jaccard, near_groups
from minent.corpus.quality import script_of
from tests.corpus import reference

SHORT = st.text("ab AB", max_size=12)


@given(SHORT, SHORT)
def test_grams_agree_with_the_reference(a, b):
    assert len(grams_of(a)) == len(reference.grams(a))
    assert jaccard(grams_of(a), grams_of(b)) == reference.jaccard(a, b)


@given(st.lists(SHORT, max_size=8))
def test_groups_hold_near_texts_only(texts):
    pairs = reference.near_pairs(texts)
    for first, *rest in near_groups(texts):
        assert {(first, other) for other in rest} <= pairs


def test_groups_find_what_is_near():
    rng = random.Random(0)
    words = ["".join(rng.choices("abcdefghijklmnop", k=rng.randint(2, 8))) for _ in range(500)]
    texts = [" ".join(rng.choices(words, k=15)) for _ in range(200)]
    for position in range(0, 200, 2):  # one letter changed in the middle
        text = texts[position]
        texts.append(text[:40] + "z" + text[41:])
    pairs = reference.near_pairs(texts)
    assert len(pairs) == 100
    found = {(first, other) for first, *rest in near_groups(texts) for other in rest}
    assert found == pairs


def test_many_equal_texts_cost_no_pairs():
    assert near_groups(["the same text again"] * 5_000) == (tuple(range(5_000)),)


def test_the_audit_finds_what_was_planted():
    base = "the quick brown fox jumps over the lazy dog while the band plays on and on"
    train = Labelled(
        (base, base + "!", "unique", " unique ", "", "价格很好", "alone"),
        ("a", "a", "a", "b", "b", None, "c"),
    )
    pool = ["something else", "", "something else", base.upper(), "tested"]
    test = Labelled(("tested", base + ".", "unique", "new"), ("a", "b", "z", "z"))
    found = audit(train, pool, test)
    assert found.classes == {"a": 3, "b": 2, "c": 1}
    assert (found.rows, found.without_label, found.empty) == (7, 1, (5,))
    assert found.lengths == {"shortest": 0, "5%": 0, "median": 6, "95%": 74, "longest": 75}
    assert found.scripts == {"LATIN": 5, "CJK": 1, "NONE": 1}
    assert found.duplicates == found.disagreements == ((3, 4),)
    assert found.near_duplicates == ((1, 2),)
    assert (found.pool_rows, found.pool_empty, found.pool_repeated, found.test_rows) == (5, 1, 1, 4)
    assert found.test_in_training == Overlap(exact=(3,), near=(2,))
    assert found.test_in_pool == Overlap(exact=(1,), near=(2,))
    assert found.unseen_classes == (("z", 2),)
    assert json.dumps(artifacts.plain(found))
    assert found.lines() == [
        "labelled: 7 rows, 3 classes, 1 without a label",
        "classes: 'a' 3 (50%), 'b' 2 (33%), 'c' 1 (17%)",
        "characters: shortest 0, 5% 0, median 6, 95% 74, longest 75",
        "scripts: LATIN 5, CJK 1, NONE 1",
        "pool: 5 rows, 1 empty, 1 repeated",
        "test: 4 rows",
        "problem: 1 row is empty (5). Remove them or write their text.",
        "problem: 1 group has the same text and different labels (rows 3 = 4). Decide for one label.",
        "problem: 1 group has the same text (rows 3 = 4). Keep one of each.",
        "problem: 1 group has nearly the same text (5-gram Jaccard >= 0.8) (rows 1 = 2). Look at them.",
        "problem: class 'c' has one row only. Label more of it.",
        "problem: 2 of 4 test rows stand in the labelled set, 1 the same and 1 nearly (rows 2, 3). "
        "The test score will flatter.",
        "problem: 2 of 4 test rows stand in the unlabelled pool, 1 the same and 1 nearly (rows 1, 2). "
        "Remove them, or call it transductive.",
        "problem: the test has labels that no labelled row has: 'z' (2 rows). Label some, or correct the name.",
    ]


def test_a_clean_set_says_so():
    assert audit(Labelled(("x", "y", "z", "w"), ("a", "a", "b", "b"))).lines()[-1] == "problems: none found"


def test_the_same_text_twice_is_a_duplicate_and_nothing_else():
    found = audit(Labelled(("same text", "same text", "other", "other"), ("a", "a", "b", None)))
    assert found.duplicates == ((1, 2), (3, 4))
    assert found.disagreements == found.near_duplicates == ()


def test_one_class_is_a_problem():
    assert audit(Labelled(("x", "y"), ("a", "a"))).problems == [
        "all rows have the label 'a'. Label some rows of another class."
    ]


def test_the_pool_of_the_sample_holds_no_test_text():
    sample = samples.load("subjectivity")
    train = Labelled(tuple(sample.train_texts), tuple(sample.train_labels))
    found = audit(train, sample.unlabeled, Labelled(tuple(sample.test_texts), tuple(sample.test_labels)))
    assert not found.test_in_pool.exact
    assert not found.test_in_training.exact


def test_scripts_of_odd_letters():
    assert script_of("ひらがな") == "HIRAGANA"
    assert script_of("\ud800 \x00") == "NONE"
