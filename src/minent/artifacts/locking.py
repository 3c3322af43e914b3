"""One run at a time on one place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minent.errors import ArtifactError

try:
    import fcntl
except ImportError:  # not a system of the Unix family: there a second run is not noticed
    fcntl = None  # type: ignore[assignment] # None stands for a module that is not there


@contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Hold a place for this process, so that no other run works there; a process that dies lets go of it.

    Args:
        folder: The artifact that is to be written. The lock is a file beside it, removed at the end.

    Raises:
        ArtifactError: Another run holds the place.

    Example:
        >>> import tempfile
        >>> place = f"{tempfile.mkdtemp()}/model"
        >>> with locked(place), locked(place):  # doctest: +ELLIPSIS
        ...     pass
        Traceback (most recent call last):
            ...
        minent.errors.ArtifactError: /.../model: another run is working on it (process ...). Wait for it, or ...
    """
    if fcntl is None:
        yield
        return
    path = Path(folder).parent / f".{Path(folder).name}.lock"
    handle = _take(path, Path(folder))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _take(path: Path, folder: Path) -> int:
    """Open and lock the file; again where its holder removed it in between."""
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        except OSError as error:
            raise _unwritable(folder, error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(handle, path):
                _sign(handle, path, folder)
                return handle
            os.close(handle)
        except BlockingIOError:
            holder = os.read(handle, 20).decode("ascii", "replace") or "unknown"
            os.close(handle)
            raise ArtifactError(
                f"{folder}: another run is working on it (process {holder}). Wait for it, or choose another place."
            ) from None


def _sign(handle: int, path: Path, folder: Path) -> None:
    """Write into the lock who holds it; where the disk has no room even for that, leave no lock behind."""
    try:
        os.truncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
    except OSError as error:
        path.unlink(missing_ok=True)
        os.close(handle)
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> ArtifactError:
    return ArtifactError(f"{folder}: cannot be written ({error.strerror}). Choose another place.")


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:  # its holder removed it just now
        return False
