"""`minent bench`: the figures are those of the run, whatever the machine."""

from __future__ import annotations

import json

import pytest

from minent import TextClassifier
from tests.cli.terminal import run


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench") / "model"
    TextClassifier(budget_seconds=5).fit(["so good", "so bad"], ["+", "-"]).save(folder)
    return folder


def test_the_figures_fit_together(model, tmp_path):
    (tmp_path / "texts.txt").write_text("good\nbad bad\n")
    found = run("bench", model, tmp_path / "texts.txt", "--lines", 1001, "--json")
    assert (found.code, found.err) == (0, "")
    figures = json.loads(found.out)
    assert figures["texts"] == 1001
    assert 0 < figures["cold_start_seconds"] < 60
    bytes_per_text = figures["megabytes_per_second"] * 1e6 / figures["texts_per_second"]
    assert bytes_per_text == pytest.approx((501 * 5 + 500 * 8) / 1001, rel=0.2)
    assert 10 < figures["peak_megabytes"] < 1000


def test_wrong_inputs_are_one_line(model, tmp_path):
    assert (
        run("bench", tmp_path / "none").err
        == f"minent: {tmp_path / 'none'}: there is no such folder. Check the path.\n"
    )
    assert "--lines is 0" in run("bench", model, "--lines", 0).err
