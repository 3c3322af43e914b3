"""Pieces and counts from files of others: dictionaries, and the vocabularies of other tokenizers.

A unigram model gives its probabilities. A merge list (BPE) gives no counts, only an order: there the count of a piece
is taken to fall as 1 / rank, single bytes last, until `imported` counts it on a text. What stands for no text of its
own (control, unknown and user-defined symbols, added special tokens) is left out.

Source: huggingface/tokenizers (`tokenizer.json`), google/sentencepiece (`sentencepiece_model.proto`), openai/tiktoken
(`load.py`), jieba (`dict.txt`).
"""

from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from minent.errors import InputError, did_you_mean, listing
from minent.tokenizer.formats import bytepiece, files, protobuf
from minent.tokenizer.formats.sentencepiece import BYTE, NORMAL
from minent.tokenizer.formats.spelling import SPACE_MARK, alphabet

Counts = dict[bytes, int]
_TOTAL = 10**9  # what probabilities and ranks are scaled to
_RARE = -1e9  # the score of a byte to fall back on; files state none that means anything
_BYTE_OF = {char: key for key, char in alphabet().characters.items()}


def read(path: Path, format: str | None = None) -> Counts:
    """Read the pieces and counts of a file in a format of `READERS`, or in the one that its name and beginning show.

    Raises:
        InputError: No such file, another format, or contents that are not of it; the place is named.
    """
    if format is not None and format not in READERS:
        raise InputError(f"format is {format!r}; there is {listing(READERS)}.{did_you_mean(str(format), READERS)}")
    format = format or guess(path)
    try:
        counts = READERS[format](path)
    except InputError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        raise InputError(
            f"{path}: is no {format} vocabulary ({type(error).__name__}: {error}). "
            f"If it is of another format, name that: {listing(READERS)}."
        ) from error
    if not counts:
        raise InputError(f"{path}: holds no piece. Give a file with one piece or more.")
    return counts


def guess(path: Path) -> str:
    """The format that the name of a file and its first byte show."""
    by_name = {".json": "huggingface", ".tiktoken": "tiktoken", ".zip": "bytepiece"}
    if path.suffix != ".model":
        return by_name.get(path.suffix, "counts")
    try:
        with path.open("rb") as file:
            start = file.read(1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}). Check the path.") from error
    return "bytepiece" if start in (b"{", b"P") else "sentencepiece"


# --- the formats ------------------------------------------------------------------------------------------------------


def _read_lines(path: Path) -> Counts:
    """`piece<TAB>count`; or, without a tab, `piece count` with anything behind, as in the dictionaries of jieba."""
    counts: Counts = {}
    lines: dict[bytes, int] = {}
    for number, line in enumerate(files.read(path).split(b"\n"), start=1):
        line = line.removesuffix(b"\r")
        if not line or (number == 1 and line == b"\xef\xbb\xbf"):
            continue
        piece, _, rest = line.removeprefix(b"\xef\xbb\xbf" if number == 1 else b"").partition(
            b"\t" if b"\t" in line else b" "
        )
        count = rest.split()[0] if rest.split() else b""
        place = f"{path}, line {number}"
        if not piece or not count.isdigit() or len(count) > 15 or int(count) < 1:
            shown = line[:60].decode(errors="backslashreplace")
            raise InputError(
                f"{place}: {shown!r} is no piece, a tab and a count of 1 or more. Mend or delete the line."
            )
        if piece in counts:
            shown = piece.decode(errors="backslashreplace")
            raise InputError(f"{place}: {shown!r} stands on line {lines[piece]} too. Keep one of the two.")
        counts[piece], lines[piece] = int(count), number
    return counts


def _read_bytepiece(path: Path) -> Counts:
    found = bytepiece.read(path)
    return dict(zip(found["pieces"], found["counts"].tolist()))


def _read_tiktoken(path: Path) -> Counts:
    """Lines of base64 and rank."""
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(files.read(path).splitlines(), start=1):
        if line:
            try:
                piece, rank = line.split()
                ranks[base64.b64decode(piece, validate=True)] = int(rank)
            except ValueError as error:
                raise InputError(f"{path}, line {number}: is no base64 and a rank ({error}). Copy it again.") from error
    return _from_order(sorted(ranks, key=ranks.__getitem__))


def _read_huggingface(path: Path) -> Counts:
    content = json.loads(files.read(path).decode())
    model = content["model"]
    kind = model.get("type", "BPE" if "merges" in model else None)
    special = {token["content"] for token in content.get("added_tokens", ()) if token["special"]}
    to_bytes = _huggingface_bytes(content)
    if kind == "Unigram":
        rows = [(to_bytes(text), _RARE if _is_fallback(text) else score) for text, score in model["vocab"]]
        return _from_log_probabilities(row for row, (text, _) in zip(rows, model["vocab"]) if text not in special)
    if kind == "BPE":
        order = sorted(model["vocab"], key=model["vocab"].__getitem__)
        return _from_order([to_bytes(text) for text in order if text not in special])
    raise ValueError(f"the model is {kind!r}, and only 'Unigram' and 'BPE' pieces stand for their own bytes")


def _huggingface_bytes(content: dict[str, Any]) -> Callable[[str], bytes]:
    """How a piece of this file becomes bytes: by the byte alphabet, or with marks for spaces and `<0x41>` for bytes."""
    steps = json.dumps(
        [content.get("pre_tokenizer"), content.get("decoder"), content.get("normalizer")], ensure_ascii=False
    )
    if '"ByteLevel"' in steps:
        return lambda text: b"".join(_BYTE_OF[char] for char in text)
    marks_spaces = '"Metaspace"' in steps or SPACE_MARK in steps
    falls_back = content["model"].get("byte_fallback", False)
    return lambda text: _plain_bytes(text, marks_spaces, falls_back)


def _is_fallback(text: str) -> bool:
    return len(text) == 6 and text.startswith("<0x") and text.endswith(">")


def _plain_bytes(text: str, marks_spaces: bool, falls_back: bool) -> bytes:
    if falls_back and _is_fallback(text):
        return bytes([int(text[3:5], 16)])
    return (text.replace(SPACE_MARK, " ") if marks_spaces else text).encode()


def _read_sentencepiece(path: Path) -> Counts:
    rows: list[tuple[bytes, float]] = []
    merges = False
    for field, value in protobuf.fields(files.read(path)):
        if field == 1 and isinstance(value, bytes):
            rows += _sentencepiece_row(value)
        elif field == 2 and isinstance(value, bytes):
            merges = dict(protobuf.fields(value)).get(3, 1) == 2  # model_type: 1 unigram, 2 BPE
        elif field == 3 and isinstance(value, bytes) and dict(protobuf.fields(value)).get(1) == b"minent":
            raise InputError(f"{path}: was exported by minent. Import the tokenizer that it was made from.")
    if not merges:
        return _from_log_probabilities(rows)
    return _from_order([piece for piece, _ in sorted(rows, key=lambda row: -row[1])])


def _sentencepiece_row(data: bytes) -> list[tuple[bytes, float]]:
    row = dict(protobuf.fields(data))
    text, score, kind = row.get(1), row.get(2, bytes(4)), row.get(3, NORMAL)
    if not isinstance(text, bytes) or not isinstance(score, bytes) or len(score) != 4:
        raise ValueError("a piece has no text, or a score that is no float")
    if kind not in (NORMAL, BYTE):
        return []
    piece = _plain_bytes(text.decode(), marks_spaces=True, falls_back=kind == BYTE)
    return [(piece, _RARE if kind == BYTE else struct.unpack("<f", score)[0])]


READERS: dict[str, Callable[[Path], Counts]] = {
    "bytepiece": _read_bytepiece,
    "counts": _read_lines,
    "huggingface": _read_huggingface,
    "sentencepiece": _read_sentencepiece,
    "tiktoken": _read_tiktoken,
}


# --- counts where there are none --------------------------------------------------------------------------------------


def _from_log_probabilities(rows: Iterable[tuple[bytes, float]]) -> Counts:
    counts: Counts = {}
    for piece, score in rows:
        if not math.isfinite(score):
            raise ValueError(f"the score of {piece!r} is {score}")
        if piece:
            counts[piece] = counts.get(piece, 0) + max(1, round(_TOTAL * math.exp(min(score, 0.0))))
    return counts


def _from_order(pieces: list[bytes]) -> Counts:
    """Counts that fall as 1 / rank; single bytes, which merges leave rare, come last."""
    longer = [piece for piece in dict.fromkeys(pieces) if len(piece) > 1]
    single = [piece for piece in dict.fromkeys(pieces) if len(piece) == 1]
    return {piece: max(1, _TOTAL // (rank * 10)) for rank, piece in enumerate([*longer, *single], start=1)}
