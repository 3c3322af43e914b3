"""Files of others: the model of bytepiece, in and out; and the table of pieces for people.

A model of bytepiece is one JSON object: base64 of the piece -> [id, the piece as text where it is text, count].
"""

from __future__ import annotations

import base64
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minent import artifacts
from minent.errors import InputError, did_you_mean, listing
from minent.tokenizer.config import SPECIALS
from minent.tokenizer.lexicon import log_scores

if TYPE_CHECKING:
    from minent.tokenizer.model import Tokenizer


def table(tokenizer: Tokenizer) -> str:
    """All pieces as lines of id, count and text, most frequent first; what is no text stands as escapes."""
    lines = ["id\tcount\tpiece"]
    for i in np.argsort(-tokenizer.counts, kind="stable").tolist():
        text = tokenizer.pieces[i].decode(errors="backslashreplace")
        lines.append(f"{i + SPECIALS}\t{tokenizer.counts[i]}\t{json.dumps(text, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def read_bytepiece(path: Path) -> dict[str, Any]:
    """Read a model file; return what `Tokenizer` takes."""
    try:
        entries = json.loads(_model_text(path))
        rows = sorted(
            (int(id), base64.b64decode(key, validate=True), int(count)) for key, (id, _, count) in entries.items()
        )
        if [row[0] for row in rows] != list(range(SPECIALS, SPECIALS + len(rows))):
            raise ValueError(f"the ids are not {SPECIALS}, {SPECIALS + 1}, .. without a gap")
        if not all(0 < count < 2**53 for _, _, count in rows):
            raise ValueError("a count is below 1 or beyond 2**53")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}). Check the path.") from error
    except (ValueError, TypeError, AttributeError, OverflowError, RuntimeError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path}: is no model of bytepiece ({error}). It takes their .model file, or its zip."
        ) from error
    counts = np.array([count for _, _, count in rows], dtype=np.int64)
    return {
        "pieces": [piece for _, piece, _ in rows],
        "counts": counts,
        "scores": log_scores(counts, faithful=True),
        "normalization": "nfc",
        "facts": {"imported_from": "bytepiece"},
    }


def _model_text(path: Path) -> str:
    if not zipfile.is_zipfile(path):
        return path.read_text(encoding="utf-8")
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".model")]
        if len(names) != 1:
            raise ValueError(f"the zip holds {len(names)} .model files, not one")
        return archive.read(names[0]).decode("utf-8")


def write_bytepiece(tokenizer: Tokenizer, path: Path) -> None:
    """Write a model file, byte for byte as bytepiece would."""
    entries = {
        base64.b64encode(piece).decode(): [id, piece.decode(errors="ignore"), count]
        for id, (piece, count) in enumerate(zip(tokenizer.pieces, tokenizer.counts.tolist()), start=SPECIALS)
    }
    artifacts.write_whole(path, json.dumps(entries, indent=4, ensure_ascii=False).encode())


EXPORTS: dict[str, Callable[[Tokenizer, Path], None]] = {"bytepiece": write_bytepiece}


def export(tokenizer: Tokenizer, path: Path, format: str) -> None:
    """Write the tokenizer in a format of `EXPORTS`."""
    if format not in EXPORTS:
        raise InputError(f"format is {format!r}; there is {listing(EXPORTS)}.{did_you_mean(str(format), EXPORTS)}")
    EXPORTS[format](tokenizer, path)
