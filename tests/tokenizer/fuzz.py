"""The fuzz set: byte strings that break tokenizers, vocabularies that make them likely, and a shrinker for the finds.

`MINENT_FUZZ=1000000 pytest tests/tokenizer/test_fuzz.py` runs the long form; without it each test draws 10,000 strings.
"""

from __future__ import annotations

import os
import random
import unicodedata
from collections.abc import Callable, Iterator

import numpy as np

from minent.tokenizer import Tokenizer, TokenizerConfig, train
from tests.tokenizer.reference import sentences

COUNT = int(os.environ.get("MINENT_FUZZ", 10_000))
IS_LONG = "MINENT_FUZZ" in os.environ

SPECIAL_STRINGS = [
    "<pad>",
    "<s>",
    "</s>",
    "<unk>",
    "<bos>",
    "<|endoftext|>",
    "<|s|>",
    "<0x41>",
    "[MASK]",
    "##ing",
    "Ġthe",
]
MARKS = [
    "\u2581", "\u2581\u2581 \u2581", "\0", "\0\0\0", "\ufeff", "\r\n", "\n\r", "\r", "\n", "\n\n\n", " \n\t\n ",
    "\u2028", "\x85", "\u00a0", "\u3000", "\u200b", "\u200d", "\ufffd", "\ufffe", "\x7f", "\u0100", "\u0120", "\u010a",
    "\u0143", "\ue000", "\ue041", "\ue0e7", "\uf8ff", "\U000f0000", "\U0010ffff", "\U0001fae8", "\U0001fadc",
    "\U00011f00",
    "\U0001e4d0", "\U0002ebf0", "\u1c89", "👩\u200d👩\u200d👧", "🏳\ufe0f\u200d🌈", "א\u05b8", "ﬁ", "ß", "İ",
    "  ", "    ",
]  # fmt: skip
COMPOSED = ["é", "Å", "ệ", "가", "각", "ǭ", "क़", "ϓ", "Ω", "豈"]
BROKEN = [
    b"\x80",
    b"\xbf\xbf",
    b"\xc3",
    b"\xe4\xbd",
    b"\xf0\x9f\x91",
    b"\xff",
    b"\xfe\xff",
    b"\xc0\x80",
    b"\xed\xa0\x80",
]
WORDS = [
    "the",
    "a",
    "é",
    "cat",
    "café",
    "naïve",
    "猫",
    "坐在",
    "垫子",
    "上",
    "𝒳",
    "12",
    "345",
    "٣٤",
    "if",
    "else",
    "return",
]
WORDS += ["x=1", "слово", "ひらがな", "हिन्दी"]


def byte_strings(count: int, seed: int, pieces: list[bytes]) -> Iterator[bytes]:
    """So many strings of all kinds, by seed; some are no UTF-8."""
    draw = random.Random(seed)
    kinds: list[Callable[[], bytes]] = [
        lambda: draw.randbytes(draw.randint(0, 12)),
        lambda: bytes(draw.choices(b"ab \n\xc3\xa9\x00", k=draw.randint(1, 24))),
        lambda: b"".join(draw.choices(pieces, k=draw.randint(1, 12))),
        lambda: b"".join(draw.choices(pieces, k=3))[draw.randint(0, 3) : -draw.randint(1, 3)],
        lambda: draw.choice([*MARKS, *WORDS, *SPECIAL_STRINGS]).encode() * draw.choice([1, 2, 3, 7, 40, 300]),
        lambda: _any_character(draw).encode() * draw.choice([1, 2, 9, 65]),
        lambda: "".join(draw.choices([*SPECIAL_STRINGS, *WORDS, " "], k=draw.randint(1, 6))).encode(),
        lambda: " ".join(draw.choices([*WORDS, *MARKS], k=draw.randint(1, 12))).encode(),
        lambda: "".join(_any_character(draw) for _ in range(draw.randint(1, 8))).encode(),
        lambda: unicodedata.normalize(draw.choice(["NFC", "NFD"]), "".join(draw.choices(COMPOSED, k=3))).encode(),
        lambda: b"".join(draw.choices([*BROKEN, b"a", "é".encode(), b"\n"], k=draw.randint(1, 6))),
        lambda: b"".join(draw.choices([b"\r", b"\n", b"\r\n", b"", b" ", b"a"], k=draw.randint(1, 9))),
    ]
    for i in range(count):
        yield kinds[i % len(kinds)]()


def texts(count: int, seed: int, pieces: list[bytes]) -> Iterator[str]:
    """The same as `str` without surrogates; what is no UTF-8 becomes U+FFFD."""
    for data in byte_strings(count, seed, pieces):
        yield data.decode(errors="replace")


def short_byte_strings(length: int) -> Iterator[bytes]:
    """All byte strings of a length."""
    for number in range(256**length):
        yield number.to_bytes(length, "big")


def _any_character(draw: random.Random) -> str:
    top = draw.choice([0x7F, 0x7FF, 0xFFFF, 0x10FFFF])
    code = draw.randint(0, top)
    return chr(code) if not 0xD800 <= code < 0xE000 else "\ud7ff"


def shrink(data: bytes, differs: Callable[[bytes], bool]) -> bytes:
    """The shortest string that a greedy search finds for which `differs` still holds."""
    size = len(data)
    while size:
        for i in range(len(data) - size + 1):
            shorter = data[:i] + data[i + size :]
            if differs(shorter):
                data, size = shorter, min(size, len(shorter))
                break
        else:
            size -= 1 if size <= 8 else size // 2
    return data


# --- vocabularies -----------------------------------------------------------------------------------------------------


def trained(vocab_size: int = 700) -> Tokenizer:
    """A tokenizer as a user makes it."""
    extra = [f"{mark} {word}\n" for mark in MARKS[:20] + SPECIAL_STRINGS for word in WORDS]
    return train(sentences(300) + extra * 2, TokenizerConfig(vocab_size=vocab_size))


def with_specials() -> Tokenizer:
    """A tokenizer with special tokens, some inside others, whose strings are no pieces."""
    specials = [*SPECIAL_STRINGS, "<s", "a cat", "猫猫", "é\n", " "]
    return train(sentences(300), TokenizerConfig(vocab_size=400)).with_specials(specials)


def hostile(seed: int, whole_characters: bool, grain: int = 256) -> Tokenizer:
    """Pieces by chance, of few different scores, so that ties are everywhere; with the names of specials among them."""
    draw = random.Random(seed)
    texts = [*WORDS, *MARKS, *SPECIAL_STRINGS, *COMPOSED]
    found = {"".join(draw.choices(texts, k=draw.randint(1, 3))) for _ in range(300)} | set(SPECIAL_STRINGS)
    found |= {"".join(draw.choices("ab \r\0\u2581é猫", k=draw.randint(1, 6))) for _ in range(300)}
    pieces = {text.encode() for text in found}
    if not whole_characters:
        pieces |= {piece[draw.randint(0, 2) :][: draw.randint(1, 5)] for piece in sorted(pieces)} | set(BROKEN)
    single = [bytes([byte]) for byte in range(256)]
    longer = sorted(pieces - set(single) - {b""})
    scores = [
        -draw.choice([1000, 1700, 2100, 2101, 2500, 3000]) * len(p) ** 0.8 // 1 / grain for p in [*single, *longer]
    ]
    return Tokenizer([*single, *longer], np.ones(256 + len(longer), dtype=np.int64), np.array(scores))
