"""The page runs as it stands, and its picture is what its script draws."""

from __future__ import annotations

from tests import pages


def test_the_examples_of_the_page_run():
    assert pages.examples_run("capsules.md") > 20


def test_the_picture_is_what_the_script_draws():
    pages.assert_drawn("capsules", within=2)  # routing multiplies the last digits over its rounds
