"""The model card: what it says, what it leaves out, and that nothing in it becomes markup."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from minent import report
from minent.artifacts import Manifest, read_manifest, writing
from minent.errors import ArtifactError, InputError, WrongKindError
from minent.report import words
from tests.report.test_report import HOSTILE, LONG, facts, manifest

SECTIONS = ["How to load it", "Labels", "What was tried", "Can its probabilities be believed?", "Use and limits"]
SECTIONS += ["Where it comes from"]
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def body(card: str) -> str:
    """The card without its front matter, which belongs to the hub that shows it."""
    front, _, rest = card.partition("\n---\n")
    assert front.startswith("---\nlibrary_name: minent")
    return rest


def tokens(card: str) -> list:
    found = []
    for block in MARKDOWN.parse(body(card)):
        found += [block, *(block.children or [])]
    return found


def said(card: str) -> str:
    return " ".join(token.content for token in tokens(card) if token.type in ("text", "code_inline"))


def headings(card: str) -> list[str]:
    return re.findall("^## (.*)$", body(card), re.MULTILINE)


def test_the_card_has_its_sections_and_says_what_the_manifest_says():
    card = report.card(manifest(files={"labelled.jsonl": {}}))
    assert headings(card) == SECTIONS
    for part in (
        "Sorts texts into 2 classes (no, yes), learned from 32 labelled texts and 8,000 without a label.",
        "Right on 89.8 % of 2,000 test texts",
        "| `no` | 16 | 80\u202f% |",
        "| TF-IDF, linear | 82.0\u202f% | 4.0 | – | in the fusion |",
        "Mean error 3.1 points (a plain text). Set by a plain text; it is 1.30.",
        "It always names one of its 2 labels",
        "minent.load(",
        "3.4 MB, 183,221 n-grams",
        "split 3",
        "9c" * 32,
        "3f" * 32,
        "labelled.jsonl",
    ):
        assert part in card, part
    assert "started" not in card
    assert card == report.card(manifest(measured={}))  # the day and the machine are not in it


@pytest.mark.parametrize(
    ("left_out", "section"),
    [("task", "Labels"), ("ladder", "What was tried"), ("calibration", "Can its probabilities be believed?")],
)
def test_absent_facts_leave_their_section_out(left_out, section):
    kept = {name: value for name, value in facts().items() if name != left_out}
    assert headings(report.card(manifest(facts=kept))) == [name for name in SECTIONS if name != section]


def test_a_bare_manifest_has_a_card_and_shares_no_text():
    card = report.card(Manifest("classifier", 1, "0.1.0"))
    assert headings(card) == ["How to load it", "Use and limits", "Where it comes from"]
    assert "How often it is right was not measured." in card
    assert "labelled.jsonl" not in card


def hostile(text: str) -> Manifest:
    changed = facts(text, (text + "1", text + "2"))
    return manifest(facts=changed, seeds={text: 0}, inputs={text: text}, version=text, digest=text or "x")


def assert_harmless(text: str) -> None:
    plain, card = report.card(manifest(inputs={"labelled": "x"})), report.card(hostile(text))
    card.encode("utf-8")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", card)
    kinds = [token.type for token in tokens(card)]
    assert not {"html_block", "html_inline", "link_open", "image", "em_open", "s_open"} & set(kinds)
    prose = "\n".join(token.content for token in tokens(card) if token.type == "text")
    assert not re.search(r"://|www\.|@", prose, re.IGNORECASE)  # GitHub makes links of these, escaped or not
    # As many blocks of each kind as a card of harmless words: no text of the manifest makes or breaks one.
    for kind in ("heading_open", "table_open", "td_open", "tr_open", "fence", "list_item_open", "strong_open", "hr"):
        assert kinds.count(kind) == [token.type for token in tokens(plain)].count(kind), kind
    shown = ["".join(part.content for part in token.children or []) for token in tokens(card) if token.type == "inline"]
    assert " ".join(words.visible(text).split()) in shown  # the sentence of the decision, to the letter


MARKS = "1. a | b\n\n# c\n- d\n1. e\n> f `g` ``h`` *i* __j__ [k](http://l) ![m](n) <b>o</b> ~~p~~ \\| q &lt; ---"
ADDRESSES = "see http://a.b/c_d, WWW.a.b|`x@y.zz` (ftp://u:p@h), @you ``www.a``"


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE,
        LONG,
        "",
        "`",
        "``` ` ",
        "|",
        "\\",
        "\u202e",
        MARKS,
        "| --- |",
        "- a",
        "12) b",
        "===",
        "\r\n\u2028# x",
        ADDRESSES,
    ],
)
def test_hostile_texts_stay_text(text):
    assert_harmless(text)


@settings(max_examples=40)
@given(st.text("`|\\*_[]()<>#&~!-=@w/\n\r\t ab.1\x00\ud800:", max_size=30))
def test_any_text_stays_text(text):
    assert_harmless(text)


@pytest.mark.parametrize("label", ["plain", "a|b", "`tick`", "<b>&amp;</b>", "*not* _this_", "[x](y)"])
def test_a_label_is_shown_as_it_is(label):
    card = report.card(manifest(facts=facts("text", (label, "other"))))
    cells = [token.content for token in tokens(card) if token.type == "code_inline"]
    assert label in cells
    assert f"({label}, other)" in said(card)


def test_it_is_written_beside_the_manifest_and_may_be_edited(tmp_path):
    with writing(tmp_path / "model", kind="classifier", format=1) as draft:
        draft.facts.update(facts())
    report.write_card(tmp_path / "model")
    card = tmp_path / "model" / "README.md"
    assert read_manifest(tmp_path / "model").digest in card.read_text(encoding="utf-8")
    card.write_text("mine")
    assert read_manifest(tmp_path / "model").kind == "classifier"
    with pytest.raises(ArtifactError, match="no such folder"):
        report.write_card(tmp_path / "none")
    with writing(tmp_path / "v", kind="vectors", format=1):
        pass
    with pytest.raises(WrongKindError, match="classifier"):
        report.write_card(tmp_path / "v")
    with pytest.raises(InputError, match="'vectors'"):
        report.card(dataclasses.replace(manifest(), kind="vectors"))
