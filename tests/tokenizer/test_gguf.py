"""The GGUF vocabulary: read back by `gguf`, and, where llama-cpp-python is installed, used by llama.cpp itself."""

from __future__ import annotations

import ctypes
import re

import numpy as np
import pytest

from minent.errors import InputError
from minent.tokenizer import Tokenizer
from minent.tokenizer.formats.gguf import LIKE_CONTROL
from minent.tokenizer.formats.spelling import alphabet, readable
from tests.tokenizer import fuzz
from tests.tokenizer.test_fuzz import as_text, assert_same_ids

VOCABULARIES = {
    "trained": fuzz.trained,
    "hostile": lambda: fuzz.hostile(1, whole_characters=True),
    "cut characters": lambda: fuzz.hostile(2, whole_characters=False),
    "special tokens": fuzz.with_specials,
}


@pytest.fixture(scope="module", params=VOCABULARIES)
def made(request) -> Tokenizer:
    return VOCABULARIES[request.param]()


def test_the_keys_are_read_back(made, tmp_path):
    import gguf

    made.export(tmp_path / "vocab.gguf", "gguf", accept_differences=True)
    reader = gguf.GGUFReader(tmp_path / "vocab.gguf")
    values = {key: field.contents() for key, field in reader.fields.items()}
    assert not reader.tensors
    assert values["general.architecture"] == values["tokenizer.ggml.model"] == "t5"
    tokens, kinds = values["tokenizer.ggml.tokens"], np.array(values["tokenizer.ggml.token_type"])
    assert len(tokens) == len(set(tokens)) == len(kinds) == made.vocab_size
    assert values["tokenizer.ggml.scores"] == [0.0, 0.0, 0.0, *made.scores.tolist(), *[0.0] * len(made.specials)]
    assert kinds[:4].tolist() == [gguf.TokenType.CONTROL] * 3 + [gguf.TokenType.UNKNOWN]
    first_special = 3 + len(made.pieces)
    assert (kinds[4:first_special] == gguf.TokenType.NORMAL).all()
    assert (kinds[first_special:] == gguf.TokenType.CONTROL).all()
    assert tokens[made.piece_to_id("a")] == "a"
    roles = ("padding", "bos", "eos", "unknown")
    assert [values[f"tokenizer.ggml.{role}_token_id"] for role in roles] == [0, 1, 2, 3]
    flags = ("add_bos_token", "add_eos_token", "add_space_prefix", "remove_extra_whitespaces")
    assert not any(values[f"tokenizer.ggml.{flag}"] for flag in flags)
    assert len(values["tokenizer.ggml.precompiled_charsmap"]) > 1024


def test_pieces_with_nul_are_refused_unless_accepted(tmp_path):
    held = fuzz.hostile(1, whole_characters=True)
    with pytest.raises(InputError, match="pieces hold a NUL"):
        held.export(tmp_path / "vocab.gguf", "gguf")
    assert not (tmp_path / "vocab.gguf").exists()
    assert "pieces hold a NUL" in held.export(tmp_path / "vocab.gguf", "gguf", accept_differences=True)[0]
    plain = Tokenizer(held.pieces[:256], held.counts[:256], held.scores[:256])
    assert "a row of NULs" in plain.export(tmp_path / "vocab.gguf", "gguf")[0]


@pytest.mark.filterwarnings("ignore::DeprecationWarning:llama_cpp.*")  # the binding warns about itself
def test_llama_cpp_gives_our_ids_for_text_without_rows_of_nul(made, tmp_path):
    llama_cpp = pytest.importorskip("llama_cpp", reason="llama-cpp-python compiles llama.cpp, so it is no dependency")
    made.export(tmp_path / "vocab.gguf", "gguf", accept_differences=True)
    theirs = llama_cpp.Llama(str(tmp_path / "vocab.gguf"), vocab_only=True, verbose=False)

    def encode(texts: list[str]) -> list[list[int]]:
        return [theirs.tokenize(text.encode(errors="surrogateescape"), add_bos=False) for text in texts]

    usable = [not (b"\0" in piece and len(piece) > 1) for piece in made.pieces]
    expected = Tokenizer(
        [piece for piece, use in zip(made.pieces, usable) if use], made.counts[usable], made.scores[usable]
    )
    number = np.append([0, 1, 2], np.flatnonzero(usable) + 3)

    def ours(texts: list[str]) -> list[list[int]]:
        return [number[ids].tolist() for ids in expected.encode_batch(texts)]

    if made.specials:  # a special token inside another is read in another order there
        single = made.with_specials(["[MASK]", "<unk>", "猫猫", "é\n"])
        single.export(tmp_path / "special.gguf", "gguf", accept_differences=True)
        parsing = llama_cpp.Llama(str(tmp_path / "special.gguf"), vocab_only=True, verbose=False)
        texts = [text for text in fuzz.texts(5000, 15, list(made.pieces)) if not re.search("\0\0|<pad>|s>", text)]
        found = [parsing.tokenize(text.encode(), add_bos=False, special=True) for text in texts]
        assert found == single.encode_batch(texts, allowed_special="all")

    strings = [*fuzz.short_byte_strings(1), *fuzz.byte_strings(fuzz.COUNT, 14, list(made.pieces))]
    strings = [re.sub(rb"\0+", b"\0", data) for data in strings]
    assert assert_same_ids(as_text(strings), ours, encode) > fuzz.COUNT

    def written(id: int) -> bytes:  # their own detokenize() drops what is longer than 32 bytes
        buffer = ctypes.create_string_buffer(1024)
        return buffer[: llama_cpp.llama_token_to_piece(theirs._model.vocab, id, buffer, 1024, 0, False)]

    spelling = readable(made)
    for data in strings[:3000]:
        ids = encode([data.decode(errors="surrogateescape")])[0]
        ids = [id for id in ids if id != 3 and not LIKE_CONTROL.fullmatch(made.id_to_piece(id))]
        spelt = "".join(spelling.spell(made.id_to_piece(id)) for id in ids)
        assert b"".join(map(written, ids)).decode() == spelt


def test_known_characters_are_written_as_they_are():
    made = fuzz.trained()
    for text in ["the cat", " two  spaces \n", "上 上 𝒳"]:
        assert "".join(map(readable(made).spell, made.tokenize(text))) == text
    assert readable(made).spell("\u2581上à".encode()) == "\ue0e2\ue096\ue081上\ue0c3\ue0a0"
    assert readable(fuzz.hostile(2, whole_characters=False)) == alphabet()
