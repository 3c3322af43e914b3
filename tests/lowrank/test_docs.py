"""The page of this room: its examples run, its picture shows every method, and is what its script draws."""

from __future__ import annotations

import re

from minent.lowrank.interpolative import METHODS
from tests import pages


def test_the_examples_of_the_page_run() -> None:
    assert pages.examples_run("lowrank.md") >= 25


def test_the_picture_has_every_method() -> None:
    drawn = re.findall(r">(\w+)</text>", (pages.DOCS / "lowrank.svg").read_text(encoding="utf-8"))
    assert set(METHODS) <= set(drawn)


def test_the_picture_is_what_its_script_draws() -> None:
    pages.assert_drawn("lowrank", within=8)  # where pivots tie, the last digit chooses the column
