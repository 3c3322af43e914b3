"""The page docs/roots.md: its examples run, and its picture is what its script draws."""

from __future__ import annotations

from tests import pages


def test_the_examples_of_the_page_run() -> None:
    assert pages.examples_run("roots.md") > 20


def test_the_picture_is_what_its_script_draws() -> None:
    pages.assert_drawn("roots")
