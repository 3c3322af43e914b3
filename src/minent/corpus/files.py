"""From a path or stdin to lines of text: decompressed, decoded, one at a time, errors naming file and line.

A line ends at `\\n` or `\\r\\n` and nowhere else: a form feed or a U+2028 inside a text stays inside it. NUL and other
control characters are text. Only the line at hand is in memory, however large the file.
"""

from __future__ import annotations

import codecs
import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from minent.errors import InputError

STDIN = "-"
ENCODING_ERRORS = {"strict": "strict", "replace": "replace", "keep": "surrogateescape"}
_CHUNK_BYTES = 2**15


def display_name(source: str | Path) -> str:
    """The name of a source in messages."""
    return "stdin" if str(source) == STDIN else str(source)


def check_encoding(encoding: str, encoding_errors: str) -> None:
    """Refuse an encoding that Python does not know, before anything is read."""
    if encoding_errors not in ENCODING_ERRORS:
        raise InputError(f"encoding_errors is {encoding_errors!r}; it takes 'strict', 'replace' or 'keep'.")
    try:
        "\n".encode(encoding)
    except LookupError as error:
        raise InputError(
            f"encoding {encoding!r} is unknown. Give a name such as utf-8, latin-1, gb18030 or utf-16."
        ) from error


def check_source(source: str | Path) -> None:
    """Refuse a path that cannot be opened, before anything is read."""
    path = Path(source)
    if str(source) == STDIN:
        return
    if path.is_dir():
        raise InputError(f"{source}: is a folder, but a file is needed. Name the files in it.")
    if not path.exists():
        raise InputError(f"{source}: there is no such file. Check the path.")


@contextmanager
def open_bytes(source: str | Path) -> Iterator[BinaryIO]:
    """Open a source and undo gzip, xz or zstd, known by their first bytes and not by the file's name.

    Yields:
        A buffered stream of plain bytes.

    Raises:
        InputError: The file cannot be read, the archive is cut or damaged, or stdin was read before.
    """
    name = display_name(source)
    file = _open_stdin() if str(source) == STDIN else _open_file(source)
    try:
        yield _decompressed(file)
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise InputError(f"{name}: the compressed data is cut or damaged ({error}). Copy the file again.") from error
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror or error}).") from error
    finally:
        if str(source) != STDIN:
            file.close()


def read_lines(
    source: str | Path, *, encoding: str = "utf-8", encoding_errors: str = "strict", keep_ends: bool = False
) -> Iterator[str]:
    """Yield the decoded lines of a source, a byte order mark at its start removed.

    Args:
        source: A path, or `"-"` for stdin.
        encoding: Any text encoding that Python knows.
        encoding_errors: `"strict"`, `"replace"` or `"keep"`, see `minent.corpus.read_texts`.
        keep_ends: Leave `\\n` or `\\r\\n` at the end of each line.

    Raises:
        InputError: Bytes that are not of the encoding, with their line and place; or see `open_bytes`.
    """
    name, handler = display_name(source), ENCODING_ERRORS[encoding_errors]
    with open_bytes(source) as file:
        # UTF-16 and its like hold the byte 10 inside other characters: there a decoder has to find the line ends.
        splits_on_bytes = "\n".encode(encoding) == b"\n"
        lines = _split_then_decode if splits_on_bytes else _decode_then_split
        for number, line in enumerate(lines(file, name, encoding, handler), start=1):
            text = line.removeprefix("\ufeff") if number == 1 else line
            yield text if keep_ends else text.removesuffix("\n").removesuffix("\r")


def _split_then_decode(file: BinaryIO, name: str, encoding: str, handler: str) -> Iterator[str]:
    for number, raw in enumerate(file, start=1):
        try:
            yield raw.decode(encoding, handler)
        except UnicodeDecodeError as error:
            raise _undecodable(name, number, raw, error) from error


def _decode_then_split(file: BinaryIO, name: str, encoding: str, handler: str) -> Iterator[str]:
    decoder, number = io.TextIOWrapper(file, encoding, handler, newline="\n"), 0
    try:
        for line in decoder:
            number += 1
            yield line
    except UnicodeError as error:
        raise InputError(
            f"{name}, after line {number}: the bytes are not {encoding} ({error}). Give the encoding that the file was "
            f"written in (--encoding, encoding=)."
        ) from error
    finally:
        decoder.detach()  # it would close the file, which may be stdin


def _undecodable(name: str, number: int, raw: bytes, error: UnicodeDecodeError) -> InputError:
    place = f"{name}, line {number}, byte {error.start + 1}"
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and number == 1:
        return InputError(f"{place}: the file is UTF-16, not {error.encoding}. Give --encoding utf-16 (encoding=).")
    return undecodable(place, error)


def undecodable(place: str, error: UnicodeDecodeError) -> InputError:
    """The error for a byte that is not of the encoding."""
    return InputError(
        f"{place}: 0x{error.object[error.start]:02x} is not valid {error.encoding}. Give the file's encoding, such as "
        f"--encoding latin-1 or gb18030 (encoding=), or accept the damage with --encoding-errors replace "
        f"(encoding_errors=)."
    )


# --- opening and decompressing ----------------------------------------------------------------------------------------

_stdin_read: object = None  # the stdin that was read; a second reading of the same one would silently find nothing


def _open_stdin() -> io.BufferedReader:
    global _stdin_read
    if sys.stdin is None:
        raise InputError("stdin: is closed. Name a file, or send the texts through a pipe.")
    if sys.stdin is _stdin_read:
        raise InputError("stdin: was read already, and it can be read once only. Save it to a file and name the file.")
    _stdin_read = sys.stdin
    return cast(io.BufferedReader, sys.stdin.buffer)


def _open_file(source: str | Path) -> io.BufferedReader:
    check_source(source)
    try:
        return Path(source).open("rb")
    except OSError as error:
        raise InputError(f"{source}: cannot be opened ({error.strerror}).") from error


def _decompressed(file: io.BufferedReader) -> BinaryIO:
    start = file.peek(6)[:6] if hasattr(file, "peek") else b""
    if start.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, gzip.open(file))
    if start.startswith(b"\xfd7zXZ\x00"):
        return cast(BinaryIO, lzma.open(file))
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        return cast(BinaryIO, io.BufferedReader(_ZstdReader(file), _CHUNK_BYTES))
    return cast(BinaryIO, file)


class _ZstdReader(io.RawIOBase):
    """Zstandard frames end to end. Unlike the library's own reader, a cut frame is an error and not an early end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._ready, self._waiting = file, memoryview(b""), b""
        self._frame: Any = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            chunk = self._waiting or self._file.read(_CHUNK_BYTES)
            if not chunk:
                if self._frame is not None:
                    raise EOFError("the last zstd frame has no end")
                return 0
            self._ready = memoryview(self._decompress(chunk))
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _decompress(self, chunk: bytes) -> bytes:
        import zstandard

        self._frame = self._frame or zstandard.ZstdDecompressor().decompressobj()
        try:
            data: bytes = self._frame.decompress(chunk)
        except zstandard.ZstdError as error:
            raise EOFError(str(error)) from error
        self._waiting = self._frame.unused_data if self._frame.eof else b""
        self._frame = None if self._frame.eof else self._frame
        return data
