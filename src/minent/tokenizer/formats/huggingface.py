"""Hugging Face: `tokenizer.json` for the tokenizers library, and the folder that `AutoTokenizer` loads.

The model is their Unigram over the byte alphabet of GPT-2, so a piece stands at the place of its id and every `str` has
the ids that it has here: they search as we do, in float64, and of equals keep the longest last piece.

Ids 0, 1 and 2 stand in the vocabulary with a score that no text can afford. `tokenizer.json` does not list them as
added tokens, for those are cut out of the raw text first, and the text `<s>` would become id 1. The folder gives them
their roles, with `split_special_tokens` set so that the same holds.

Source: huggingface/tokenizers, `models/unigram/model.rs`, `pre_tokenizers/byte_level.rs`.
"""

from __future__ import annotations

import json
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minent.errors import listing
from minent.tokenizer.config import SPECIALS
from minent.tokenizer.formats import exactness, files
from minent.tokenizer.formats.spelling import alphabet

if TYPE_CHECKING:
    from minent.tokenizer.model import Tokenizer

_NEVER = -1e6  # below any row of single bytes as long as a special name; minus infinity is no JSON
_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
_LINES = {"type": "Split", "pattern": {"Regex": r"[^\n]*\n+|[^\n]+"}, "behavior": "Isolated", "invert": False}


def paths(path: Path) -> list[Path]:
    """The files that are written: one if `path` ends in `.json`, else those of a folder."""
    names = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
    return [path] if path.suffix == ".json" else [path / name for name in names]


def differences(tokenizer: Tokenizer) -> list[str]:
    """Where the ids may differ from ours."""
    found = []
    if tokenizer.normalization == "nfc":
        found.append(
            f"NFC follows the Unicode tables of tokenizers there and those of Python here, now "
            f"{unicodedata.unidata_version}: characters that only one of them knows may be composed differently"
        )
    inexact = sum(_decimal(score) is None for score in tokenizer.scores.tolist())
    if inexact:
        found.append(
            f"{inexact} of {len(tokenizer.scores)} scores have no decimal that its reader takes exactly, and are one "
            f"last bit off: near ties may fall the other way"
        )
    as_pieces = sorted(set(tokenizer.specials).intersection(map(alphabet().spell, tokenizer.pieces)))
    if as_pieces:
        found.append(f"special tokens {listing(as_pieces)} are written as pieces are there, and get the ids of those")
    return found


def limits(tokenizer: Tokenizer) -> list[str]:
    """What a user must know."""
    found = []
    if tokenizer.specials:
        found.append("special tokens are always read in text, as with allowed_special='all' here")
    spelling = set(alphabet().characters.values())
    changed = [special for special in tokenizer.specials if set(special) <= spelling and not special.isascii()]
    if changed:
        found.append(f"special tokens {listing(changed)} are decoded to other text, as if they were spelt pieces")
    return found


def write(tokenizer: Tokenizer, path: Path) -> None:
    """Write the files that `paths` names."""
    names = exactness.special_names({*map(alphabet().spell, tokenizer.pieces), *tokenizer.specials})
    roles = dict(zip(("pad_token", "bos_token", "eos_token"), names))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "split_special_tokens": True,
        "model_max_length": 10**30,
        **roles,
    }
    contents = [_tokenizer_json(tokenizer, names), _pretty(config), _pretty(roles)]
    files.write_together({place: text.encode() for place, text in zip(paths(path), contents)})


def _added_tokens(tokenizer: Tokenizer) -> list[dict[str, Any]]:
    """The special tokens; not `special` there, for those are passed over where `split_special_tokens` is set."""
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    first = SPECIALS + len(tokenizer.pieces)
    return [{"id": id, "content": special, **flags} for id, special in enumerate(tokenizer.specials, start=first)]


def _tokenizer_json(tokenizer: Tokenizer, names: list[str]) -> str:
    lines = exactness.line_cuts_matter(tokenizer)
    steps = {"type": "Sequence", "pretokenizers": [_LINES, _BYTE_LEVEL]} if lines else _BYTE_LEVEL
    frame: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": _added_tokens(tokenizer),
        "normalizer": {"type": "NFC"} if tokenizer.normalization == "nfc" else None,
        "pre_tokenizer": steps,
        "post_processor": None,
        "decoder": _BYTE_LEVEL,
        "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": False, "vocab": []},
    }
    text = json.dumps(frame, indent=1)
    spell = alphabet().spell
    rows = [(name, repr(_NEVER)) for name in names[:SPECIALS]]
    rows += [(spell(p), _decimal(s) or repr(s)) for p, s in zip(tokenizer.pieces, tokenizer.scores.tolist())]
    vocab = ",\n".join(f"   [{json.dumps(piece, ensure_ascii=False)}, {score}]" for piece, score in rows)
    return text.replace('"vocab": []', f'"vocab": [\n{vocab}\n  ]')


@cache
def _decimal(score: float) -> str | None:
    """A decimal that is `score` for a reader that rounds once, and for theirs, which rounds digits and quotient.

    serde_json takes the digits as a whole number of 64 bits, as float64, and divides by a power of ten. That is exact
    up to 15 digits, and multiples of 1/256 have no more; of the shortest decimals with 17 digits 13 % come out one bit
    off, and others with as many digits do not.

    Example:
        >>> _decimal(-0.69140625), _decimal(-2.0)
        ('-0.69140625', '-2.0')
    """
    shortest = repr(score)
    if "e" not in shortest and len(shortest.replace(".", "").lstrip("-0")) <= 15:
        return shortest
    numerator, denominator = abs(score).as_integer_ratio()
    for places in range(12, 20):
        nearest = (2 * numerator * 10**places + denominator) // (2 * denominator)
        if nearest >= 2**64:
            return None
        for digits in (nearest, nearest - 1, nearest + 1):
            if digits / 10**places == abs(score) == float(digits) / float(10**places):
                text = f"{digits:0{places + 1}d}"
                return f"{'-' if score < 0 else ''}{text[:-places]}.{text[-places:]}"
    return None


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
