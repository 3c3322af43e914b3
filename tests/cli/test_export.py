"""`minent export`: what it prints, and what it refuses."""

from __future__ import annotations

import re

import pytest

from minent import TextClassifier
from minent.artifacts import read_manifest
from tests.classifier.corpora import draw
from tests.cli.terminal import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("made") / "model"
    TextClassifier(budget_seconds=5).fit(*draw(20, seed=0)).save(place)
    return place


@pytest.mark.parametrize("format", ["onnx", "huggingface"])
def test_it_says_on_how_many_texts_it_was_checked(folder, tmp_path, format):
    (tmp_path / "more.txt").write_text("the old harbour\nreef\n")
    shown = run("export", folder, "--format", format, "-o", tmp_path / "out", "--texts", tmp_path / "more.txt")
    assert (shown.code, shown.err) == (0, "")
    said = (
        rf"{tmp_path}/out: {format}, checked on 1,002 texts: the same labels, and no probability differs by more than "
    )
    assert re.fullmatch(rf"{said}\d\.\de-0[5-9]\n|{said}0\.0e\+00\n", shown.out), shown.out
    assert read_manifest(tmp_path / "out").inputs == read_manifest(folder).inputs
    assert "the folder exists" in run("export", folder, "--format", format, "-o", tmp_path / "out").err


def test_refusals(folder, tmp_path):
    assert run("export", folder, "--format", "onxx", "-o", tmp_path / "x").err == (
        "minent: format is 'onxx'; it is one of onnx, huggingface. Did you mean 'onnx'?\n"
    )
    assert "there is no such folder" in run("export", tmp_path / "none", "--format", "onnx", "-o", tmp_path / "x").err
    assert list(tmp_path.iterdir()) == []


def test_a_saved_classifier_has_its_card(folder):
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "| `sea` | 20 |" in card
    assert read_manifest(folder).digest in card
