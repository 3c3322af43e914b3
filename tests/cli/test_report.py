"""`minent report`: one classifier, one with a test, several side by side."""

from __future__ import annotations

import csv
import json

import pytest

from minent import TextClassifier
from minent.artifacts import read_manifest
from tests.classifier.corpora import draw
from tests.cli.terminal import Run, run
from tests.report.test_report import Page


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("made")
    for name, per_class in (("small", 3), ("large", 20)):
        TextClassifier(budget_seconds=5).fit(*draw(per_class, seed=1, words=2)).save(place / name)
    return place


@pytest.fixture(scope="module")
def test_file(folders):
    with (folders / "test.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows([*zip(*draw(60, seed=2, words=1)), ("a wave", "never seen")])
    return folders / "test.csv"


def test_a_test_shows_every_error_and_what_was_taken_for_what(folders, test_file, tmp_path):
    shown = run("report", folders / "large", "--test", test_file, "-o", tmp_path / "r.html")
    assert shown == Run(0, f"report: {tmp_path / 'r.html'}\n", "")
    found = json.loads(run("test", folders / "large", test_file, "--json").out)
    wrong = round((1 - found["accuracy"]) * 121)
    assert 0 < wrong < 121
    page = Page((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert f"{wrong} texts of test.csv that it got wrong" in page.text
    assert f"Right on {100 * found['accuracy']:.1f}\u202f% of 121 test texts it never saw." in page.text
    assert "Counted on 121 texts of test.csv." in page.text
    assert "never seen" in page.text
    assert read_manifest(folders / "large").facts.get("test") is None  # the folder is as it was


def test_several_are_compared(folders, test_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("report", folders / "small", folders / "large", "--test", test_file).out == "report: comparison.html\n"
    page = Page((tmp_path / "comparison.html").read_text(encoding="utf-8"))
    assert f"{folders / 'large'} is right most often" in page.text
    assert "errors" in page.ids
    assert run("report", folders / "small", folders / "large").code == 0
    assert "errors" not in Page((tmp_path / "comparison.html").read_text(encoding="utf-8")).ids


def test_refusals(folders, tmp_path):
    (tmp_path / "mine.html").write_text("mine")
    refused = run("report", folders / "small", "-o", tmp_path / "mine.html")
    assert (
        refused.err
        == f"minent: {tmp_path / 'mine.html'}: is no report, so it is not replaced. Choose another --output.\n"
    )
    assert "is a folder, but a file is written" in run("report", folders / "small", "-o", tmp_path).err
    assert (
        "each with another name" in run("report", folders / "small", folders / "small", "-o", tmp_path / "c.html").err
    )
    assert "no such folder" in run("report", tmp_path / "none", "-o", tmp_path / "c.html").err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.html"]
