"""`minent bench`: the figures are those of the run, whatever the machine."""

from __future__ import annotations

import json

import pytest

from minent import TextClassifier
from minent.cli import bench
from minent.errors import InputError
from tests.cli.terminal import run


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench") / "model"
    TextClassifier(budget_seconds=5).fit(["so good", "so bad"], ["+", "-"]).save(folder)
    return folder


def test_the_figures_fit_together(model, tmp_path):
    (tmp_path / "texts.txt").write_bytes(b"good\nbad \xff!!\n")
    found = run("bench", model, tmp_path / "texts.txt", "--encoding-errors", "keep", "--lines", 100_001, "--json")
    assert (found.code, found.err) == (0, "")
    figures = json.loads(found.out)
    assert figures["texts"] == 100_001
    assert 0 < figures["cold_start_seconds"] < 60
    bytes_per_text = figures["megabytes_per_second"] * 1e6 / figures["texts_per_second"]
    assert bytes_per_text == pytest.approx((50_001 * 5 + 50_000 * 8) / 100_001, rel=0.2)
    assert 10 < figures["peak_megabytes"] < 1000


def test_the_peak_is_not_that_of_the_process_that_measures(model):
    small = bench._answered(str(model), [b"good\n"], 1)[1]
    held = bytearray(b"xy" * 100_000_000)
    assert bench._answered(str(model), [b"good\n"], 1)[1] < small + len(held) / 4


def test_a_process_that_fails_is_told(model):
    with pytest.raises(InputError, match="'minent predict' ended with code 2"):
        bench._answered(str(model / "none"), [b"x" * 100_000 + b"\n"], 1000)


def test_a_time_that_is_all_start_gives_no_speed(model, monkeypatch):
    monkeypatch.setattr(bench, "_answered", lambda model, rows, lines: (0.2, 5e7))
    with pytest.raises(InputError, match=r"--lines is 3; .* Take more"):
        bench.measure(str(model), [b"good\n"], 3)


def test_wrong_inputs_are_one_line(model, tmp_path):
    assert (
        run("bench", tmp_path / "none").err
        == f"minent: {tmp_path / 'none'}: there is no such folder. Check the path.\n"
    )
    assert "--lines is 0" in run("bench", model, "--lines", 0).err
