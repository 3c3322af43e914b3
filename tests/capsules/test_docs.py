"""The page runs as it stands, and its picture is what its script draws."""

from __future__ import annotations

import doctest
import re
import runpy
from pathlib import Path

import numpy as np

DOCS = Path(__file__).parents[2] / "docs"


def test_the_examples_of_the_page_run():
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    failures, tests = doctest.testfile(str(DOCS / "capsules.md"), module_relative=False, optionflags=options)
    assert tests > 20
    assert failures == 0


def test_the_picture_is_what_the_script_draws():
    """To two pixels or grades of colour, since the last digit is the processor's."""
    drawn = runpy.run_path(str(DOCS / "draw_capsules.py"))["draw"]()
    kept = (DOCS / "capsules.svg").read_text(encoding="utf-8")
    number = re.compile(r"-?\d+(?:\.\d+)?")
    assert number.sub("", drawn) == number.sub("", kept)
    seen, wanted = ([float(found) for found in number.findall(text)] for text in (drawn, kept))
    np.testing.assert_allclose(seen, wanted, atol=2)
