"""Files of others: word2vec text and binary, and safetensors with the words beside."""

from __future__ import annotations

import codecs
import gzip
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from minent import artifacts
from minent.errors import InputError, did_you_mean, listing

FORMATS = ("word2vec-text", "word2vec-binary", "safetensors")
Table = tuple[list[str], np.ndarray, np.ndarray]


def write(path: str | Path, format: str, words: list[str], matrix: np.ndarray, counts: np.ndarray) -> None:
    """Write words and their vectors, the most frequent first, as readers of these files expect.

    Args:
        path: The file.
        format: One of `FORMATS`.
        words: Each once; spaces inside become U+2423, for a space ends a word in these files.
        matrix: float32 (words, dim).
        counts: int64 (words,); only safetensors keeps them.
    """
    if format not in FORMATS:
        raise InputError(f"format is {format!r}; there is {listing(FORMATS)}.{did_you_mean(str(format), FORMATS)}")
    order = np.argsort(-counts, kind="stable")
    words = [_without_spaces(words[at]) for at in order]
    matrix, counts = np.ascontiguousarray(matrix[order]), counts[order]
    header = f"{len(words)} {matrix.shape[1]}\n".encode()
    if format == "word2vec-text":
        lines = (f"{word} {' '.join(map(repr, row.tolist()))}\n" for word, row in zip(words, _shortest(matrix)))
        artifacts.write_whole(Path(path), header + "".join(lines).encode())
    elif format == "word2vec-binary":
        rows = (word.encode() + b" " + row.astype("<f4").tobytes() + b"\n" for word, row in zip(words, matrix))
        artifacts.write_whole(Path(path), header + b"".join(rows))
    else:
        spelled = np.frombuffer(json.dumps(words, ensure_ascii=False).encode(), dtype=np.uint8)
        artifacts.write_whole(Path(path), artifacts.pack_arrays({"matrix": matrix, "counts": counts, "words": spelled}))


def read(path: str | Path, format: str | None = None) -> Table:
    """Return words, float32 (words, dim) and int64 counts of a file.

    Args:
        path: The file.
        format: One of `FORMATS`, or None to tell it from the content.
    """
    path = Path(path)
    if format is not None and format not in FORMATS:
        raise InputError(f"format is {format!r}; there is {listing(FORMATS)}.{did_you_mean(str(format), FORMATS)}")
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read ({error}). Check the path.") from error
    readers: dict[str, Callable[[Path, bytes], Table]] = {
        "word2vec-text": _read_text,
        "word2vec-binary": _read_binary,
        "safetensors": _read_safetensors,
    }
    words, matrix, counts = readers[format or _told(content)](path, content)
    if not words or not np.isfinite(matrix).all():
        raise InputError(f"{path}: holds no words, or numbers that are not finite. Export it again.")
    if len(set(words)) < len(words):
        _, firsts = np.unique(np.array(words, dtype=object), return_index=True)
        keep = np.sort(firsts)
        words, matrix, counts = [words[at] for at in keep], matrix[keep], counts[keep]
    return words, matrix, counts


def _told(content: bytes) -> str:
    if content[8:9] == b"{" and len(content) >= 8 + struct.unpack("<Q", content[:8])[0]:
        return "safetensors"
    head = content[:100_000]
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # which forgives a character that is cut at the end
    except UnicodeDecodeError:
        return "word2vec-binary"
    return "word2vec-binary" if b"\0" in head else "word2vec-text"


def _read_text(path: Path, content: bytes) -> Table:
    lines = content.decode("utf-8", "replace").split("\n")
    header = lines[0].split()
    has_header = len(header) == 2 and all(part.isdecimal() for part in header)
    words, rows = [], []
    for number, line in enumerate(lines[has_header:], start=1 + has_header):
        if not line.strip():
            continue
        word, *numbers = line.rstrip().split(" ")
        try:
            rows.append(np.array(numbers, dtype=np.float32))
        except ValueError:
            raise InputError(f"{path}:{number}: {line[:60]!r} is not a word and numbers, parted by spaces.") from None
        if len(rows[-1]) != len(rows[0]) or not numbers:
            raise InputError(f"{path}:{number}: has {len(numbers)} numbers, but the first line has {len(rows[0])}.")
        words.append(_with_spaces(word))
    if has_header and len(words) < int(header[0]):
        raise InputError(f"{path}: ends after {len(words)} of its {int(header[0])} words. Was the file cut short?")
    matrix = np.array(rows, dtype=np.float32) if rows else np.zeros((0, 0), np.float32)
    return words, matrix, _ranked(len(words))


def _read_binary(path: Path, content: bytes) -> Table:
    header, _, rest = content.partition(b"\n")
    try:
        size, dim = map(int, header.split())
    except ValueError:
        raise InputError(
            f"{path}: its first line is {header[:40]!r}; it takes two whole numbers: words, dim."
        ) from None
    if size < 0 or dim < 1 or size * 4 * dim > len(rest):
        raise InputError(f"{path}: ends before its {size} words of {dim} numbers. Was the file cut short?")
    words, matrix, at = [], np.empty((size, dim), dtype=np.float32), 0
    for row in range(size):
        end = rest.find(b" ", at)
        if end < 0 or len(rest) < end + 1 + 4 * dim:
            raise InputError(f"{path}: ends inside word {row + 1} of {size}. Was the file cut short?")
        words.append(_with_spaces(rest[at:end].decode("utf-8", "replace").lstrip("\n")))
        matrix[row] = np.frombuffer(rest, dtype="<f4", count=dim, offset=end + 1)
        at = end + 1 + 4 * dim
    return words, matrix, _ranked(size)


def _read_safetensors(path: Path, content: bytes) -> Table:
    from safetensors.numpy import load

    try:
        arrays = load(content)
        words = json.loads(arrays["words"].tobytes())
        matrix, counts = arrays["matrix"].astype(np.float32), arrays["counts"].astype(np.int64)
    except Exception as error:  # the library has its own error, without a public base
        raise InputError(f"{path}: is no export of vectors ({error}). It needs words, matrix and counts.") from error
    if matrix.ndim != 2 or not len(words) == len(matrix) == len(counts):
        raise InputError(f"{path}: has {len(words)} words, but a matrix of shape {matrix.shape}. Export it again.")
    return [_with_spaces(str(word)) for word in words], matrix, counts


def _ranked(size: int) -> np.ndarray:
    """Counts that fall as one over the rank; files hold frequent words first and do not say how frequent."""
    return np.asarray(1_000_000 // np.arange(1, size + 1) + 1, dtype=np.int64)


def _shortest(matrix: np.ndarray) -> np.ndarray:
    """Numbers whose shortest decimal form gives back the float32 exactly."""
    return np.array([[float(str(value)) for value in row] for row in matrix], dtype=np.float64).reshape(matrix.shape)


def _without_spaces(word: str) -> str:
    return word.replace(" ", "␣").replace("\n", "␤")


def _with_spaces(word: str) -> str:
    return word.replace("␣", " ").replace("␤", "\n")
