"""The model of bytepiece, in and out: one JSON object, base64 of the piece -> [id, its text where it is text, count].

Source: `Trainer.save` and `Tokenizer` of bytepiece 0.6.3.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minent import artifacts
from minent.errors import InputError
from minent.tokenizer.config import SPECIALS
from minent.tokenizer.formats import exactness, files
from minent.tokenizer.lexicon import log_scores

if TYPE_CHECKING:
    from minent.tokenizer.model import Tokenizer


def read(path: Path) -> dict[str, Any]:
    """Read a model file, or a zip that holds one; return what `Tokenizer` takes."""
    try:
        entries = json.loads(files.read(path, ".model").decode())
        rows = sorted(
            (int(id), base64.b64decode(key, validate=True), int(count)) for key, (id, _, count) in entries.items()
        )
        if [row[0] for row in rows] != list(range(SPECIALS, SPECIALS + len(rows))):
            raise ValueError(f"the ids are not {SPECIALS}, {SPECIALS + 1}, .. without a gap")
        if not all(0 < count < 2**53 for _, _, count in rows):
            raise ValueError("a count is below 1 or beyond 2**53")
    except InputError:
        raise
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
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


def paths(path: Path) -> list[Path]:
    """The files that are written."""
    return [path]


def differences(tokenizer: Tokenizer) -> list[str]:
    """Where the ids may differ from ours."""
    found = []
    if tokenizer.normalization != "nfc":
        found.append("bytepiece always brings texts to NFC")
    if not np.array_equal(tokenizer.scores, log_scores(tokenizer.counts, faithful=True)):
        found.append("scores are not written: bytepiece takes plain logarithms of the counts, so other cuts may win")
    if exactness.crosses_line_ends(tokenizer):
        found.append("bytepiece cuts texts at line ends: pieces that go on behind one are never used")
    if tokenizer.specials:
        found.append(f"the {len(tokenizer.specials)} special tokens are left out")
    return found


def limits(tokenizer: Tokenizer) -> list[str]:
    """What a user must know: nothing."""
    return []


def write(tokenizer: Tokenizer, path: Path) -> None:
    """Write a model file, byte for byte as bytepiece would."""
    entries = {
        base64.b64encode(piece).decode(): [id, piece.decode(errors="ignore"), count]
        for id, (piece, count) in enumerate(zip(tokenizer.pieces, tokenizer.counts.tolist()), start=SPECIALS)
    }
    artifacts.write_whole(path, json.dumps(entries, indent=4, ensure_ascii=False).encode())
