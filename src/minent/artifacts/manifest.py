"""`manifest.json`: what it says of a saved folder, and whether the folder is still what it says."""

from __future__ import annotations

import json
import stat
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from minent.artifacts.contents import digest_file, digest_of
from minent.errors import ArtifactError, ChangedFileError, NewerFormatError, WrongKindError, did_you_mean

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

    def file(self, folder: str | Path, name: str) -> Path:
        """Return the path of a file in the folder, which was verified since the manifest names it.

        Raises:
            ArtifactError: The manifest does not name it, so nobody knows what it holds, if it is there.
        """
        if name not in self.files:
            raise ArtifactError(
                f"{Path(folder) / MANIFEST}: names no {name!r}, without which kind {self.kind!r} cannot be read. Copy "
                f"the whole folder, or save the artifact again."
            )
        return Path(folder) / name


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
    if "\0" in name or Path(name).is_absolute() or ".." in Path(name).parts or not _stays_inside(folder, path):
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
