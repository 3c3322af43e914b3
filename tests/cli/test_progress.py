"""Bars on a terminal, silence in a pipe."""

from __future__ import annotations

import io
import sys

from minent import runtime
from minent.cli import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_silent_in_a_pipe(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress.bars() as report:
        report(runtime.Progress("count", 1, 2))
    assert sys.stderr.getvalue() == ""
    assert report is runtime.silent


def test_bars_on_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("COLUMNS", "120")
    with progress.bars() as report:
        report(runtime.Progress("count n-grams", 512, 2048, "texts"))
        report(runtime.Progress("pretrain [the] encoder", 3, None, "steps", "loss 2.5"))
    shown = sys.stderr.getvalue()
    assert "count n-grams" in shown
    assert "512/2,048 texts" in shown
    assert "pretrain [the] encoder" in shown
    assert "3 steps, loss 2.5" in shown
