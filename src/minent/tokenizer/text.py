"""Text becomes bytes: one buffer for many texts, row starts beside it, and the lines that no piece may cross."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from minent.errors import InputError
from minent.runtime import thread_count

_LONGEST_CHUNK = 10_000  # characters; a longer line is cut, in training only
_LONGEST_BLOCK = 4_096  # characters
_LEAST_BYTES_PER_THREAD = 2**17


class Rows(NamedTuple):
    """Byte strings end to end: row i is `buffer[starts[i]:starts[i + 1]]`."""

    buffer: np.ndarray  # uint8, read-only
    starts: np.ndarray  # int64, one more than there are rows


class Blocks(NamedTuple):
    """Training text in rows of a few thousand bytes, each with a byte 255 behind it that belongs to no row.

    Row i is `buffer[starts[i]:starts[i + 1] - 1]`.
    """

    buffer: np.ndarray  # uint8, read-only
    starts: np.ndarray  # int64, one more than there are rows


def join(parts: list[bytes]) -> Rows:
    """Lay byte strings end to end.

    Example:
        >>> join([b"ab", b"", b"c"]).starts
        array([0, 2, 2, 3])
    """
    return Rows(np.frombuffer(b"".join(parts), dtype=np.uint8), row_starts(parts))


def row_starts(parts: Sequence[Any]) -> np.ndarray:
    """Where each part begins when they lie end to end, and where the last ends (int64).

    Example:
        >>> row_starts(["ab", "", "c"])
        array([0, 2, 2, 3])
    """
    starts = np.zeros(len(parts) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, parts), dtype=np.int64, count=len(parts)), out=starts[1:])
    return starts


def check_iterable(texts: object) -> None:
    """Whether `texts` can be gone through, and is not one text.

    Raises:
        InputError: It is one text, or no iterable.
    """
    if isinstance(texts, (str, bytes)):
        raise InputError(f"texts is one {type(texts).__name__}; it takes an iterable of str. Write [text].")
    if not isinstance(texts, Iterable):
        raise InputError(f"texts is {type(texts).__name__}; it takes an iterable of str, such as a list.")


def slabs(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    """The texts in lists of about so many characters; one list at least.

    Example:
        >>> list(slabs(["ab", "c", "def", "g"], 3))
        [['ab', 'c'], ['def'], ['g']]
    """
    slab: list[str] = []
    held, is_first = 0, True
    for text in texts:
        slab.append(text)
        held += len(text) if isinstance(text, str) else 0
        if held >= size:
            yield slab
            slab, held, is_first = [], 0, False
    if slab or is_first:
        yield slab


def normalize(text: str, normalization: str, place: str = "text") -> str:
    """Check that `text` is text, and bring it to its normal form.

    Raises:
        InputError: It is no `str`. `place` names it.
    """
    if not isinstance(text, str):
        raise InputError(f"{place} is {type(text).__name__}; it takes str. Decode bytes first: value.decode().")
    return unicodedata.normalize("NFC", text) if normalization == "nfc" else text


def to_utf8(text: str, place: str = "text") -> bytes:
    """Encode to UTF-8. Broken bytes that were read as surrogate escapes (PEP 383) become those bytes again.

    Raises:
        InputError: Any other lone surrogate, which no UTF-8 text can hold; `place` and its position are named.

    Example:
        >>> to_utf8(b"\\xff!".decode("utf-8", "surrogateescape"))
        b'\\xff!'
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise InputError(
            f"{place}[{error.start}] is U+{ord(text[error.start]):04X}, half of a surrogate pair, which is no "
            f"character. Clean the text first: text.encode('utf-8', 'replace').decode()."
        ) from None


def widths(text: str) -> np.ndarray:
    """The bytes of each character of a text that `to_utf8` takes (int64); a broken byte is one.

    Example:
        >>> widths("aé猫\\udcff").tolist()
        [1, 2, 3, 1]
    """
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    codes = np.where(codes >> 8 == 0xDC, 0, codes)  # kept broken bytes are U+DC80 to U+DCFF
    return 1 + (codes >= 0x80).astype(np.int64) + (codes >= 0x800) + (codes >= 0x10000)


def chunks(text: str, isolate_digits: bool) -> list[str]:
    """Cut a text for training: every chunk is a line with the line ends behind it, or a digit where digits stand alone.

    Example:
        >>> chunks("a\\n\\nb7c", isolate_digits=True)
        ['a\\n\\n', 'b', '7', 'c']
    """
    return (_CHUNK_OR_DIGIT if isolate_digits else _CHUNK).findall(text)


_CHUNK = re.compile(rf".{{,{_LONGEST_CHUNK}}}\n{{1,100}}|.{{1,{_LONGEST_CHUNK}}}")
_CHUNK_OR_DIGIT = re.compile(rf"\d|[^\n\d]{{,{_LONGEST_CHUNK}}}\n{{1,100}}|[^\n\d]{{1,{_LONGEST_CHUNK}}}")


def gather(texts: Iterable[str], normalization: str, isolate_digits: bool) -> tuple[Rows, int]:
    """Read all texts once, as chunks of bytes.

    Returns:
        The chunks, and how many texts there were.

    Raises:
        InputError: A bare string instead of an iterable, or no character at all.
    """
    check_iterable(texts)
    parts: list[bytes] = []
    number = -1
    for number, text in enumerate(texts):
        place = f"texts[{number}]"
        normal = normalize(text, normalization, place)
        to_utf8(normal, place)  # a lone surrogate is named by its place in the text, not in a chunk
        parts.extend(chunk.encode("utf-8", "surrogateescape") for chunk in chunks(normal, isolate_digits))
    if not parts:
        raise InputError(f"texts holds {number + 1} texts and no character. Give some text to learn from.")
    return join(parts), number + 1


def blocks(text: str) -> list[str]:
    """Cut a text for training into blocks of some thousand characters, behind a line end where one is near.

    Example:
        >>> [len(block) for block in blocks("so it goes\\n" * 1000)]
        [4092, 4092, 2816]
    """
    if len(text) <= _LONGEST_BLOCK:
        return [text] if text else []
    found, begin = [], 0
    while begin < len(text):
        end = min(begin + _LONGEST_BLOCK, len(text))
        if end < len(text):
            line_end = text.rfind("\n", begin + _LONGEST_BLOCK // 2, end)
            end = line_end + 1 if line_end > 0 else end
        found.append(text[begin:end])
        begin = end
    return found


def over_shards(work: Callable[[int, int], Any], starts: np.ndarray, least: int = _LEAST_BYTES_PER_THREAD) -> list[Any]:
    """Call `work(first, last)` on ranges of rows of about equal bytes, on as many threads as are allowed and worth it.

    A thread is worth it for `least` bytes.

    Returns:
        The results in the order of the rows; where the ranges end depends on the threads, so `work` must not care.
    """
    worth = int((starts[-1] - starts[0]) // least)
    count = min(thread_count(), worth, len(starts) - 1) if worth > 1 else 1
    if count <= 1:
        return [work(0, len(starts) - 1)]
    cuts = np.searchsorted(starts, np.linspace(starts[0], starts[-1], count + 1)[1:-1])
    ends = [0, *cuts.tolist(), len(starts) - 1]
    return in_threads([partial(work, first, last) for first, last in pairwise(ends)])


def in_threads(calls: list[Callable[[], Any]]) -> list[Any]:
    """Make all calls at the same time, and return their results in order."""
    if len(calls) == 1:
        return [calls[0]()]
    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(lambda call: call(), calls))
