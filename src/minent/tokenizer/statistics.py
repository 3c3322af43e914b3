"""What a vocabulary is made of, and how well it fits some texts."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from minent.tokenizer.config import SPECIALS
from minent.tokenizer.model import Tokenizer

_SHOWN = 10
_SCRIPT_OF = {"CJK": "Han", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean", "IDEOGRAPHIC": "Han"}


def of_vocabulary(tokenizer: Tokenizer) -> dict[str, Any]:
    """Describe the pieces.

    Args:
        tokenizer: Any.

    Returns:
        `length`: how many pieces there are of each length in characters (bytes that are no text: `"bytes"`);
        `script`: and of each script, where `"mixed"` stands for several and `"none"` for digits, signs and spaces;
        `holds`: how many hold an inner space, a line end, a digit; `longest`: the longest pieces; `wasteful`: those
        with the most bytes of vocabulary for the fewest uses in training.

    Example:
        >>> from minent.tokenizer import TokenizerConfig, train
        >>> of_vocabulary(train(["so it goes"], TokenizerConfig(vocab_size=259)))["length"]
        {'1': 128, 'bytes': 128}
    """
    texts = [_text(piece) for piece in tokenizer.pieces]
    readable = [text for text in texts if text is not None]
    lengths = Counter(min(len(text), 20) for text in readable)
    scripts = Counter(script_of(text) for text in readable if len(text) > 1)
    multiple = range(256, len(tokenizer.pieces))
    longest = sorted(multiple, key=lambda i: (-len(tokenizer.pieces[i]), i))[:_SHOWN]
    wasteful = sorted(multiple, key=lambda i: (tokenizer.counts[i] / len(tokenizer.pieces[i]), i))[:_SHOWN]
    unread = len(texts) - len(readable)
    return {
        "length": {f"{length}{'+' if length == 20 else ''}": lengths[length] for length in sorted(lengths)}
        | ({"bytes": unread} if unread else {}),
        "script": dict(sorted(scripts.items(), key=lambda entry: (-entry[1], entry[0]))),
        "holds": {
            "an inner space": sum(" " in text.strip() for text in readable),
            "a line end": sum("\n" in text for text in readable if len(text) > 1),
            "a digit": sum(any(map(str.isdecimal, text)) for text in readable if len(text) > 1),
        },
        "longest": [_shown(tokenizer, i) for i in longest],
        "wasteful": [_shown(tokenizer, i) for i in wasteful],
    }


def script_of(text: str) -> str:
    """The script of the letters of a text, by the first word of their Unicode names.

    Args:
        text: Any text.

    Returns:
        A name such as `"Latin"` or `"Han"`; `"none"` without letters, `"mixed"` with letters of several scripts.

    Example:
        >>> script_of("naïve "), script_of("猫が"), script_of("x猫"), script_of("12")
        ('Latin', 'mixed', 'mixed', 'none')
    """
    names = {unicodedata.name(letter, "UNNAMED").split(" ")[0].split("-")[0] for letter in text if letter.isalpha()}
    scripts = {_SCRIPT_OF.get(name, name.capitalize()) for name in names}
    return scripts.pop() if len(scripts) == 1 else "mixed" if scripts else "none"


class Usage:
    """How some texts are written: texts are added, and `facts` tells.

    Example:
        >>> from minent.tokenizer import TokenizerConfig, train
        >>> usage = Usage(train(["so it goes"], TokenizerConfig(vocab_size=259)))
        >>> usage.add(["so", "é"])
        >>> usage.facts()["bytes_per_token"], usage.facts()["characters_of_bytes"]
        (1.0, 1)
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._used = np.zeros(tokenizer.vocab_size, dtype=np.int64)
        self._texts = self._bytes = self._characters = self._broken = 0
        self._starts = np.array(
            [False] * SPECIALS + [len(piece) == 1 and piece[0] >= 0xC0 for piece in tokenizer.pieces]
        )

    def add(self, texts: Iterable[str]) -> None:
        """Write some texts, special tokens in them as text, and count."""
        texts = list(texts)
        ids, _ = self._tokenizer.encode_arrays(texts, disallowed_special=())
        self._used += np.bincount(ids, minlength=len(self._used))
        self._texts += len(texts)
        self._bytes += sum(len(text.encode("utf-8", "surrogateescape")) for text in texts)
        self._characters += sum(map(len, texts))
        self._broken += int(np.count_nonzero(self._starts[ids]))

    def facts(self) -> dict[str, Any]:
        """Texts, bytes, characters, tokens and their ratios; the characters written byte by byte; unused pieces."""
        tokens = int(self._used.sum())
        return {
            "texts": self._texts,
            "bytes": self._bytes,
            "tokens": tokens,
            "bytes_per_token": round(self._bytes / max(tokens, 1), 4),
            "characters_per_token": round(self._characters / max(tokens, 1), 4),
            "characters_of_bytes": self._broken,
            "coverage": round(1 - self._broken / max(self._characters, 1), 6),
            "pieces_used": int(np.count_nonzero(self._used)),
        }


def _text(piece: bytes) -> str | None:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return None


def _shown(tokenizer: Tokenizer, i: int) -> str:
    return f"{tokenizer.pieces[i].decode(errors='backslashreplace')} ({tokenizer.counts[i]})"
