"""GGUF: the vocabulary of llama.cpp as a file without tensors, model `t5` (its Unigram), to be merged with a model.

llama.cpp sums in float64 and keeps the longest of equals, as we do; a character map spells raw bytes, as in
`sentencepiece`. It cannot hold a NUL in a piece or a map, so a NUL is the unknown token, which is given its id
and the name `<nul>`.

Source: ggml-org/ggml, `docs/gguf.md`; ggml-org/llama.cpp, `llama-vocab.cpp` (llm_tokenizer_ugm).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minent import artifacts
from minent.errors import listing
from minent.tokenizer.config import SPECIALS
from minent.tokenizer.formats import exactness, sentencepiece
from minent.tokenizer.formats.spelling import SPACE_MARK, alphabet, readable

if TYPE_CHECKING:
    from minent.tokenizer.model import Tokenizer

_UINT8, _UINT32, _INT32, _FLOAT32, _BOOL, _STRING, _ARRAY = 0, 4, 5, 6, 7, 8, 9
_ALIGNMENT = 32
LIKE_CONTROL = re.compile(rb"[\x21-\x7e]?<[\x21-\x7e]+>|\[[A-Z]+\]")
_NUL_ID = SPECIALS


def paths(path: Path) -> list[Path]:
    """The files that are written."""
    return [path]


def differences(tokenizer: Tokenizer) -> list[str]:
    """Where the ids may differ from ours."""
    found = sentencepiece.differences(tokenizer)
    holding_nul = sum(b"\0" in piece for piece in tokenizer.pieces[256:])
    if holding_nul:
        found.append(f"{holding_nul} pieces hold a NUL, which is no text there: they are never used")
    return found


def limits(tokenizer: Tokenizer) -> list[str]:
    """What a user must know."""
    found = ["a row of NULs becomes one id, and decoding drops NULs"]
    if readable(tokenizer) == alphabet():
        found.append("decoding writes the byte alphabet of GPT-2, not text, because pieces cut characters")
    else:
        found.append("decoding writes the bytes of a character that is no piece of its own as private-use characters")
    if tokenizer.specials:
        found.append(
            "special tokens are read in text only with parse_special, and then the names of the ids 0 to 3 are read too"
        )
    controls = [piece.decode() for piece in tokenizer.pieces if LIKE_CONTROL.fullmatch(piece)]
    if controls:
        found.append(
            f"{len(controls)} pieces look like control tokens ({listing(controls, limit=3)}): llama.cpp may take them "
            f"for such and decode them to nothing"
        )
    return found


def write(tokenizer: Tokenizer, path: Path) -> None:
    """Write a file of keys and values."""
    spelling = readable(tokenizer)
    spelt = [spelling.spell(piece).replace(" ", SPACE_MARK) for piece in tokenizer.pieces]
    specials = exactness.free_names(tokenizer.specials, set(spelt))
    names = exactness.free_names(("<pad>", "<s>", "</s>", "<nul>"), {*spelt, *specials})
    tokens = [*names, *spelt[1:], *specials]
    kinds = [sentencepiece.CONTROL] * len(tokens)
    kinds[SPECIALS : SPECIALS + len(spelt)] = [sentencepiece.NORMAL] * len(spelt)
    kinds[_NUL_ID] = sentencepiece.UNKNOWN
    scores = np.concatenate((np.zeros(SPECIALS), tokenizer.scores, np.zeros(len(specials))))
    charsmap = spelling.charsmap()
    pairs = [
        _pair("general.architecture", _STRING, _string("t5")),
        _pair("general.name", _STRING, _string("minent tokenizer")),
        _pair("tokenizer.ggml.model", _STRING, _string("t5")),
        _pair("tokenizer.ggml.pre", _STRING, _string("default")),
        _array("tokenizer.ggml.tokens", _STRING, len(tokens), b"".join(map(_string, tokens))),
        _array("tokenizer.ggml.scores", _FLOAT32, len(tokens), scores.astype("<f4").tobytes()),
        _array("tokenizer.ggml.token_type", _INT32, len(tokens), np.array(kinds, dtype="<i4").tobytes()),
        _array("tokenizer.ggml.precompiled_charsmap", _UINT8, len(charsmap), charsmap),
        *_numbers(("padding", "bos", "eos", "unknown"), (0, 1, 2, _NUL_ID)),
    ]
    off = ("add_bos_token", "add_eos_token", "add_space_prefix", "remove_extra_whitespaces")
    pairs += [_pair(f"tokenizer.ggml.{flag}", _BOOL, b"\0") for flag in off]
    header = struct.pack("<4sIQQ", b"GGUF", 3, 0, len(pairs))
    body = header + b"".join(pairs)
    artifacts.write_whole(path, body + b"\0" * (-len(body) % _ALIGNMENT))


def _numbers(names: Sequence[str], ids: Sequence[int]) -> list[bytes]:
    return [_pair(f"tokenizer.ggml.{name}_token_id", _UINT32, struct.pack("<I", id)) for name, id in zip(names, ids)]


def _pair(key: str, kind: int, value: bytes) -> bytes:
    return _string(key) + struct.pack("<I", kind) + value


def _array(key: str, kind: int, count: int, values: bytes) -> bytes:
    return _pair(key, _ARRAY, struct.pack("<IQ", kind, count) + values)


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data
