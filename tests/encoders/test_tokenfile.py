"""Ids on disk: what was written is mapped, and what does not fit is refused before anything reads it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from minent import artifacts
from minent.encoders.tokenfile import TokenFile
from minent.errors import ArtifactError, InputError
from tests.folders import resign, rewrite

ROWS = np.array([3, 4, 5], dtype=np.int32), np.array([0, 1, 3])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    TokenFile.write(tmp_path / "text", [("zh", *ROWS), ("en", *ROWS)], vocab_size=6, facts={"read": {"zh": 9}})
    return tmp_path / "text"


def test_what_was_written_is_mapped(folder: Path) -> None:
    made = TokenFile.load(folder)
    assert (made.ids.dtype, made.ids.tolist(), made.starts.tolist()) == (np.uint16, [3, 4, 5, 3, 4, 5], [0, 1, 3, 4, 6])
    assert made.facts == {"read": {"zh": 9}, "dtype": "uint16", "tokens": 6, "vocab_size": 6, "sources": made.sources}


@pytest.mark.parametrize("name", ["dtype", "tokens", "vocab_size", "sources"])
def test_facts_do_not_overwrite_what_the_file_states(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"facts names '{name}'"):
        TokenFile.write(tmp_path / "text", [("zh", *ROWS)], vocab_size=6, facts={name: 1})
    assert not (tmp_path / "text").exists()


@pytest.mark.parametrize("facts", [{}, {"dtype": "uint16"}, {"dtype": ["uint16"], "sources": {}}, {"dtype": "float64"}])
def test_signed_facts_of_nonsense_are_one_clear_error(folder: Path, facts: dict) -> None:
    rewrite(folder, facts=facts)
    with pytest.raises(ArtifactError, match="text: "):
        TokenFile.load(folder)


@pytest.mark.parametrize("starts", [[0, 1, 3, 6], [0, 1, 3, 4, 7], [0, 1, 3, 4, 5], [1, 1, 3, 4, 6], [0, 3, 1, 4, 6]])
def test_signed_starts_that_do_not_part_the_ids_are_one_clear_error(folder: Path, starts: list[int]) -> None:
    artifacts.save_arrays(folder / "starts.safetensors", {"starts": np.array(starts)})
    resign(folder)
    with pytest.raises(ArtifactError, match="no minent saves"):
        TokenFile.load(folder)


@pytest.mark.parametrize("name", ["ids.bin", "starts.safetensors"])
def test_a_file_that_the_manifest_does_not_name_is_not_read(folder: Path, name: str) -> None:
    files = artifacts.read_manifest(folder).files
    rewrite(folder, files={other: told for other, told in files.items() if other != name})
    with pytest.raises(ArtifactError, match=f"names no '{name}'"):
        TokenFile.load(folder)
