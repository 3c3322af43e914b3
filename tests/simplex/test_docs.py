"""The page runs as it stands, and its picture is what its script draws."""

from __future__ import annotations

import doctest
import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_examples_of_the_page_run():
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    failures, tests = doctest.testfile(str(DOCS / "simplex.md"), module_relative=False, optionflags=options)
    assert tests > 20
    assert failures == 0


def test_the_picture_is_what_the_script_draws():
    drawn = runpy.run_path(str(DOCS / "draw_simplex.py"))["draw"]()
    assert drawn == (DOCS / "simplex.svg").read_text(encoding="utf-8")
