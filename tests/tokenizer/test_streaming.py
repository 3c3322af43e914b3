"""What comes in parts gives what comes at once: ids from text, text from ids, and little is held back."""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minent import samples
from minent.errors import InputError
from minent.tokenizer import Tokenizer, TokenizerConfig, kernels, streaming, train
from tests.tokenizer.reference import sentences

LINES = sentences(300)
PARTS = st.lists(
    st.sampled_from([*LINES[:6], "a" * 40, "\n", "\r\n", "é", "e", "\u0301", "\u0323", "가", "\u1100", "\u1161", "猫"])
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    max_size=8,
)
WAYS = st.lists(st.integers(1, 4), max_size=40)


@pytest.fixture(scope="module")
def tokenizers() -> dict[str, Tokenizer]:
    return {
        "whole costs": train(LINES, TokenizerConfig(vocab_size=300)),
        "composed": train(LINES, TokenizerConfig(vocab_size=300, normalization="nfc")),
        "by lines": Tokenizer.from_bytepiece(Path(__file__).parent / "golden" / "small.model"),
    }


@given(parts=PARTS)
def test_text_in_parts_gives_the_ids_of_the_whole(tokenizers, parts):
    for tokenizer in tokenizers.values():
        stream, ids, text = tokenizer.stream(), [], ""
        for part in parts:
            ids += stream.feed(part)
            text += part
            assert ids + stream.pending() == tokenizer.encode(text)
        assert ids + stream.finish() == tokenizer.encode(text)
        assert stream.finish() == []
        assert stream.feed("ab") + stream.finish() == tokenizer.encode("ab")  # ready for another text


@pytest.mark.parametrize("name", ["whole costs", "composed", "by lines"])
def test_common_text_is_not_held_back(tokenizers, name):
    tokenizer, text = tokenizers[name], "".join(LINES)
    stream, done, most = tokenizer.stream(), 0, 0
    for begin in range(0, len(text), 7):
        done += len(tokenizer.decode_bytes(stream.feed(text[begin : begin + 7])))
        most = max(most, len(unicodedata.normalize("NFC", text[: begin + 7]).encode()) - done)
    assert most < 5 * tokenizer._automaton.reach


def test_a_long_text_of_a_learnt_tokenizer_streams_in_little_room():
    texts = samples.load("subjectivity").unlabeled
    tokenizer = train(texts[:1000], TokenizerConfig(vocab_size=2000))
    text = "\n".join(texts[1000:3000])
    stream, ids, held = tokenizer.stream(), [], 0
    for begin in range(0, len(text), 5000):
        ids += stream.feed(text[begin : begin + 5000])
        held = max(held, len(stream._open.ways()))
    assert ids + stream.finish() == tokenizer.encode(text)
    assert held < 200


def test_an_open_tie_is_moved_as_often_as_it_doubles(monkeypatch):
    """Pieces of two and of three `a`: until the end of a run is known, nothing of it is, and yet no byte is slow."""
    pieces = [*(bytes([byte]) for byte in range(256)), b"aa", b"aaa"]
    tied = Tokenizer(pieces, np.ones(258, dtype=np.int64), np.array([-9.0] * 256 + [-3.0] * 2))
    moved, move = [], streaming._OpenWays._move
    monkeypatch.setattr(streaming._OpenWays, "_move", lambda self, room: moved.append(room) or move(self, room))
    stream, most = tied.stream(), 3000
    assert [ids for _ in range(most) if (ids := stream.feed("a"))] == []
    assert stream.pending() == tied.encode("a" * most)
    assert stream.feed("b") + stream.finish() == tied.encode("a" * most + "b")
    assert len(moved) < 14
    assert sum(moved) < 4 * 2 * most


@given(WAYS, st.lists(st.integers(0, 9), max_size=12))
def test_the_tree_of_open_ways_tells_what_following_all_of_them_tells(lengths, parts):
    ways = np.array([2047 - min(length, i + 1) << 21 for i, length in enumerate(lengths)], dtype=np.uint32)
    children, tree = np.zeros((2, len(ways) + 1), dtype=np.uint16)
    shared = end = 0
    for part in [*parts, len(ways)]:
        begin, end = end, min(end + part, len(ways))
        wanted = kernels.ancestor(ways, shared, end, 4)
        shared = kernels.follow(ways, begin, end, shared, 4, children, tree)
        assert shared == max(wanted, 0)


@pytest.mark.parametrize("text", ["ひらがなのながいぶん", "русский язык", "العربية لغة", "한국어를 쓴다", "ไทยภาษาไทย"])
def test_of_composed_text_only_the_last_character_and_its_marks_are_held(tokenizers, text):
    stream, ids, most = tokenizers["composed"].stream(), [], 0
    for character in unicodedata.normalize("NFD", text * 3):
        ids += stream.feed(character)
        most = max(most, len("".join(stream._held)))
    assert ids + stream.finish() == tokenizers["composed"].encode(text * 3)
    assert most <= 4


def test_no_boundary_stands_inside_what_nfc_joins():
    for code in range(sys.maxunicode + 1):
        parts = unicodedata.normalize("NFD", chr(code))
        assert all(streaming._last_boundary(part) is None for part in parts[1:])


@given(parts=PARTS, size=st.integers(1, 5), broken=st.lists(st.integers(0, 258), max_size=12))
def test_ids_in_parts_give_the_text_of_the_whole(tokenizers, parts, size, broken):
    tokenizer = tokenizers["whole costs"]
    for ids in (tokenizer.encode("".join(parts)), broken):
        stream = tokenizer.decoding_stream()
        text = "".join(stream.feed(ids[i : i + size]) for i in range(0, len(ids), size))
        assert text + stream.finish() == tokenizer.decode(ids)
        assert stream.feed([100]) + stream.finish() == "a"


def test_no_part_of_a_character_is_returned(tokenizers):
    tokenizer = tokenizers["whole costs"]
    stream = tokenizer.decoding_stream()
    assert [stream.feed([byte + 3]) for byte in "𝒳é".encode()] == ["", "", "", "𝒳", "", "é"]


def test_bad_parts_are_named_and_not_taken(tokenizers):
    stream = tokenizers["whole costs"].stream()
    stream.feed("a")
    with pytest.raises(InputError, match=r"text\[1\] is U\+D800"):
        stream.feed("b\ud800")
    with pytest.raises(InputError, match="text is bytes"):
        stream.feed(b"b")
    assert stream.finish() == [100]
    decoding = tokenizers["whole costs"].decoding_stream()
    with pytest.raises(InputError, match=r"ids\[1\] is 99999"):
        decoding.feed([198, 99_999])
    with pytest.raises(InputError, match=r"Write \[5\]"):
        decoding.feed(5)
    assert decoding.feed([100]) + decoding.finish() == "a"
