"""A tokenizer gives back any text, says where its pieces lie, and is the same after saving."""

from __future__ import annotations

import pickle
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minent
from minent.errors import ChangedFileError, MinentError, WrongKindError
from minent.tokenizer import Tokenizer, TokenizerConfig, train
from tests.tokenizer.reference import sentences

LINES = sentences(300)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
PARTS = st.lists(
    st.sampled_from([*LINES[:4], "\r\n", "\0", "\ufeff", "e\u0301", "👩‍👩‍👧", "\u2028", "\n\n\n"]), max_size=6
)
TEXT = ANY_TEXT | PARTS.map("".join)


@pytest.fixture(scope="module")
def made() -> Tokenizer:
    return train(LINES, TokenizerConfig(vocab_size=300))


@pytest.fixture(scope="module")
def composed() -> Tokenizer:
    return train(LINES, TokenizerConfig(vocab_size=300, normalization="nfc"))


@pytest.fixture(scope="module")
def of_bytes() -> Tokenizer:
    learnt = train(LINES, TokenizerConfig(vocab_size=300, ensure_unicode=False, min_count=1, faithful=True))
    return Tokenizer(learnt.pieces, learnt.counts, learnt.scores)  # as they are, without NFC


@given(text=TEXT)
def test_any_text_comes_back(made, composed, of_bytes, text):
    assert made.decode(made.encode(text)) == text
    assert made.decode(made.encode(text, alpha=0.3, seed=1, add_bos=True, add_eos=True)) == text
    assert of_bytes.decode(of_bytes.encode(text)) == text
    assert composed.decode(composed.encode(text)) == unicodedata.normalize("NFC", text)
    assert b"".join(made.tokenize(text)) == text.encode()
    assert made.count(text) == len(made.encode(text))


@given(text=TEXT)
def test_offsets_are_where_the_pieces_lie(made, of_bytes, text):
    for tokenizer in (made, of_bytes):
        reached = 0
        for piece, (begin, end) in zip(tokenizer.tokenize(text), tokenizer.offsets(text), strict=True):
            before = len(text[:begin].encode())
            assert before <= reached  # the span begins at the last character that begins here or before
            assert reached < before + len(text[begin].encode())
            reached += len(piece)
            assert len(text[: end - 1].encode()) < reached <= len(text[:end].encode())
        assert reached == len(text.encode())


@given(texts=st.lists(TEXT, max_size=5))
def test_many_texts_are_encoded_as_one_by_one(made, texts):
    expected = [made.encode(text) for text in texts]
    ids, starts = made.encode_arrays(texts)
    assert (ids.dtype, starts.dtype) == (np.int32, np.int64)
    assert [ids[a:b].tolist() for a, b in pairwise(starts)] == expected
    assert made.encode_batch(texts) == expected


def test_threads_change_nothing(made, monkeypatch):
    texts = ["".join(LINES[i % 40 :]) for i in range(100)] + [""] * 3
    monkeypatch.setenv("MINENT_THREADS", "1")
    alone = made.encode_arrays(texts)
    monkeypatch.setenv("MINENT_THREADS", "5")
    together = made.encode_arrays(texts)
    assert all(np.array_equal(one, other) for one, other in zip(alone, together))
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda _: made.encode(LINES[0] * 50, alpha=0.2, seed=3), range(8)))
    assert all(ids == drawn[0] for ids in drawn)


def test_draws_differ_by_seed(made):
    drawn = {tuple(made.encode(LINES[0], alpha=0.0, seed=seed)) for seed in range(20)}
    assert len(drawn) > 10
    assert made.encode(LINES[0], alpha=1e4, seed=0) == made.encode(LINES[0])


@given(data=st.binary(max_size=40))
def test_broken_bytes_come_back_as_they_were(made, data):
    text = data.decode("utf-8", "surrogateescape")
    assert made.decode_bytes(made.encode(text)) == data


def test_special_ids(made):
    assert made.encode("a", add_bos=True, add_eos=True) == [made.bos_id, 100, made.eos_id]
    assert made.decode([0, 1, 100, 2, 0]) == "a"
    assert [made.id_to_piece(id) for id in (0, 1, 2, 3, 100, 258)] == [b"", b"", b"", b"\0", b"a", b"\xff"]
    assert all(made.piece_to_id(made.id_to_piece(id)) == id for id in range(3, made.vocab_size))
    text = made.pieces[-1].decode()
    assert made.piece_to_id(text) == made.piece_to_id(text.encode()) == made.vocab_size - 1


def test_ids_cut_inside_a_character(made):
    ids = made.encode("𝒴")
    assert len(ids) == 4
    assert made.decode(ids[:2]) == "\ufffd"
    assert made.decode_bytes(np.array(ids[:2])) == "𝒴".encode()[:2]


def test_saved_and_loaded_it_is_the_same(made, composed, tmp_path):
    for tokenizer in (made, composed, Tokenizer(made.pieces, made.counts, made.scores)):
        tokenizer.save(tmp_path / "saved", overwrite=True)
        loaded = minent.load(tmp_path / "saved")
        assert type(loaded) is Tokenizer
        assert vars(loaded).keys() == vars(tokenizer).keys() - {"_automaton", "_characters", "_read"}  # made on the way
        assert (loaded.pieces, loaded.config, loaded.facts) == (tokenizer.pieces, tokenizer.config, tokenizer.facts)
        assert np.array_equal(loaded.scores, tokenizer.scores)
        assert np.array_equal(loaded.counts, tokenizer.counts)
        assert loaded.encode("le cafe\u0301 猫") == tokenizer.encode("le cafe\u0301 猫")
    lines = (tmp_path / "saved" / "pieces.tsv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == made.vocab_size - 2


def test_a_changed_or_foreign_folder_is_refused(made, tmp_path):
    made.save(tmp_path / "saved")
    with (tmp_path / "saved" / "pieces.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ChangedFileError):
        Tokenizer.load(tmp_path / "saved")
    with minent.artifacts.writing(tmp_path / "other", kind="vectors", format=1):
        pass
    with pytest.raises(WrongKindError):
        Tokenizer.load(tmp_path / "other")


def test_it_cannot_be_changed_and_can_be_sent(made):
    with pytest.raises(ValueError, match="read-only"):
        made.scores[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        made.counts[0] = 0
    with pytest.raises(AttributeError, match="'pieces' is set when it is made"):
        made.pieces = ()
    with pytest.raises(AttributeError, match="'counts' stays"):
        del made.counts
    sent = pickle.loads(pickle.dumps(made))
    assert sent.encode("the cat") == made.encode("the cat")
    assert vars(sent).keys() == vars(made).keys()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.encode(3), "text is int"),
        (lambda t: t.encode(b"a"), "text is bytes"),
        (lambda t: t.encode("ab\udfff"), "text[2] is U+DFFF"),
        (lambda t: t.encode_batch(["a", "\ud800"]), "texts[1][0] is U+D800"),
        (lambda t: t.encode_arrays("abc"), "Write [text]"),
        (lambda t: t.encode("a", seed=1), "alpha is not"),
        (lambda t: t.encode("a", alpha=0.5), "alpha draws a segmentation"),
        (lambda t: t.encode("a", alpha=0.5, seed=-1), "seed is -1"),
        (lambda t: t.encode("a", alpha=-1.0, seed=0), "alpha is -1.0"),
        (lambda t: t.encode("a", alpha=float("nan"), seed=0), "alpha is nan"),
        (lambda t: t.encode("a", alpha=float("inf"), seed=0), "alpha is inf"),
        (lambda t: t.marginals("a", alpha=1e306), "alpha is 1e+306"),
        (lambda t: t.encode_batch(5), "texts is int"),
        (lambda t: train(5, TokenizerConfig(vocab_size=300)), "texts is int"),
        (lambda t: train(None, TokenizerConfig(vocab_size=300, faithful=True)), "texts is NoneType"),
        (lambda t: t.decode([3, 99_999]), "ids[1] is 99999, but vocab_size is"),
        (lambda t: t.decode(np.array([[3]] * 2_000)), "no row of whole numbers"),
        (lambda t: t.decode(np.array([3.0] * 2_000)), "no row of whole numbers"),
        (lambda t: t.decode([3] * 2_000 + [2**40, -7]), f"ids[2000] is {2**40}, but"),
        (lambda t: t.decode([3] * 2_000 + [t.vocab_size]), "(1 of 2001 ids are outside)"),
        (lambda t: t.decode(np.array([3] * 2_000 + [-1])), "ids[2000] is -1, but"),
        (lambda t: t.decode(np.array([3] * 2_000 + [-1], dtype=np.int32)), "ids[2000] is -1, but"),
        (lambda t: t.decode([-1]), "ids[0] is -1, but vocab_size is"),
        (lambda t: t.decode(["a"]), "no row of whole numbers"),
        (lambda t: t.decode([1.5, 3]), "no row of whole numbers"),
        (lambda t: t.decode(7), "no row of whole numbers"),
        (lambda t: t.id_to_piece(10_000), "10000"),
        (lambda t: t.piece_to_id("no such piece"), "'no such piece' is none of"),
        (lambda t: t.export("x", "hugginface"), "Did you mean 'huggingface'?"),
        (lambda t: t.to_bytepiece("no/such/folder/x", accept_differences=True), "cannot be written"),
        (lambda t: t.export("no/such/folder/x", "huggingface"), "cannot be written"),
        (lambda t: t.export("no/such/folder/x", "sentencepiece"), "cannot be written"),
        (lambda t: Tokenizer([b"a"], np.ones(1), np.zeros(1)), "256 single bytes"),
        (lambda t: Tokenizer([*t.pieces, b"a"], t.counts, t.scores), "1 empty or repeated"),
        (lambda t: Tokenizer(t.pieces, t.counts, t.scores[1:]), "one of each"),
        (lambda t: Tokenizer(t.pieces, t.counts, t.scores - np.inf), "not finite"),
    ],
)
def test_bad_input_is_named(made, call, message):
    with pytest.raises(MinentError) as caught:
        call(made)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
