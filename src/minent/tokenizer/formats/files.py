"""Files of others are read within bounds, and ours appear whole or not at all."""

from __future__ import annotations

import lzma
import os
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from minent.errors import ArtifactError, InputError

LARGEST = 2**28  # bytes; the largest vocabulary in use, of 320,000 pieces, takes 30 MB


def read(path: Path, suffix: str = "") -> bytes:
    """The bytes of a file; of a zip, those of its one member whose name ends in `suffix`.

    Raises:
        InputError: It cannot be read, is larger than `LARGEST`, or the zip holds no such member or several.
    """
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a folder; it takes a file.")
        if path.stat().st_size > LARGEST:
            raise InputError(f"{path}: has {path.stat().st_size:,} bytes; no vocabulary has over {LARGEST:,}.")
        if suffix and zipfile.is_zipfile(path):
            return _read_zip(path, suffix)
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}). Check the path.") from error


def _read_zip(path: Path, suffix: str) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(suffix)]
            if len(members) != 1:
                raise InputError(f"{path}: the zip holds {len(members)} {suffix} files; it takes a zip with one.")
            with archive.open(members[0]) as file:
                data = file.read(LARGEST + 1)  # what the directory of the zip says of the size may be a lie
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, EOFError, ValueError) as error:
        raise InputError(f"{path}: is a damaged or locked zip ({error}). Unpack it first.") from error
    if len(data) > LARGEST:
        raise InputError(f"{path}: {members[0].filename} unpacks to over {LARGEST:,} bytes; no vocabulary is so large.")
    return data


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write several files of one folder, made when missing: all of them are on the disk before the first is renamed in.

    Raises:
        ArtifactError: The disk is full, or the place cannot be written; nothing new is left there.
    """
    beside = {path: path.with_name(f".{path.name}.writing-{os.getpid()}") for path in contents}
    folder = next(iter(contents)).parent
    made = not folder.exists()
    for path in contents:
        if path.is_dir():
            raise ArtifactError(f"{path}: cannot be written (a folder is in the way). Choose another place.")
    try:
        folder.mkdir(exist_ok=True)
        for path, content in contents.items():
            beside[path].write_bytes(content)
        for path, written in beside.items():
            written.replace(path)
    except OSError as error:
        for written in beside.values():
            with suppress(OSError):
                written.unlink(missing_ok=True)
        if made:
            with suppress(OSError):
                folder.rmdir()
        raise ArtifactError(
            f"{error.filename or folder}: cannot be written ({error.strerror}). Choose another place."
        ) from error
