"""What the smaller verbs promise: cut, padding, healing, and that every documented parameter is one."""

from __future__ import annotations

import inspect
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minent.errors import InputError
from minent.tokenizer import Tokenizer, TokenizerConfig, train
from minent.tokenizer.decoding import Decoding
from minent.tokenizer.encoding import Encoding
from minent.tokenizer.streaming import DecodingStream, EncodingStream
from tests.test_architecture import documented_names, parameters_of
from tests.tokenizer.reference import sentences

LINES = sentences(300)
PARTS = st.sampled_from([*LINES[:6], "é", "猫", "a", "\n", "\udcff", "\udca9", "aaaa"])
TEXT = st.lists(PARTS, max_size=8).map("".join)


@pytest.fixture(scope="module")
def tokenizers() -> list[Tokenizer]:
    small = Path(__file__).parent / "golden" / "small.model"
    return [train(LINES, TokenizerConfig(vocab_size=300)), Tokenizer.from_bytepiece(small)]


@given(text=TEXT, most=st.integers(0, 12))
def test_cut_is_the_longest_beginning_that_is_short_enough(tokenizers, text, most):
    for tokenizer in tokenizers:
        short = [text[:end] for end in range(len(text) + 1) if len(tokenizer.encode(text[:end])) <= most]
        assert tokenizer.cut(text, most) == max(short, key=len)


@given(texts=st.lists(TEXT, max_size=4), length=st.integers(0, 9), bos=st.booleans(), eos=st.booleans())
@pytest.mark.parametrize("side", ["left", "right"])
def test_padded_rows_are_the_ids_and_padding(tokenizers, texts, length, bos, eos, side):
    tokenizer, marks = tokenizers[0], bos + eos
    for asked in (None, length + marks):
        ids, mask = tokenizer.encode_padded(texts, asked, add_bos=bos, add_eos=eos, side=side)
        rows = [tokenizer.encode(text) for text in texts]
        width = max(map(len, rows), default=0) + marks if asked is None else asked
        assert (ids.shape, ids.dtype, mask.shape, mask.dtype) == ((len(texts), width), np.int32, ids.shape, bool)
        for row, found, real in zip(rows, ids.tolist(), mask.tolist()):
            kept = [1] * bos + row[: width - marks] + [2] * eos
            space = [0] * (width - len(kept))
            assert found == (space + kept if side == "left" else kept + space)
            flags = [False] * len(space), [True] * len(kept)
            assert real == (flags[0] + flags[1] if side == "left" else flags[1] + flags[0])


@given(text=TEXT, tokens=st.integers(0, 3))
def test_healing_gives_up_the_last_ids(tokenizers, text, tokens):
    for tokenizer in tokenizers:
        kept, rest = tokenizer.heal(text, tokens)
        ids = tokenizer.encode(text)
        assert kept == ids[: max(len(ids) - tokens, 0)]
        assert tokenizer.decode_bytes(kept) + rest == tokenizer.decode_bytes(ids)
        expected = [id for id in range(3, tokenizer.vocab_size) if tokenizer.id_to_piece(id).startswith(rest)]
        assert tokenizer.starting_with(rest) == expected


@given(text=TEXT)
def test_byte_offsets_are_those_of_the_pieces(tokenizers, text):
    ends = np.cumsum([0, *map(len, tokenizers[0].tokenize(text))]).tolist()
    assert tokenizers[0].offsets(text, "bytes") == list(pairwise(ends))


@given(text=TEXT)
def test_character_offsets_are_those_of_the_text(tokenizers, text):
    """A broken byte, kept as a surrogate escape, is a character of the text too."""
    sizes = [len(character.encode("utf-8", "surrogateescape")) for character in text]
    owner = np.repeat(np.arange(len(text)), sizes).tolist()
    expected = [(owner[begin], owner[end - 1] + 1) for begin, end in tokenizers[0].offsets(text, "bytes")]
    assert tokenizers[0].offsets(text) == expected


def test_sizes_may_be_numpy_numbers(tokenizers):
    assert tokenizers[0].cut("a" * 9, np.int64(2**62)) == "a" * 9
    assert tokenizers[0].encode_padded(["a"], np.int64(3))[0].tolist() == [[100, 0, 0]]


def test_long_rows_of_ids_are_decoded_as_short_ones(tokenizers):
    tokenizer, text = tokenizers[0], "".join(LINES)
    ids = tokenizer.encode(text)
    tokenizer.encode(text * 9)  # the kernels are at hand
    assert len(ids) > 1024
    for dtype in (np.int32, np.int64, np.uint16):
        assert tokenizer.decode(np.array(ids, dtype=dtype)) == text
    assert tokenizer.decode(ids) == tokenizer.decode(iter(ids)) == tokenizer.decode(tuple(ids)) == text
    assert tokenizer.decode([0, *ids, 2]) == text


@pytest.mark.parametrize("room", [Encoding, Decoding, EncodingStream, DecodingStream])
def test_documented_parameters_are_those_of_the_verbs(room):
    for name, verb in vars(room).items():
        if inspect.isfunction(verb) and not name.startswith("_"):
            documented = documented_names(inspect.getdoc(verb) or "")
            assert (documented or []) == parameters_of(verb), name


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.cut("a", -1), "max_tokens is -1"),
        (lambda t: t.cut("a", 1.0), "max_tokens is 1.0"),
        (lambda t: t.heal("a", -1), "tokens is -1"),
        (lambda t: t.starting_with(3), "prefix is int"),
        (lambda t: t.offsets("a", "words"), "unit is 'words'"),
        (lambda t: t.encode_padded(["a"], 1, add_bos=True, add_eos=True), "whole number, 2 or more, or None"),
        (lambda t: t.encode_padded(["a"], True), "length is True"),
        (lambda t: t.encode_padded(["a"], side="top"), "side is 'top'"),
        (lambda t: t.encode_padded("a"), "Write [text]"),
    ],
)
def test_bad_input_is_named(tokenizers, call, message):
    with pytest.raises(InputError) as caught:
        call(tokenizers[0])
    assert message in str(caught.value)
