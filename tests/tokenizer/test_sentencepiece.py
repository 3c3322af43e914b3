"""The SentencePiece model beyond the fuzz set: roles, readable pieces, and where sums in float32 begin to be wrong."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import sentencepiece as peer

from minent import samples
from minent.errors import InputError
from minent.tokenizer import Tokenizer, TokenizerConfig, train
from minent.tokenizer.formats import protobuf, sentencepiece
from tests.tokenizer import fuzz
from tests.tokenizer.reference import sentences

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def made() -> Tokenizer:
    return fuzz.trained()


def exported(tokenizer: Tokenizer, path: Path, **options):
    tokenizer.export(path, "sentencepiece", **options)
    return peer.SentencePieceProcessor(model_file=str(path))


def test_roles_and_pieces(made, tmp_path):
    theirs = exported(made, tmp_path / "pieces.model")
    assert theirs.vocab_size() == made.vocab_size
    assert (theirs.unk_id(), theirs.bos_id(), theirs.eos_id(), theirs.pad_id()) == (0, 1, 2, -1)
    assert theirs.encode("a", add_bos=True, add_eos=True) == made.encode("a", add_bos=True, add_eos=True)
    assert theirs.decode([0, 1, 100, 2]) == made.decode([0, 1, 100, 2]) == "a"
    for piece in (" 上\n", "𝒳", " 345\n", " "):
        assert theirs.id_to_piece(made.piece_to_id(piece)) == piece
    assert theirs.id_to_piece(made.piece_to_id(b"\xc3")) == "\ue0c3"


def test_pieces_that_cut_characters_are_written_in_the_alphabet(tmp_path):
    held = fuzz.hostile(2, whole_characters=False)
    theirs = exported(held, tmp_path / "pieces.model")
    assert theirs.id_to_piece(held.piece_to_id(b" ")) == "Ġ"
    assert theirs.id_to_piece(1) == "<||s||>"  # <s> and <|s|> are pieces


def long_texts(made: Tokenizer, size: int) -> dict[str, str]:
    draw = random.Random(5)
    pieces = [piece.decode() for piece in made.pieces[256:]]
    return {
        "like the training": "".join(sentences(size // 30, seed=9))[:size],
        "pieces by chance": "".join(draw.choices(pieces, k=size // 8)),
        "worst bytes": bytes([int(np.argmin(made.scores[:256]))]).decode(errors="surrogateescape") * size,
    }


def test_up_to_the_stated_size_every_text_is_exact(made, tmp_path):
    theirs = exported(made, tmp_path / "pieces.model")
    size = sentencepiece.exact_bytes(made)
    assert 2_000 < size < 100_000
    for text in long_texts(made, size).values():
        data = text.encode(errors="surrogateescape")[:size]
        assert theirs.encode(data) == made.encode(data.decode(errors="surrogateescape"))


def test_level_scores_keep_long_ordinary_text_exact_and_plain_ones_do_not(tmp_path, monkeypatch):
    texts = samples.load("subjectivity").unlabeled
    learnt, text = train(texts[:4000], TokenizerConfig(vocab_size=(1500, 2500, 4000))), "\n".join(texts)[:200_000]
    expected = [one.encode(text) for one in learnt]
    assert all(len(text) > 20 * sentencepiece.exact_bytes(one) for one in learnt)
    assert [exported(one, tmp_path / "level.model").encode(text) for one in learnt] == expected
    monkeypatch.setattr(sentencepiece, "_level_scores", lambda tokenizer: tokenizer.scores)
    assert [exported(one, tmp_path / "plain.model").encode(text) for one in learnt] != expected


def test_what_it_cannot_express_is_refused(tmp_path):
    small = Tokenizer.from_bytepiece(GOLDEN / "small.model")
    with pytest.raises(InputError, match=r"no NFC is applied.*float32.*line by line.*--accept-differences"):
        small.export(tmp_path / "pieces.model", "sentencepiece")
    assert not list(tmp_path.iterdir())
    notes = small.export(tmp_path / "pieces.model", "sentencepiece", accept_differences=True)
    assert len(notes) == 5
    theirs = peer.SentencePieceProcessor(model_file=str(tmp_path / "pieces.model"))
    text = (GOLDEN / "text.txt").read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    assert np.mean([theirs.encode(line) == small.encode(line) for line in lines]) > 0.95


def test_protobuf_is_read_as_it_is_written(made, tmp_path):
    made.export(tmp_path / "pieces.model", "sentencepiece")
    data = (tmp_path / "pieces.model").read_bytes()
    found = [(field, bytes(value)) for field, value in protobuf.fields(data) if isinstance(value, bytes)]
    assert b"".join(protobuf.string(field, value) for field, value in found) == data
    for cut in range(1, 40):
        with pytest.raises(ValueError, match="byte"):
            list(protobuf.fields(data[:-cut]))


def test_special_tokens_have_their_ids_and_are_not_read_in_text(tmp_path):
    made = fuzz.with_specials()
    theirs = exported(made, tmp_path / "pieces.model")
    assert theirs.vocab_size() == made.vocab_size
    names = [name for name in made.specials if name != " "]
    assert [theirs.piece_to_id(name) for name in names] == [made.special_ids[name] for name in names]
    assert theirs.id_to_piece(made.special_ids[" "]) == " || "  # there is a piece " "
    assert all(theirs.is_control(id) for id in made.special_ids.values())
    assert theirs.encode("a<s>") == made.encode("a<s>", disallowed_special=())
    assert (theirs.bos_id(), theirs.eos_id(), theirs.unk_id()) == (1, 2, 0)
