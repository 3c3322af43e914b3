"""The analyser as a `tokenizer.json`: text to ids, the same in Python, Rust or wherever `tokenizers` runs.

It says in their words what `features.ngrams` does: the first 20,000 characters, in lower case, cut into words and marks
or, in scripts without spaces, into characters. What `tokenizers` does otherwise is said in its terms: it lowers each
character alone, so the Greek sigma at the end of a word is set first, and its `\\s` is narrower than Python's.

Special tokens are in no text: the words are in lower case, and `split_special_tokens` lets `[PAD]` be read as three.

Source: huggingface/tokenizers, `normalizers/`, `pre_tokenizers/split.rs`; Unicode 15, section 3.13, Final_Sigma.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from minent.classifier.features import LONGEST_TEXT, WORD

PAD_TOKEN, UNKNOWN_TOKEN = "[PAD]", "[UNK]"

# What Python's `str.isspace` calls a space; written out, since `\s` of other engines leaves out the four separators.
SPACES = "\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_CASED = r"[\p{Cased}&&\P{Case_Ignorable}]"  # a few marks are both, and are passed over
_SIGMA = rf"(?<={_CASED}\p{{Case_Ignorable}}*)Σ(?!\p{{Case_Ignorable}}*{_CASED})"


def files(script: str, units: Sequence[str]) -> dict[str, str]:
    """Return the name and content of each file that `AutoTokenizer` reads; `tokenizers` needs the first alone.

    Args:
        script: `"spaced"` or `"unspaced"`.
        units: The words or characters, in the order of their ids from 2 on.
    """
    roles = {"pad_token": PAD_TOKEN, "unk_token": UNKNOWN_TOKEN}
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "split_special_tokens": True,
        "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": LONGEST_TEXT,
        **roles,
    }
    return {
        "tokenizer.json": json.dumps(_tokenizer(script, units), ensure_ascii=False) + "\n",
        "tokenizer_config.json": json.dumps(config, indent=2) + "\n",
    }


def _tokenizer(script: str, units: Sequence[str]) -> dict[str, Any]:
    vocab = {token: id for id, token in enumerate([PAD_TOKEN, UNKNOWN_TOKEN, *units])}
    lowered = [
        _replace(rf"\A[\s\S]{{{LONGEST_TEXT}}}\K[\s\S]+", ""),
        _replace(_SIGMA, "ς"),
        {"type": "Lowercase"},
    ]
    drawn_together = [_replace(f"[{SPACES}]+", " "), {"type": "Strip", "strip_left": True, "strip_right": True}]
    spaced = script == "spaced"
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Sequence", "normalizers": lowered if spaced else lowered + drawn_together},
        "pre_tokenizer": _cut(WORD.pattern.replace(r"\s", SPACES)) if spaced else _cut(r"[\s\S]"),
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": UNKNOWN_TOKEN},
    }


def _replace(pattern: str, content: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": {"Regex": pattern}, "content": content}


def _cut(pattern: str) -> dict[str, Any]:
    """Keep what the pattern finds and drop what is between."""
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Removed", "invert": True}
