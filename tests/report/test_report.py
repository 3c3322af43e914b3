"""The page: what it shows, what it leaves out, and that nothing in it can reach the network or run."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minent import report
from minent.artifacts import Manifest, writing
from minent.errors import ArtifactError, InputError, WrongKindError
from minent.report import plots, views, words

HOSTILE = "<script>alert(1)</script>\"'><img src=http://evil.example/x onerror=alert(2)>&amp;{{ 7*7 }}\x00\ud800"
LONG = "Donaudampfschifffahrtsgesellschaftskapitän" * 20
VOID = {"meta", "br", "img", "input", "link"}


class Page(HTMLParser):
    """Collects tags, ids and text, and insists that every tag is closed."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    @property
    def ids(self) -> list[str]:
        return [value or "" for _, name, value in self.attributes if name == "id"]


def facts(text: str = "a plain text", labels: tuple[str, ...] = ("no", "yes")) -> dict:
    rung = {"kind": "floor", "agreement": None, "confidence": 0.6, "in_fusion": True, "shipped": False, "note": ""}
    return {
        "task": {
            "classes": list(labels),
            "class_counts": dict.fromkeys(labels, 16),
            "labelled": 32,
            "unlabelled": 8000,
            "script": "words",
        },
        "ladder": [
            {**rung, "name": "tfidf", "title": "TF-IDF, linear", "cv_accuracy": 0.82, "cv_spread": 0.04, "note": text},
            {**rung, "name": "prompts", "title": "P-tuning", "kind": "neural", "cv_accuracy": None, "cv_spread": None},
            {**rung, "name": "student", "title": text, "cv_accuracy": 0.9, "cv_spread": 0.02, "shipped": True},
        ],
        "decision": [text],
        "calibration": {
            "method": text,
            "temperature": 1.3,
            "ece": 0.031,
            "bins": [
                {"confidence": 0.95, "accuracy": 0.9, "count": 100},
                {"confidence": 0.7, "accuracy": 0, "count": 0},
            ],
            "evidence": text,
        },
        "confusion": {"labels": list(labels), "counts": [[8, 2], [0, 10]], "evidence": text},
        "learning_curve": [
            {"labels": 8, "accuracy": 0.7, "spread": 0.1},
            {"labels": 32, "accuracy": 0.9, "spread": 0.02},
        ],
        "pieces": [{"piece": text, "count": 90}],
        "map": [{"piece": text, "x": 0.5, "y": -1.0, "count": 9}, {"piece": "b", "x": 0.0, "y": 2.0, "count": 4}],
        "features": {label: [{"feature": text, "weight": 2.0}, {"feature": "b", "weight": 0.5}] for label in labels},
        "errors": [{"text": text, "label": labels[0], "predicted": labels[1], "probability": 0.97}],
        "suspects": [{"text": text, "label": labels[0], "suggested": labels[1], "probability": 0.9}],
        "suggestions": [{"text": text, "probability": 0.5, "label": labels[0]}],
        "clusters": [{"size": 1200, "share": 0.3, "examples": [text]}],
        "sizes": {"features": 183_221, "bytes": 3_412_000},
        "test": {"source": text, "n": 2000, "accuracy": 0.898, "macro_f1": 0.89, "ece": 0.031},
    }


def manifest(**changes) -> Manifest:
    measured = {"seconds": {"tfidf": 0.8, "student": 72.0}, "started": "2025-01-01", "machine": "2 cores"}
    whole = Manifest(
        "classifier", 1, "0.1.0", {"seed": 0}, {"split": 3}, {"labelled": "3f" * 32}, {}, facts(), measured, "9c" * 32
    )
    return dataclasses.replace(whole, **changes)


SECTIONS = ["summary", "test", "ladder", "calibration", "learning-curve", "confusion", "errors", "suspects"]
SECTIONS += ["suggestions", "features", "clusters", "map", "pieces", "times", "task", "provenance"]


def test_the_page_has_its_sections_in_order_and_says_what_it_was_told():
    page = Page(report.render(manifest()))
    assert page.ids == SECTIONS
    for said in (
        "Right on 89.8\u202f% of 2,000 test texts it never saw.",
        "Sorts texts into 2 classes (no, yes), learned from 32 labelled texts and 8,000 without a label.",
        "A test of this size fixes that to about ±1.3 points.",
        "90.0\u202f%",
        "± 2.0",
        "not measured",
        "shipped",
        "1 min 12 s",
        "3.4 MB",
        "split 3",
        "9c" * 32,
    ):
        assert said in page.text, said


def test_same_manifest_same_page():
    assert report.render(manifest()) == report.render(manifest())


@pytest.mark.parametrize("left_out", sorted({*facts()} - {"ladder"}))
def test_absent_facts_leave_their_section_out_and_nothing_else(left_out):
    kept = {name: value for name, value in facts().items() if name != left_out}
    ids = Page(report.render(manifest(facts=kept))).ids
    assert ids == [name for name in SECTIONS if name != left_out.replace("_", "-")]


def test_without_a_ladder_the_decision_stands_alone():
    kept = {name: value for name, value in facts().items() if name != "ladder"}
    ids = Page(report.render(manifest(facts=kept))).ids
    assert ids == ["decision" if name == "ladder" else name for name in SECTIONS]


def test_empty_facts_say_so():
    empty = {name: type(value)() for name, value in facts().items()}
    page = Page(report.render(manifest(facts=empty, measured={})))
    for said in ("No rung was climbed", "No held-out text was got wrong", "No label stands out", "not measured"):
        assert said in page.text, said


def test_a_bare_manifest_is_drawn():
    page = Page(report.render(Manifest("classifier", 1, "0.1.0")))
    assert page.ids == ["summary", "provenance"]


def test_without_a_test_the_labels_are_the_evidence_and_the_doubt_is_said():
    kept = {name: value for name, value in facts().items() if name != "test"}
    page = Page(report.render(manifest(facts=kept)))
    assert "Right on 90.0\u202f% of the labelled texts when they were held out in turn." in page.text
    assert "32 labels fix this only to about ±10." in page.text


def assert_harmless(source: str) -> Page:
    page = Page(source)
    assert not {"img", "iframe", "object", "link", "a", "base", "form"} & set(page.tags)
    fetching = {"src", "href", "xlink:href", "srcset", "action", "background", "data"}
    assert not [name for _, name, _ in page.attributes if name in fetching or name.startswith("on")]
    assert page.tags.count("script") == 1
    (script,) = re.findall(
        r"<script>(.*?)</script>", source, re.DOTALL
    )  # ours alone may run, and is named by its digest
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'\"" in source
    assert not re.search(r"innerHTML|insertAdjacent|document\.write|eval|Function|fetch|XMLHttp|import", script)
    styles = [value or "" for _, name, value in page.attributes if name == "style"]
    assert all(re.fullmatch(r"(--share|width):[\d.]+%?", style) for style in styles)
    outside_text = re.search(r"<style>(.*?)</style>", source, re.DOTALL)
    assert outside_text
    assert not re.search(r"url\(|@import|https?:", outside_text[1])
    assert "default-src 'none'" in source
    return page


@pytest.mark.parametrize("text", [HOSTILE, LONG, "", "\u202e", "这部电影 " * 90, "\x1b[31m\n\n"])
def test_hostile_texts_stay_text(text):
    hostile = manifest(
        facts=facts(text, (text + "1", text + "2")),
        config={text: text},
        seeds={text: 0},
        inputs={text: text},
        measured={"seconds": {text: 1.0}, "started": text, "machine": text},
        version=text,
        digest=text,
    )
    source = report.render(hostile)
    page = assert_harmless(source)
    source.encode("utf-8")
    assert "\x00" not in source
    assert page.ids == SECTIONS
    if text == HOSTILE:
        assert "<script>alert(1)</script>" in page.text
        assert "{{ 7*7 }}" in page.text
        assert "alert(1)</script>" not in source
    if text == LONG:
        assert LONG in page.text  # the whole text can be opened


@pytest.mark.parametrize("text", [HOSTILE, LONG, "", "\u202e"])
def test_hostile_pieces_stay_text(text):
    pieces = {"length": {text: 9}, "script": {text: 9}, "holds": {text: 1}, "longest": [f"{text} (9)"], "wasteful": []}
    usage = {"bytes_per_token": 4.5, "coverage": 1.0}
    page = assert_harmless(report.describe_tokenizer({"vocab_size": text}, pieces, [(text, usage)]))
    assert page.ids == ["summary", "files", "lengths", "scripts", "longest", "wasteful"]
    assert "4.500" in page.text


@settings(deadline=None, max_examples=25)
@given(st.text(st.characters(), max_size=200) | st.text("<>&\"'=/ ab\x00", max_size=200))
def test_any_text_gives_a_whole_page(text):
    source = report.render(manifest(facts=facts(text)))
    assert_harmless(source)
    source.encode("utf-8")


def test_many_classes_are_shown_as_their_mistakes():
    labels = [f"class {at}" for at in range(40)]
    counts = [[99 if i == j else int(i == 0) * j for j in range(40)] for i in range(40)]
    page = Page(report.render(manifest(facts={"confusion": {"labels": labels, "counts": counts}})))
    shown = [
        (value or "").split()[-1] for _, name, value in page.attributes if name == "title" and "→" in (value or "")
    ]
    assert shown == [str(at) for at in range(39, 19, -1)]  # the twenty most frequent, the most frequent first
    assert "td" not in page.tags


def test_a_mistake_names_both_labels_however_long_they_are():
    labels = [f"class {at:02d} with a name that fills the line" for at in range(30)]
    counts = [[int((i, j) == (3, 7)) for j in range(30)] for i in range(30)]
    (pair,) = views.confused_pairs({"labels": labels, "counts": counts})
    assert pair["name"] == "class 03 with a n… → class 07 with a n…"


def test_of_many_classes_the_first_are_open_and_the_rest_can_be_opened():
    labels = tuple(f"class {at}" for at in range(30))
    many = facts(labels=labels) | {"confusion": {"labels": []}, "test": {"errors": 1, "source": "t.csv"}}
    source = report.render(manifest(facts=many))
    parts = re.findall(r'<details class="rest"><summary>6 more</summary>(.*?)</details>', source, re.DOTALL)
    assert len(parts) == 2  # of what speaks for each, and of the labels given
    assert all("class 24" in part and "class 29" in part and "class 23" not in part for part in parts)
    assert "rest" not in [value for _, name, value in Page(report.render(manifest())).attributes if name == "class"]
    assert "1 text of t.csv that it got wrong" in Page(source).text


def test_the_time_in_all_is_what_was_measured_and_its_parts_make_it_up():
    measured = {"seconds": {"tfidf": 0.75, "student": 72.0, "total": 90.0}, "budget_seconds": 60.0}
    page = Page(report.render(manifest(measured=measured)))
    assert "1 min 30 s in all of a budget of 1 min." in page.text
    rows = views.time_rows(measured, facts()["ladder"])
    assert [row["title"] for row in rows] == ["a plain text", "TF-IDF, linear", "all else"]
    assert [row["seconds"] for row in rows] == [72.0, 0.75, 17.25]
    assert views.total_seconds({"seconds": {"a": 1, "b": 2}}) == 3


def test_marks_stand_inside_their_plots():
    curve = plots.learning_curve([{"labels": n, "accuracy": 0.5, "spread": 0.9} for n in (0, 1, 9)])
    assert all(curve["left"] <= dot["x"] <= curve["right"] for dot in curve["dots"])
    heights = [float(point.split(",")[1]) for point in curve["band"].split()]
    assert curve["top"] <= min(heights) <= max(heights) <= curve["bottom"]
    assert [plots.bar_width(value, 4) for value in (None, 1, 9)] == [0.5, 25.0, 100.0]
    assert plots.bar_width(0, 0) == 0.5
    one = plots.learning_curve([{"labels": 8, "accuracy": 1.0}])
    assert one["left"] < one["dots"][0]["x"] < one["right"]
    sure = plots.reliability([{"confidence": 1.0, "accuracy": 0.0, "count": 1}])
    assert sure["dots"][0]["x"] == sure["right"]
    assert sure["dots"][0]["y"] == sure["bottom"]
    assert [tick["text"] for tick in sure["x_ticks"]] == ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]


def test_names_on_the_map_do_not_cover_each_other():
    spots = [{"piece": "same", "x": 1.0, "y": 1.0, "count": n} for n in (3, 9)] + [
        {"piece": "far", "x": 9.0, "y": 9.0, "count": 1}
    ]
    drawn = plots.word_map(spots)
    assert [(mark["count"], mark["text"]) for mark in drawn["marks"]] == [(9, "same"), (3, ""), (1, "far")]
    assert all(0 < mark["x"] < drawn["width"] for mark in drawn["marks"])


def test_figures_are_shown_as_a_person_would():
    assert words.percent(None) == words.count("x") == words.duration(None) == "–"
    assert words.bytes_(5e9) == "5.0 GB"
    assert words.visible("a\ud800b") == "a\ufffdb"
    assert words.shorten("x" * 9, 5) == "xxxx…"
    assert views.chance({"task": {"class_counts": {"a": 3, "b": 1}}}) == 0.75


def test_another_kind_is_refused(tmp_path):
    with pytest.raises(InputError, match="'vectors'"):
        report.render(manifest(kind="vectors"))
    with writing(tmp_path / "v", kind="vectors", format=1):
        pass
    with pytest.raises(WrongKindError, match="classifier"):
        report.write(tmp_path / "v", tmp_path / "r.html")


def test_write_puts_the_page_down_whole(tmp_path):
    with writing(tmp_path / "model", kind="classifier", format=1) as draft:
        draft.facts.update(facts())
    path = tmp_path / "r.html"
    path.write_text("old")
    report.write(tmp_path / "model", path)
    assert "test texts it never saw" in path.read_text(encoding="utf-8")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model", "r.html"]
    with pytest.raises(ArtifactError, match="cannot be written"):
        report.write(tmp_path / "model", tmp_path / "nowhere" / "r.html")
