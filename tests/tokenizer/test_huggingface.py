"""The export for Hugging Face beyond the fuzz set: imported models, offsets, and the folder of `AutoTokenizer`."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tokenizers

from minent.errors import InputError
from minent.tokenizer import Tokenizer
from minent.tokenizer.formats.huggingface import _decimal
from tests.tokenizer import fuzz
from tests.tokenizer.test_fuzz import assert_same_ids

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def made() -> Tokenizer:
    return fuzz.trained()


def exported(tokenizer: Tokenizer, path: Path, **options):
    tokenizer.export(path, "huggingface", **options)
    return tokenizers.Tokenizer.from_file(str(path))


def encoder(theirs):
    return lambda texts: [found.ids for found in theirs.encode_batch_fast(texts, add_special_tokens=False)]


def test_a_model_of_bytepiece_is_refused_and_then_exact_line_by_line(tmp_path):
    small = Tokenizer.from_bytepiece(GOLDEN / "small.model")
    with pytest.raises(InputError, match=r"NFC follows .* give --accept-differences"):
        small.export(tmp_path / "tokenizer.json", "huggingface")
    assert not list(tmp_path.iterdir())
    theirs = exported(small, tmp_path / "tokenizer.json", accept_differences=True)
    known = [text for text in fuzz.texts(fuzz.COUNT, 21, list(small.pieces)) if _is_assigned(text)]
    text = (GOLDEN / "text.txt").read_text(encoding="utf-8")
    lines = [text, text * 3, *(text[i : i + 997] for i in range(0, len(text), 499))]
    assert_same_ids(known + lines, small.encode_batch, encoder(theirs))


def _is_assigned(text: str) -> bool:
    """Whether every Unicode since 3.2 knows all characters, so that NFC is the same for all tables."""
    return all(unicodedata.ucd_3_2_0.category(char) != "Cn" for char in text)


def test_scores_are_read_back_bit_for_bit(tmp_path):
    single = [bytes([byte]) for byte in range(256)]
    longer = [f"a{i}".encode() for i in range(5000)]
    scores = -np.random.default_rng(0).random(256 + len(longer)) * 20
    made = Tokenizer(single + longer, np.ones(len(scores)), scores)
    notes = made.export(tmp_path / "tokenizer.json", "huggingface", accept_differences=True)
    read = json.loads(tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json")).to_str())["model"]["vocab"]
    off = sum(found != score for (_, found), score in zip(read[3:], scores.tolist()))
    assert off == sum(_decimal(score) is None for score in scores.tolist()) < 0.005 * len(scores)
    assert [note.partition(" ")[0] for note in notes] == ([str(off)] if off else [])


def test_offsets_are_ours(made, tmp_path):
    theirs = exported(made, tmp_path / "tokenizer.json")
    for text in ["the café\n", "猫坐在 𝒳", " a  b\n\n", "<s>"]:
        assert theirs.encode(text).offsets == made.offsets(text)


def test_names_of_specials_give_way_to_pieces(tmp_path):
    held = fuzz.hostile(1, whole_characters=True)
    theirs = exported(held, tmp_path / "tokenizer.json")
    assert {b"<s>", b"<|s|>"} <= set(held.pieces)
    assert [theirs.id_to_token(id) for id in range(3)] == ["<|pad|>", "<||s||>", "<|/s|>"]
    assert [theirs.token_to_id(name) for name in ("<|pad|>", "<||s||>", "<|/s|>")] == [0, 1, 2]
    assert theirs.encode("<|pad|><||s||><|/s|>").ids == held.encode("<|pad|><||s||><|/s|>")


def test_the_folder_is_loaded_by_auto_tokenizer(made, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import transformers

    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"model_type": "bert"}')  # of the user, and it stays
    made.export(tmp_path / "model", "huggingface")
    assert len(list((tmp_path / "model").iterdir())) == 4
    theirs = transformers.AutoTokenizer.from_pretrained(str(tmp_path / "model"))
    roles = (theirs.pad_token_id, theirs.bos_token_id, theirs.eos_token_id)
    assert roles == (made.pad_id, made.bos_id, made.eos_id)
    assert len(theirs) == theirs.vocab_size == made.vocab_size

    def encode(texts: list[str]) -> list[list[int]]:
        return theirs(texts, add_special_tokens=False)["input_ids"] if texts else []

    texts = [*fuzz.texts(fuzz.COUNT // 2, 22, list(made.pieces)), *fuzz.SPECIAL_STRINGS]
    assert_same_ids(texts, made.encode_batch, encode)
    some = texts[::20]
    assert [theirs.decode(ids) for ids in made.encode_batch(some)] == some
    assert theirs.decode([1, 100, 2, 0], skip_special_tokens=True) == made.decode([1, 100, 2, 0]) == "a"
    padded = theirs(["the cat", "a"], padding=True)
    assert padded["input_ids"][1] == [100] + [0] * (made.count("the cat") - 1)
    theirs.save_pretrained(tmp_path / "again")
    again = transformers.AutoTokenizer.from_pretrained(str(tmp_path / "again"))
    assert again(some, add_special_tokens=False)["input_ids"] == made.encode_batch(some)


def test_special_tokens_in_the_folder(tmp_path):
    import transformers

    made = fuzz.with_specials()
    made.export(tmp_path / "model", "huggingface")
    theirs = transformers.AutoTokenizer.from_pretrained(str(tmp_path / "model"))
    assert len(theirs) == made.vocab_size
    assert (theirs.pad_token, theirs.bos_token) == ("<|pad|>", "<||s||>")  # the plain names are special tokens here
    assert {name: theirs.convert_tokens_to_ids(name) for name in made.specials} == made.special_ids
    texts = [*fuzz.texts(3000, 23, list(made.pieces)), "<s>a cat<|s|>", "<|pad|><||s||>"]
    expected = made.encode_batch(texts, allowed_special="all")
    assert theirs(texts, add_special_tokens=False)["input_ids"] == expected
    assert theirs.decode(expected[-2]) == "<s>a cat<|s|>"


def test_a_special_token_that_is_a_piece_is_refused(tmp_path):
    made = fuzz.hostile(1, whole_characters=True).with_specials(["<mask>", "<unk>"])
    with pytest.raises(InputError, match="special tokens '<unk>' are written as pieces are there"):
        made.export(tmp_path / "tokenizer.json", "huggingface")
    theirs = exported(made, tmp_path / "tokenizer.json", accept_differences=True)
    assert theirs.encode("<mask>").ids == [made.special_ids["<mask>"]]
    assert theirs.encode("<unk>").ids == [made.piece_to_id("<unk>")]
