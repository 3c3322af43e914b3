"""Saved folders: written beside their target, renamed in when whole, verified when read.

An artifact is a folder with a `manifest.json`. The manifest names the kind, the format, the version that wrote it, the
config, the seeds, digests of the inputs and of every file, and `facts`, which is all that a report reads. What differs
from run to run without meaning (seconds, dates) stands apart in `measured` and outside the `digest`, so the same seed
on the same machine gives the same digest. Nothing here is a pickle: arrays are safetensors, the rest is JSON or text.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minent.errors import (
    ArtifactError,
    ChangedFileError,
    FolderExistsError,
    NewerFormatError,
    WrongKindError,
    did_you_mean,
)

MANIFEST = "manifest.json"
_LARGEST_MANIFEST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Manifest:
    """What `manifest.json` says of a saved folder.

    Attributes:
        kind: What it is: `"tokenizer"`, `"classifier"`.
        format: The layout of the files, a whole number that grows.
        version: The minent that wrote it.
        config: The frozen config as plain data.
        seeds: Every seed that was used, by name.
        inputs: Digests of what it was made from, by name.
        files: `{relative path: {"bytes": n, "sha256": hex}}` for every file but the manifest.
        facts: Plain data that a report may draw. Deterministic.
        measured: Seconds, dates, speeds: true of one run only, and outside the digest.
        digest: SHA-256 over all of the above but `measured`.
    """

    kind: str
    format: int
    version: str
    config: dict[str, Any] = field(default_factory=dict)
    seeds: dict[str, int] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, Any] = field(default_factory=dict)
    digest: str = ""


@dataclass
class Draft:
    """An artifact being written: put files under `path`, and fill the dictionaries before the block ends."""

    path: Path
    facts: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)


# --- writing ----------------------------------------------------------------------------------------------------------


@contextmanager
def writing(
    folder: str | Path,
    *,
    kind: str,
    format: int,
    config: Any = None,
    seeds: Mapping[str, int] | None = None,
    overwrite: bool = False,
) -> Iterator[Draft]:
    """Write an artifact beside `folder` and rename it in when the block ends well.

    A crash, a full disk or `kill -9` inside the block leaves what was at `folder` before: the old artifact or nothing.
    Leftovers of dead writers are removed by the next one.

    Args:
        folder: The target. Its parent is made when missing.
        kind: What the artifact is; `read_manifest` checks it.
        format: The layout that is written.
        config: A dataclass or a mapping of plain data.
        seeds: Every seed that was used, by name.
        overwrite: Replace a folder that is there. Only a folder with a manifest, or an empty one, is ever replaced.

    Yields:
        A `Draft`, whose `path` takes the files.

    Raises:
        FolderExistsError: The target is taken and `overwrite` is off, or it holds no artifact and is not empty.
        ArtifactError: The disk is full, or the place cannot be written.
    """
    target = Path(folder).resolve() if Path(folder).is_symlink() else Path(folder)
    _refuse_taken(target, overwrite)
    beside = target.parent / f".{target.name}.writing-{os.getpid()}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(target)
        beside.mkdir()
        draft = Draft(beside)
        yield draft
        _write_manifest(draft, kind, format, config, seeds or {})
        _swap_in(beside, target, overwrite)
    except OSError as error:
        inside = error.filename is None or str(error.filename).startswith(str(beside))
        raise ArtifactError(
            f"{target if inside else error.filename}: cannot write ({error.strerror}). What was there before is "
            f"untouched; free some space or choose another folder."
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def refuse_taken(folder: str | Path, *, overwrite: bool = False) -> None:
    """Fail now, not after hours of work, when `writing` would refuse `folder`.

    Raises:
        FolderExistsError: See `writing`.
    """
    _refuse_taken(Path(folder), overwrite)


def _refuse_taken(target: Path, overwrite: bool) -> None:
    if not target.exists() and not target.is_symlink():
        return
    if not target.is_dir():
        raise FolderExistsError(f"{target}: a file is in the way of the folder. Choose another path.")
    if not any(target.iterdir()):
        return
    if not _is_ours(target):
        raise FolderExistsError(
            f"{target}: the folder is not empty and holds no {MANIFEST} of minent, so it is not replaced. "
            f"Choose another."
        )
    if not overwrite:
        raise FolderExistsError(
            f"{target}: the folder exists. Give --overwrite (overwrite=True) to replace it, or choose another."
        )


def _is_ours(folder: Path) -> bool:
    """Whether a folder holds an artifact, damaged or not: only such a folder is ever replaced."""
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and {"kind", "format", "files", "digest"} <= content.keys()


def _clear_leftovers(target: Path) -> None:
    for leftover in target.parent.glob(f".{target.name}.writing-*"):
        if not _is_running(leftover.name.rpartition("-")[2]):
            shutil.rmtree(leftover, ignore_errors=True)


def _is_running(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return int(pid) != os.getpid()


def _swap_in(beside: Path, target: Path, overwrite: bool) -> None:
    _sync(beside)
    if target.is_dir() and any(target.iterdir()):
        _refuse_taken(target, overwrite)  # another writer may have come first
        old = target.parent / f".{target.name}.writing-old-{os.getpid()}"
        target.rename(old)
        beside.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    else:
        beside.rename(target)


def _sync(folder: Path) -> None:
    """Force the bytes to the disk before the rename makes them visible."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _write_manifest(draft: Draft, kind: str, format: int, config: Any, seeds: Mapping[str, int]) -> None:
    from minent import __version__

    body = {
        "kind": kind,
        "format": format,
        "version": __version__,
        "config": plain(config or {}),
        "seeds": dict(seeds),
        "inputs": dict(draft.inputs),
        "files": _describe_files(draft.path),
        "facts": plain(draft.facts),
    }
    manifest = {**body, "measured": plain(draft.measured), "digest": digest_of(body)}
    text = json.dumps(manifest, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    # A text read from broken bytes holds lone surrogates; as `\udc80` they are JSON, and come back as they were.
    (draft.path / MANIFEST).write_bytes(text.encode("utf-8", "backslashreplace"))


def _describe_files(folder: Path) -> dict[str, dict[str, Any]]:
    described = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            described[path.relative_to(folder).as_posix()] = {"bytes": path.stat().st_size, "sha256": digest_file(path)}
    return described


# --- reading ----------------------------------------------------------------------------------------------------------


def read_manifest(folder: str | Path, *, kind: str | None = None, format: int | None = None) -> Manifest:
    """Read and verify the manifest of a saved folder, and every file that it names.

    Args:
        folder: A folder that `writing` made.
        kind: The kind that the caller can read, or None for any.
        format: The newest format that the caller can read, or None for any.

    Raises:
        ArtifactError: No folder, no manifest, or a manifest that is not one.
        WrongKindError: Another kind.
        NewerFormatError: A later minent wrote it.
        ChangedFileError: A file is missing, has another size or another digest, or lies outside the folder.
    """
    folder = Path(folder)
    manifest = _parse_manifest(folder)
    if kind is not None and manifest.kind != kind:
        raise WrongKindError(
            f"{folder}: holds kind {manifest.kind!r}, but {kind!r} is needed here. Was another folder meant?"
        )
    if format is not None and manifest.format > format:
        raise NewerFormatError(
            f"{folder}: format {manifest.format} of {manifest.kind!r}, written by minent {manifest.version}; "
            f"this minent reads up to {format}. Upgrade minent."
        )
    _verify_digest(folder, manifest)
    for name, described in manifest.files.items():
        _verify_file(folder, name, described)
    return manifest


def _parse_manifest(folder: Path) -> Manifest:
    if folder.is_file():
        raise ArtifactError(f"{folder}: is a file, but an artifact is a folder. Give the folder that was saved.")
    if not folder.is_dir():
        raise ArtifactError(f"{folder}: there is no such folder. Check the path.")
    path = folder / MANIFEST
    if not path.is_file():
        raise ArtifactError(f"{folder}: holds no {MANIFEST}, so it is no folder that minent saved. Check the path.")
    try:
        if path.stat().st_size > _LARGEST_MANIFEST_BYTES:
            raise ValueError("it is larger than any manifest")
        content = json.loads(path.read_text(encoding="utf-8"))
        manifest = Manifest(**content)
        _check_types(manifest)
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ArtifactError(
            f"{path}: cannot be read as a manifest ({error}). The file was damaged; save the artifact again."
        ) from error
    return manifest


def _check_types(manifest: Manifest) -> None:
    expected = {"kind": str, "format": int, "version": str, "config": dict, "seeds": dict}
    expected |= {"inputs": dict, "files": dict, "facts": dict, "measured": dict, "digest": str}
    for name, type_ in expected.items():
        if not isinstance(getattr(manifest, name), type_):
            raise TypeError(f"{name!r} is {type(getattr(manifest, name)).__name__}, not {type_.__name__}")
    for name, described in manifest.files.items():
        if not isinstance(described, dict) or not {"bytes", "sha256"} <= described.keys():
            raise TypeError(f"file {name!r} has no size and digest")


def _verify_digest(folder: Path, manifest: Manifest) -> None:
    body = {name: value for name, value in asdict(manifest).items() if name not in ("measured", "digest")}
    if digest_of(body) != manifest.digest:
        raise ChangedFileError(f"{folder / MANIFEST}: was changed after it was saved. Save the artifact again.")


def _verify_file(folder: Path, name: str, described: dict[str, Any]) -> None:
    path = folder / name
    if Path(name).is_absolute() or ".." in Path(name).parts or not _stays_inside(folder, path):
        raise ChangedFileError(
            f"{folder / MANIFEST}: names {name!r}, which lies outside the folder. Do not trust this folder."
        )
    if not path.is_file():
        raise ChangedFileError(f"{path}: is missing. Copy the whole folder, or save the artifact again.")
    size = path.stat().st_size
    if size != described["bytes"]:
        raise ChangedFileError(
            f"{path}: has {size} bytes, but {described['bytes']} were saved. Copy it again, or save again."
        )
    if digest_file(path) != described["sha256"]:
        raise ChangedFileError(
            f"{path}: differs from what was saved (its digest changed). Copy it again, or save again."
        )


def _stays_inside(folder: Path, path: Path) -> bool:
    if path.is_symlink() or (path.exists() and not stat.S_ISREG(path.stat().st_mode)):
        return False
    return path.resolve().is_relative_to(folder.resolve())


def unknown_kind(folder: str | Path, kind: str, known: list[str]) -> ArtifactError:
    """The error for a kind that this version does not know."""
    hint = did_you_mean(kind, known)
    return WrongKindError(
        f"{folder}: kind {kind!r} is unknown to this minent ({', '.join(known)}).{hint} Upgrade minent."
    )


# --- arrays and digests -----------------------------------------------------------------------------------------------


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays as safetensors, which orders them itself: equal arrays give equal bytes."""
    path.write_bytes(pack_arrays(arrays))


def pack_arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The bytes that `save_arrays` writes."""
    from safetensors.numpy import save

    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def write_whole(path: Path, content: bytes) -> None:
    """Write one file beside its place and rename it in: the old file or the new one, never half of it.

    Raises:
        ArtifactError: The disk is full, or the place cannot be written.
    """
    beside = path.with_name(f".{path.name}.writing-{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise ArtifactError(f"{path}: cannot be written ({error.strerror}). Choose another place.") from error


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of a safetensors file.

    Raises:
        ArtifactError: The file is not safetensors.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(str(path))
    except (SafetensorError, ValueError, OSError) as error:
        raise ArtifactError(f"{path}: is no safetensors file ({error}). Save the artifact again.") from error


def digest_of(value: Any) -> str:
    """SHA-256 of plain data, independent of the order of keys."""
    text = json.dumps(plain(value), sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def digest_file(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_texts(texts: Iterable[str]) -> str:
    """SHA-256 of a sequence of texts; where one ends and the next begins counts."""
    running = hashlib.sha256()
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass")
        running.update(len(encoded).to_bytes(8, "little"))
        running.update(encoded)
    return running.hexdigest()


def digest_arrays(*arrays: np.ndarray) -> str:
    """SHA-256 of arrays: their dtypes, shapes and bytes."""
    running = hashlib.sha256()
    for array in arrays:
        running.update(f"{array.dtype.str}{array.shape}".encode())
        running.update(np.ascontiguousarray(array).tobytes())
    return running.hexdigest()


def plain(value: Any) -> Any:
    """Turn dataclasses, arrays, NumPy numbers, tuples and paths into what JSON holds.

    Example:
        >>> plain({"sizes": (1, np.int64(2)), "rate": np.float32(0.5)})
        {'sizes': [1, 2], 'rate': 0.5}
    """
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return value.as_posix()
    return value
