"""`minent bench`: the figures are those of the run, whatever the machine."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from minent import TextClassifier
from minent.cli import bench
from minent.errors import InputError
from tests.cli.terminal import run

TELLS = Path("/proc/self/status").exists()


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
    assert figures["peak_megabytes"] is None or 10 < figures["peak_megabytes"] < 1000
    assert (figures["peak_megabytes"] is not None) == TELLS


@pytest.mark.skipif(not TELLS, reason="this system does not tell the memory of a process that runs")
def test_the_peak_is_not_that_of_the_process_that_measures(model):
    small = bench._answered(str(model), [b"good\n"], 1)[1]
    held = bytearray(b"xy" * 100_000_000)
    assert bench._answered(str(model), [b"good\n"], 1)[1] < small + len(held) / 4


def test_a_peak_that_is_not_told_is_left_out(model, monkeypatch):
    times = iter([0.1] * 6 + [1.1])
    monkeypatch.setattr(bench, "_answered", lambda model, rows, lines: (next(times), None))
    found = run("bench", model, "--lines", 10)
    assert (found.code, found.err) == (0, "")
    assert found.out.splitlines()[:3] == ["cold start seconds\t0.1", "texts\t10", "texts per second\t10"]
    assert "peak" not in found.out


def test_ctrl_c_ends_the_process_that_is_measured(model, monkeypatch):
    begun = []

    def begin(*arguments, **settings):
        begun.append(popen(*arguments, **settings))
        return begun[-1]

    def stop(*arguments):
        raise KeyboardInterrupt

    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", begin)
    monkeypatch.setattr(bench, "_send", stop)
    with pytest.raises(KeyboardInterrupt):
        bench._answered(str(model), [b"good\n"], 1)
    assert [process.returncode for process in begun] == [-9]


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
