"""Exports give the ids of the tokenizer on the fuzz set, and a saved tokenizer those of the one that was saved.

A failure shows the shortest string that differs. `fuzz.py` says how to run the long form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice

import pytest

from minent.tokenizer import Tokenizer
from tests.tokenizer import fuzz

Encode = Callable[[list[str]], list[list[int]]]

VOCABULARIES = {
    "trained": fuzz.trained,
    "hostile": lambda: fuzz.hostile(1, whole_characters=True),
    "cut characters": lambda: fuzz.hostile(2, whole_characters=False),
    "ties": lambda: fuzz.hostile(3, whole_characters=True, grain=1),
    "special tokens": fuzz.with_specials,
}


@pytest.fixture(scope="module", params=VOCABULARIES)
def made(request) -> Tokenizer:
    return VOCABULARIES[request.param]()


def all_special(made: Tokenizer) -> Encode:
    """Special tokens are read in text, as Hugging Face reads them."""
    return lambda texts: made.encode_batch(texts, allowed_special="all")


def none_special(made: Tokenizer) -> Encode:
    """Special tokens are text like any other, as SentencePiece takes them."""
    return lambda texts: made.encode_batch(texts, disallowed_special=())


def as_text(strings: Iterable[bytes]) -> Iterator[str]:
    """Any bytes as the `str` that encodes to them."""
    return (data.decode(errors="surrogateescape") for data in strings)


def assert_same_ids(texts: Iterable[str], ours: Encode, theirs: Encode) -> int:
    """Compare in batches; show the first text that differs, made as short as it can be. Returns how many were equal."""
    walk, compared = iter(texts), 0
    while batch := list(islice(walk, 5000)):
        for text, expected, found in zip(batch, ours(batch), theirs(batch), strict=True):
            if expected != found:
                errors = (
                    "surrogateescape" if text.encode(errors="replace") != text.encode(errors="ignore") else "ignore"
                )
                shown = [_shrunk(text, ours, theirs, errors)]
                pytest.fail(f"{shown[0]!r}: ours {ours(shown)[0]}, theirs {theirs(shown)[0]} (from {text[:200]!r})")
        compared += len(batch)
    return compared


def _shrunk(text: str, ours: Encode, theirs: Encode, errors: str) -> str:
    def differs(data: bytes) -> bool:
        shown = [data.decode(errors=errors)]
        return ours(shown) != theirs(shown)

    return fuzz.shrink(text.encode(errors="surrogateescape"), differs).decode(errors=errors)


@pytest.mark.parametrize("seed", [11])
def test_huggingface_gives_our_ids_for_every_text(made, seed, tmp_path):
    import tokenizers

    notes = made.export(tmp_path / "tokenizer.json", "huggingface")
    assert [note.partition(" are ")[0] for note in notes] == (
        ["special tokens", "special tokens 'Ġthe'"] if made.specials else []
    )
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))

    def encode(texts: list[str]) -> list[list[int]]:
        return [found.ids for found in theirs.encode_batch_fast(texts, add_special_tokens=False)]

    texts = [
        *fuzz.texts(fuzz.COUNT, seed, list(made.pieces)),
        *fuzz.SPECIAL_STRINGS,
        *map(chr, range(0x3000)),
        "",
        "a\n" * 9000,
    ]
    assert assert_same_ids(texts, all_special(made), encode) > fuzz.COUNT
    some = [text for text in texts[:: max(1, len(texts) // 5000)] if not (made.specials and "Ġthe" in text)]
    assert theirs.decode_batch(encode(some)) == some


@pytest.mark.parametrize("seed", [12])
def test_sentencepiece_gives_our_ids_for_any_bytes(made, seed, tmp_path):
    import sentencepiece

    made.export(tmp_path / "pieces.model", "sentencepiece")
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "pieces.model"))

    def encode(texts: list[str]) -> list[list[int]]:
        return [theirs.encode(text.encode(errors="surrogateescape")) for text in texts]

    strings = chain(*map(fuzz.short_byte_strings, (1, 2)), fuzz.byte_strings(fuzz.COUNT, seed, list(made.pieces)))
    assert assert_same_ids(as_text(strings), none_special(made), encode) > fuzz.COUNT
    for text in fuzz.texts(3000, seed, list(made.pieces)):
        assert theirs.decode(encode([text])[0]) == text.replace("\0", "")


def test_saved_and_loaded_it_gives_the_same_ids_and_the_text_back(made, tmp_path):
    made.save(tmp_path / "saved")
    loaded = Tokenizer.load(tmp_path / "saved")
    texts = [*as_text(fuzz.byte_strings(fuzz.COUNT, 13, list(made.pieces)))]
    assert assert_same_ids(texts, none_special(made), none_special(loaded)) == fuzz.COUNT
    assert assert_same_ids(texts, all_special(made), all_special(loaded)) == fuzz.COUNT
    for text, ids in zip(texts, all_special(loaded)(texts)):
        assert loaded.decode_bytes(ids) == text.encode(errors="surrogateescape")
