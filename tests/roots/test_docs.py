"""The page docs/roots.md: its examples run, and its picture is what its script draws."""

from __future__ import annotations

import doctest
import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_examples_of_the_page_run() -> None:
    result = doctest.testfile(str(DOCS / "roots.md"), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 20
    assert result.failed == 0


def test_the_picture_is_what_its_script_draws() -> None:
    drawn = runpy.run_path(str(DOCS / "draw_roots.py"))["main"]()
    assert drawn == (DOCS / "roots.svg").read_text(encoding="utf-8")
