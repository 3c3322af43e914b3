"""The page of this room: its examples run, and its picture shows what it says."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

from minent.lowrank.interpolative import METHODS

DOCS = Path(__file__).parents[2] / "docs"


def test_the_examples_of_the_page_run() -> None:
    failed, tried = doctest.testfile(str(DOCS / "lowrank.md"), module_relative=False)
    assert tried >= 25
    assert failed == 0


def test_the_picture_has_every_method() -> None:
    drawn = re.findall(r">(\w+)</text>", (DOCS / "lowrank.svg").read_text(encoding="utf-8"))
    assert set(METHODS) <= set(drawn)
