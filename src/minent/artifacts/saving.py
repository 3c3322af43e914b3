"""Write a folder beside its target and rename it in when it is whole."""

from __future__ import annotations

import glob
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minent.artifacts.contents import digest_file, digest_of, plain
from minent.artifacts.manifest import MANIFEST
from minent.errors import ArtifactError, FolderExistsError


@dataclass
class Draft:
    """An artifact being written: put files under `path`, and fill the dictionaries before the block ends."""

    path: Path
    facts: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)


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
    Leftovers of dead writers are removed by the next one. One killed while it swaps the new for the old may leave
    nothing; then the next one puts the old back first.

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
    target = _behind_link(Path(folder))
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
    _refuse_taken(_behind_link(Path(folder)), overwrite)


def remove(folder: str | Path) -> None:
    """Remove a folder of unfinished work at one stroke, if it is there.

    It is moved aside before it goes file by file, so that no kill leaves half of it under its name, where the next run
    would look for work and find what nobody can read. What a kill leaves aside goes with the next removal.

    Args:
        folder: The folder.

    Example:
        >>> import tempfile
        >>> place = tempfile.mkdtemp()
        >>> remove(place)
        >>> Path(place).exists()
        False
    """
    folder = Path(folder)
    _clear_leftovers(folder)
    if folder.is_dir():
        with suppress(OSError):  # its parent cannot be written: then it goes file by file where it is
            folder = folder.rename(folder.parent / f".{folder.name}.writing-{os.getpid()}")
        shutil.rmtree(folder, ignore_errors=True)


def _behind_link(folder: Path) -> Path:
    """Where a link leads, though nothing may be there yet: it is that which is written, and the link stays."""
    return Path(os.path.realpath(folder)) if folder.is_symlink() else folder


def _refuse_taken(target: Path, overwrite: bool) -> None:
    _put_back(target)
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
    for leftover in _beside(target, "writing-"):
        if not _is_running(leftover.name.rpartition("-")[2]):
            shutil.rmtree(leftover, ignore_errors=True)


def _put_back(target: Path) -> None:
    """Where a writer was killed between its two renames, nothing is at the target: what it had moved aside returns."""
    for old in [] if target.exists() else _beside(target, "writing-old-"):
        pid = old.name.rpartition("-")[2]
        if pid != str(os.getpid()) and not _is_running(pid):
            with suppress(OSError):
                old.rename(target)


def _beside(target: Path, use: str) -> list[Path]:
    return sorted(target.parent.glob(f".{glob.escape(target.name)}.{use}*"))


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
        try:
            beside.rename(target)
        except OSError:
            old.rename(target)
            raise
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
        "seeds": plain(seeds),
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
