"""Special tokens: an error in user text unless allowed, one id where allowed, and as cheap as nothing where unused."""

from __future__ import annotations

import itertools
import pickle
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minent
from minent.errors import InputError
from minent.tokenizer import Tokenizer, TokenizerConfig, encoding, train
from minent.tokenizer.encoding import Encoding
from minent.tokenizer.text import slabs
from tests.tokenizer.reference import sentences

SPECIALS = ("<s>", "<s>>", "<|é|>", "[MASK]")
PARTS = st.lists(st.sampled_from([*SPECIALS, "a", "<", "s>", ">", "the cat ", "é", "猫\n", "[MASK"]), max_size=9)


@pytest.fixture(scope="module")
def plain() -> Tokenizer:
    return train(sentences(300), TokenizerConfig(vocab_size=300))


@pytest.fixture(scope="module")
def made(plain) -> Tokenizer:
    return plain.with_specials(SPECIALS)


def expected(plain: Tokenizer, made: Tokenizer, text: str, allowed: tuple[str, ...]) -> list[int]:
    """Left to right; where one begins, the longest."""
    ids, begin, i = [], 0, 0
    while i < len(text):
        here = [special for special in allowed if text.startswith(special, i)]
        if here:
            longest = max(here, key=len)
            ids += [*plain.encode(text[begin:i]), made.special_ids[longest]]
            begin = i = i + len(longest)
        else:
            i += 1
    return ids + plain.encode(text[begin:])


@given(parts=PARTS, allowed=st.sets(st.sampled_from(SPECIALS)))
def test_allowed_ones_become_their_ids(plain, made, parts, allowed):
    text, allowed = "".join(parts), tuple(sorted(allowed))
    ids = made.encode(text, allowed_special=set(allowed), disallowed_special=())
    assert ids == expected(plain, made, text, allowed)
    assert made.decode(ids) == text
    assert made.count(text, allowed_special=allowed, disallowed_special=()) == len(ids)
    drawn = made.encode(text, alpha=0.3, seed=1, allowed_special=set(allowed), disallowed_special=())
    assert made.decode(drawn) == text
    assert [id for id in drawn if id >= plain.vocab_size] == [id for id in ids if id >= plain.vocab_size]
    texts = [text, "", "a", text]
    arrays = made.encode_arrays(texts, allowed_special=allowed, disallowed_special=())
    assert arrays[0].dtype == np.int32
    assert arrays[0].tolist() == [*ids, *made.encode("a"), *ids]
    assert np.diff(arrays[1]).tolist() == [len(ids), 0, 1, len(ids)]
    spans = made.offsets(text, allowed_special=allowed, disallowed_special=())
    assert "".join(text[a:b] for a, b in dict.fromkeys(spans)) == text


@given(parts=PARTS)
def test_others_are_an_error_or_text(plain, made, parts):
    text = "".join(parts)
    assert made.encode(text, disallowed_special=()) == plain.encode(text)
    found = re.search(r"<s>|<\|é\|>|\[MASK\]", text)
    if found is None:
        assert made.encode(text) == plain.encode(text)
    else:
        for call in (made.encode, made.count, made.offsets, made.marginals, lambda text: made.cut(text, 3)):
            with pytest.raises(InputError, match=re.escape(f"text[{found.start()}] begins the special token")):
                call(text)
        with pytest.raises(InputError, match=re.escape(f"texts[1][{found.start()}] begins the special token")):
            made.encode_batch(["a", text])
    if "[MASK]" not in text:
        assert made.encode(text, disallowed_special={"[MASK]"}) == plain.encode(text)


@given(texts=st.lists(PARTS.map("".join), max_size=9), allowed=st.sets(st.sampled_from(SPECIALS)))
def test_many_texts_are_taken_in_slabs_by_characters_where_that_pays(plain, made, texts, allowed):
    """As texts without special tokens are: an iterator is not held whole, nor is anything searched by bytes alone."""
    taken, whole = [], Encoding._slab
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "_SLAB", 7)
        patch.setattr(encoding, "_LONG", 1)
        patch.setattr(encoding, "_WIDE", 0.0)
        patch.setattr(encoding, "_WORTH", 0)
        patch.setattr(encoding, "thread_count", lambda: 1)
        patch.setattr(Encoding, "_slab", lambda self, some, *more: (taken.append(some), whole(self, some, *more))[1])
        ids, starts = made.encode_arrays(iter(texts), allowed_special=allowed, disallowed_special=())
    rows = [ids[a:b].tolist() for a, b in itertools.pairwise(starts)]
    assert rows == [expected(plain, made, text, tuple(sorted(allowed))) for text in texts]
    assert ids.dtype == np.int32
    assert starts.dtype == np.int64
    assert len(taken) == len(list(slabs(texts, 7)))


def test_the_text_and_the_place_of_half_a_character_are_named_in_any_slab(made, monkeypatch):
    monkeypatch.setattr(encoding, "_SLAB", 7)
    texts = ["the cat <s>", "sat", "a<s>", "on <s>the \ud800"]
    for threads in (1, 3):
        monkeypatch.setattr(encoding, "thread_count", lambda threads=threads: threads)
        with pytest.raises(InputError, match=re.escape("texts[3][10] is U+D800")):
            made.encode_arrays(texts, allowed_special="all")
        with pytest.raises(InputError, match=re.escape("texts[3][3] begins the special token")):
            made.encode_arrays(["the cat", "sat", "a", "on <s>the"])
        with pytest.raises(InputError, match=re.escape("texts[4] is int")):
            made.encode_arrays([*texts[:3], "a<s>", 7], allowed_special="all")


def test_ids_and_pieces(plain, made, tmp_path):
    first = plain.vocab_size
    assert made.special_ids == {special: first + i for i, special in enumerate(SPECIALS)}
    assert (made.vocab_size, made.specials, made.pieces) == (first + 4, SPECIALS, plain.pieces)
    assert made.id_to_piece(first + 2) == "<|é|>".encode()
    assert made.piece_to_id("<s>>") == first + 1
    assert not set(made.starting_with("<")) & set(made.special_ids.values())
    made.save(tmp_path / "saved")
    for other in (minent.load(tmp_path / "saved"), pickle.loads(pickle.dumps(made))):
        assert (other.specials, other.vocab_size, other.facts) == (SPECIALS, first + 4, made.facts)
        assert other.encode("a<s>>b", allowed_special="all") == made.encode("a<s>>b", allowed_special="all")
    assert made.with_specials(()).vocab_size == first
    assert plain.encode("<s>") == made.encode("<s>", disallowed_special=())


def test_they_are_found_before_normalisation():
    composed = train(sentences(300), TokenizerConfig(vocab_size=300, normalization="nfc")).with_specials(["e\u0301"])
    assert composed.encode("ae\u0301a", allowed_special="all")[1] == composed.vocab_size - 1
    assert composed.encode("é") == composed.encode("e\u0301", disallowed_special=())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.encode("a", allowed_special={"<t>"}), "Did you mean '<s>'?"),
        (lambda t: t.encode("a", disallowed_special={"x"}), "disallowed_special holds 'x'"),
        (lambda t: t.encode("a", allowed_special="<s>"), "it takes 'all' or a set"),
        (lambda t: t.encode("<s>\ud800", allowed_special="all"), "text[3] is U+D800"),
        (lambda t: t.with_specials(()).encode("a", allowed_special={"<s>"}), "this tokenizer has none"),
        (lambda t: t.with_specials("<s>"), "Write [special]"),
        (lambda t: t.with_specials(["a", "b", "a"]), "'a' more than once"),
        (lambda t: t.with_specials([""]), "holds ''"),
        (lambda t: t.with_specials([7]), "holds 7"),
        (lambda t: t.with_specials(["\ud800"]), "no text"),
    ],
)
def test_what_is_wrong_is_named(made, call, message):
    with pytest.raises(InputError) as caught:
        call(made)
    assert message in str(caught.value)
