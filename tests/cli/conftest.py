"""One small tokenizer for all tests of the command line, made by the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from minent import samples
from tests.cli.terminal import run

SAMPLE = samples.path("subjectivity")


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "tokenizer"
    made = run("tokenizer", "train", SAMPLE / "test.jsonl", "--vocab-size", 600, "-o", folder)
    assert (made.code, made.err) == (0, "")
    return folder
