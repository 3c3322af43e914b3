"""Saved tokenizers: what stands in the folder, and what is checked when it is mapped into memory again.

`pieces.safetensors` holds the pieces and the finished automaton, so loading builds nothing: the file is mapped, and its
pages are read when they are needed and shared among processes. A folder may come from anywhere, and compiled loops test
no bounds; so whatever they follow is checked here first. (Folders of format 1 hold pieces alone.)
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minent import artifacts
from minent.errors import ArtifactError, ChangedFileError
from minent.tokenizer import automaton as automata
from minent.tokenizer.config import NORMALIZATIONS, SPECIALS, TokenizerConfig
from minent.tokenizer.pieces import Pieces, check_specials

if TYPE_CHECKING:
    from minent.tokenizer.model import Tokenizer

KIND, FORMAT = "tokenizer", 2
_FILE = "pieces.safetensors"
_TYPES = {"U8": np.uint8, "I32": np.int32, "I64": np.int64, "U32": np.uint32, "U64": np.uint64, "F64": np.float64}
_WRONG = (KeyError, ValueError, TypeError, IndexError, OverflowError, AttributeError, RecursionError)
_BUILT = ("units", "falls", "pieces", "suffixes")


def write(tokenizer: Tokenizer, path: Path) -> None:
    """Write the arrays into the folder of an artifact."""
    pieces, known = tokenizer._pieces, tokenizer._links
    arrays = {"bytes": pieces.buffer, "starts": pieces.starts, "counts": tokenizer.counts, "scores": tokenizer.scores}
    arrays |= {name: getattr(known, name) for name in _BUILT}
    artifacts.save_arrays(path / _FILE, arrays)


def read(folder: str | Path) -> dict[str, Any]:
    """Everything a `Tokenizer` is made of, checked.

    Raises:
        ArtifactError: See `Tokenizer.load`.
    """
    manifest = artifacts.read_manifest(folder, kind=KIND, format=FORMAT)
    path = manifest.file(folder, _FILE)
    try:
        specials = check_specials(manifest.facts.get("specials", ()))
        _require(manifest.facts["normalization"] in NORMALIZATIONS, "its normalization is not known here")
        arrays = _mapped(path)
        state = {
            "counts": automata.read_only(arrays["counts"]),
            "scores": automata.read_only(arrays["scores"]),
            "normalization": manifest.facts["normalization"],
            "config": TokenizerConfig(**manifest.config) if manifest.config else None,
            "facts": manifest.facts,
            "inputs": manifest.inputs,
        }
        if manifest.format == 1:
            data, starts = arrays["bytes"].tobytes(), arrays["starts"].tolist()
            state["pieces"] = Pieces([data[a:b] for a, b in pairwise(starts)], specials)
            return state
        pieces = Pieces.of_rows(arrays["bytes"], arrays["starts"], specials)
        _check_pieces(pieces, arrays["counts"], arrays["scores"])
        built: dict[str, Any] = {name: automata.read_only(arrays[name]) for name in _BUILT}
        _check_automaton(**built, known=pieces, ids=len(arrays["scores"]) + SPECIALS)
    except _WRONG as error:
        raise ChangedFileError(
            f"{path}: holds no tokenizer that works ({error}), though its digest fits. Do not trust this folder."
        ) from error
    lengths = pieces.lengths[: len(arrays["scores"]) + SPECIALS].astype(np.int32)
    scores = np.concatenate((np.zeros(SPECIALS), arrays["scores"]))
    state["links"] = automata.linked(**built, lengths=lengths, scores=scores, root=_root(arrays["units"]))
    state["pieces"] = pieces
    return state


def _mapped(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file, mapped and read-only."""
    try:
        data = np.memmap(path, dtype=np.uint8, mode="r").view(np.ndarray)
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read ({error.strerror}). Copy the folder again.") from error
    size = int(data[:8].view(np.uint64)[0])
    header = json.loads(data[8 : 8 + size].tobytes())
    arrays = {}
    for name, described in header.items():
        if name != "__metadata__":
            begin, end = described["data_offsets"]
            flat = data[8 + size + begin : 8 + size + end].view(_TYPES[described["dtype"]])
            arrays[name] = flat.reshape(described["shape"])
    return arrays


def _require(holds: Any, what: str) -> None:
    if not holds:
        raise ValueError(what)


def _check_pieces(pieces: Pieces, counts: np.ndarray, scores: np.ndarray) -> None:
    starts, specials = pieces.starts, len(pieces.specials)
    _require(
        starts.dtype == np.int64 and starts.ndim == 1 and pieces.buffer.dtype == np.uint8, "pieces have a wrong type"
    )
    _require(len(starts) >= SPECIALS + 257 + specials and starts[0] == 0, "pieces are too few")
    _require((np.diff(starts) >= 0).all() and starts[-1] == len(pieces.buffer), "pieces do not fill their buffer")
    learnt = len(starts) - 1 - SPECIALS - specials
    _require(counts.shape == scores.shape == (learnt,), "there is not one count and one score for each piece")
    _require(
        counts.dtype == np.int64 and scores.dtype == np.float64 and (np.abs(scores) <= automata.MOST_SCORE).all(),
        "scores are no numbers",
    )
    _require((pieces.buffer[:256] == np.arange(256)).all() and starts[SPECIALS] == 0, "the bytes are no pieces")
    _require((np.diff(starts[SPECIALS : SPECIALS + learnt + 1]) >= 1).all(), "a piece is empty")
    _require((np.diff(starts[SPECIALS : SPECIALS + 257]) == 1).all(), "the bytes are no pieces")


def _root(units: np.ndarray) -> int:
    """The state of the root: the lowest of all, since it is laid first."""
    return int(units[1] >> np.uint64(32))


def _check_automaton(
    units: np.ndarray, falls: np.ndarray, pieces: np.ndarray, suffixes: np.ndarray, known: Pieces, ids: int
) -> None:
    """Whatever a kernel may follow leads to a slot, an id or a place before; and every fall ends at the root.

    That no piece is longer than what was read on the way to its slot is not checked here, but by the kernels.
    """
    slots, lengths = len(units), known.lengths[:ids]
    types = [array.dtype.type for array in (units, falls, pieces, suffixes)]
    _require(types == [np.uint64, np.uint32, np.int32, np.int32], "the automaton has wrong types")
    _require(units.shape == falls.shape == pieces.shape and suffixes.shape == (ids,), "the automaton has a wrong shape")
    automata.check_bounds(lengths)
    automata.check_slots(slots)
    root = _root(units)
    _require(
        root + 256 <= slots and (units[root : root + 256] >> np.uint64(32) == root).all(), "the root misses a byte"
    )
    _require((pieces[root : root + 256] == np.arange(SPECIALS, SPECIALS + 256)).all(), "the root names other bytes")
    _require(((units & np.uint64(2**32 - 1)) + np.uint64(256) <= slots).all(), "a state lies outside")
    _require((falls + np.uint64(256) <= slots).all(), "a fall lies outside")
    fall = falls
    for _ in range(automata.LONGEST_PIECE.bit_length()):
        if (fall == root).all():
            break
        fall = fall[fall]
    _require((fall == root).all(), "a fall never ends")
    _require((pieces >= SPECIALS).all() and (pieces < ids).all(), "a slot holds no id")
    learnt, own = suffixes[SPECIALS:], lengths[SPECIALS:]
    _require((np.where(own == 1, learnt == -1, learnt >= SPECIALS)).all(), "a chain does not end with a byte")
    _require(
        (learnt < ids).all() and (own > np.where(learnt < SPECIALS, 0, lengths[learnt])).all(), "a chain goes round"
    )
