"""Files of others are bounded, and what is written appears whole or not at all."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from minent.artifacts import contents
from minent.errors import ArtifactError, InputError
from minent.tokenizer import Tokenizer
from minent.tokenizer.formats import EXPORTS, files
from tests.tokenizer import fuzz


@pytest.fixture(scope="module")
def made() -> Tokenizer:
    return fuzz.trained()


def test_a_large_file_and_a_zip_that_unpacks_to_one_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGEST", 2000)
    (tmp_path / "large.model").write_bytes(b"{" * 2001)
    with pytest.raises(InputError, match="has 2,001 bytes; no vocabulary has over 2,000"):
        Tokenizer.from_bytepiece(tmp_path / "large.model")
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.model", bytes(10**6))
    assert (tmp_path / "bomb.zip").stat().st_size < 2000
    with pytest.raises(InputError, match=r"bomb\.zip: a\.model unpacks to over 2,000 bytes"):
        Tokenizer.from_bytepiece(tmp_path / "bomb.zip")


def test_damaged_zips_are_refused(tmp_path):
    path = tmp_path / "one.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.model", b"{}" + bytes(range(256)) * 20)
    whole = path.read_bytes()
    for place in range(30, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with pytest.raises(InputError) as caught:
            Tokenizer.from_bytepiece(path)
        assert str(path) in str(caught.value)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.model", "{}")
        archive.writestr("b.model", "{}")
    with pytest.raises(InputError, match=r"holds 2 \.model files; it takes a zip with one"):
        Tokenizer.from_bytepiece(path)


def test_a_model_of_bytepiece_cut_anywhere_is_refused(made, tmp_path):
    path = tmp_path / "a.model"
    made.to_bytepiece(path, accept_differences=True)
    whole = path.read_bytes()
    for size in range(0, len(whole), 499):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match="is no model of bytepiece"):
            Tokenizer.from_bytepiece(path)


@pytest.mark.parametrize("format", EXPORTS)
def test_a_full_disk_leaves_what_was_there(made, tmp_path, monkeypatch, format):
    path = tmp_path / "made"
    made.export(path, format, accept_differences=True)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    opened = Path.open

    def write_half(self, data):
        io.FileIO.write(self, data[: len(data) // 2])
        raise OSError(28, "No space left on device", self.name)

    class FullDisk(io.FileIO):
        write = write_half

    class FullUnderOneFile(contents._Written):
        def write(self, data):
            with contents._writes(self.path):
                write_half(self, data)

    def open_on_full_disk(self, mode="r", *arguments, **options):
        return FullDisk(self, "w") if mode == "wb" else opened(self, mode, *arguments, **options)

    monkeypatch.setattr(Path, "open", open_on_full_disk)
    monkeypatch.setattr(contents, "_Written", FullUnderOneFile)
    with pytest.raises(ArtifactError, match="No space left on device"):
        made.export(path, format, accept_differences=True)
    with pytest.raises(ArtifactError, match="No space left on device"):
        made.export(tmp_path / "other", format, accept_differences=True)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("format", EXPORTS)
def test_what_is_in_the_way_is_named(made, tmp_path, format):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ArtifactError, match="cannot be written"):
        made.export(tmp_path / "file" / "made", format, accept_differences=True)
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "tokenizer_config.json").mkdir()
    with pytest.raises(ArtifactError, match="cannot be written"):
        made.export(tmp_path / "made", format, accept_differences=True)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "made", "tokenizer_config.json"]
