"""What stands in a saved folder: arrays, single files, plain data; and the digests of each."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from minent.errors import ArtifactError, MinentError


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
    with writing_file(path) as file:
        file.write(content)


@contextmanager
def writing_file(path: Path) -> Iterator[BinaryIO]:
    """Write one file in parts, as `write_whole` writes it at once; what fails leaves the old file.

    An error of the block itself, such as of a file that it reads, stays what it is.

    Raises:
        ArtifactError: The disk is full, or the place cannot be written.
    """
    beside = path.with_name(f".{path.name}.writing-{os.getpid()}")
    try:
        with _writes(path):
            raw = _Written(beside, "wb")
        raw.path = path
        with io.BufferedWriter(raw) as file:
            yield file
            file.flush()
            with _writes(path):
                os.fsync(raw.fileno())  # the bytes first, then the name: after a power cut no empty file bears it
        with _writes(path):
            beside.replace(path)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


@contextmanager
def _writes(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be written ({error.strerror}). Choose another place.") from error


class _Written(io.FileIO):
    """A file that names the place it is for when it cannot be written."""

    path: Path

    def write(self, data: Any) -> int:
        """Write some bytes."""
        with _writes(self.path):
            return super().write(data)


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


@contextmanager
def understood(folder: str | Path) -> Iterator[None]:
    """Turn whatever goes wrong while a verified folder is made into an object into one clear error.

    Digests tell damage; that the numbers and names inside fit each other, they do not. Who signs a folder of nonsense
    gets this error.

    Raises:
        ArtifactError: Something in the block failed, other than by a `MinentError` of its own.
    """
    try:
        yield
    except MinentError:
        raise
    except (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError) as error:
        raise ArtifactError(
            f"{folder}: holds what no minent saves ({type(error).__name__}: {error}). Do not trust this folder; save "
            f"the artifact again."
        ) from error


def check_shapes(arrays: Mapping[str, np.ndarray], axes: Mapping[str, str], **sizes: int) -> None:
    """Refuse arrays that do not fit each other, inside `understood`, before anything is computed with them.

    Args:
        arrays: As `load_arrays` gave them.
        axes: For each array that is needed, the kind of its numbers (f, i or u) and its axes, by names that they share.
        sizes: Sizes of axes that are known already.

    Raises:
        ValueError: An array has other numbers or axes, or an axis has two sizes.

    Example:
        >>> arrays = {"matrix": np.zeros((3, 2)), "counts": np.zeros(4, dtype=int)}
        >>> check_shapes(arrays, {"matrix": "f ids dim", "counts": "i ids"})
        Traceback (most recent call last):
            ...
        ValueError: counts has shape (4,) of int64, which does not fit (ids) of kind i with ids = 3, dim = 2
    """
    known = dict(sizes)
    for name, described in axes.items():
        kind, *wanted = described.split()
        array = arrays[name]
        fits = array.dtype.kind == kind and array.ndim == len(wanted)
        if not fits or any(known.setdefault(axis, size) != size for axis, size in zip(wanted, array.shape)):
            sides = ", ".join(f"{axis} = {size}" for axis, size in known.items())
            raise ValueError(
                f"{name} has shape {array.shape} of {array.dtype}, which does not fit ({', '.join(wanted)}) of kind "
                f"{kind} with {sides}"
            )


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
        running.update(np.ascontiguousarray(array).reshape(-1).data)  # read in place: it may be mapped from a file
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
