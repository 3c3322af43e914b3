"""Vocabularies of others: read with their counts, pruned as bytepiece does, refused by line where they are broken."""

from __future__ import annotations

import base64
import io
import json
import random
from pathlib import Path

import numpy as np
import pytest

from minent.errors import InputError, MinentError
from minent.tokenizer import Tokenizer
from minent.tokenizer.formats import protobuf, vocabulary
from tests.tokenizer import fuzz
from tests.tokenizer.reference import sentences

GOLDEN = Path(__file__).parent / "golden"
LINES = sentences(400)


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# --- from counts ------------------------------------------------------------------------------------------------------


def test_words_are_pruned_as_bytepiece_prunes_them():
    golden = json.loads((GOLDEN / "converted.json").read_text(encoding="utf-8"))
    made = Tokenizer.from_counts(golden["words"], faithful=True)
    expected = {base64.b64decode(piece): count for piece, count in golden["pieces"].items()}
    assert dict(zip(made.pieces, made.counts.tolist())) == expected
    assert made.normalization == "nfc"
    assert len(golden["words"]) + 256 > len(made.pieces)  # some words were waste


def test_counts_go_to_the_parts_and_the_size_holds():
    words = {word: 1 + i % 50 for i, word in enumerate(sorted(set(" ".join(LINES).split(" "))))}
    for size in (259, 300, 340):
        made = Tokenizer.from_counts(words, size)
        assert made.vocab_size <= size
        mass = sum(len(piece) * count for piece, count in zip(made.pieces, made.counts.tolist()))
        given = sum(len(word.encode()) * count for word, count in words.items() if word)
        absent = 256 - len({byte for word in words for byte in word.encode()} & {p[0] for p in made.pieces[:256]})
        assert given <= mass <= given + 256 >= absent
    assert made.decode(made.encode(LINES[0])) == LINES[0]


def test_counts_are_counted_again_on_texts():
    words = {"cat ": 1, "dog ": 1000, "never seen": 1000, "on mat": 1}
    assert b"never seen" in Tokenizer.from_counts(words).pieces
    made = Tokenizer.from_counts(words, texts=["cat dog on mat cat cat "] * 3)
    assert made.counts[made.piece_to_id("cat ") - 3] == 9
    assert made.counts[made.piece_to_id("dog ") - 3] == 3
    assert b"never seen" not in made.pieces
    assert made.facts["recounted"] is True


# --- files ------------------------------------------------------------------------------------------------------------


def test_lines_of_counts_and_a_dictionary_of_jieba(tmp_path):
    tabs = write(tmp_path / "a.tsv", "\ufeffso it\t30\nce 猫\t2\tn\r\n\n\t9\t\n".replace("\t9\t\n", ""))
    assert vocabulary.read(tabs) == {b"so it": 30, "ce 猫".encode(): 2}
    jieba = write(tmp_path / "dict.txt", "石头 4 n\n窗户 12 n\n的 318825 uj\n")
    assert vocabulary.read(jieba) == {"石头".encode(): 4, "窗户".encode(): 12, "的".encode(): 318825}
    made = Tokenizer.from_counts(jieba)
    assert made.tokenize("窗户的石头") == ["窗户".encode(), "的".encode(), "石头".encode()]


def test_tiktoken(tmp_path):
    ranked = [*(bytes([byte]) for byte in range(256)), b"th", b"the", b" the", "é".encode()]
    lines = "".join(f"{base64.b64encode(piece).decode()} {rank}\n" for rank, piece in enumerate(ranked))
    counts = vocabulary.read(write(tmp_path / "base.tiktoken", lines))
    assert set(counts) == set(ranked)
    assert counts[b"th"] > counts[b"the"] > counts[b" the"] > counts["é".encode()] > counts[b"\0"] >= 1
    assert Tokenizer.from_counts(tmp_path / "base.tiktoken").tokenize(" the é") == [b" the", b" ", "é".encode()]


def test_a_merge_list_of_huggingface(tmp_path):
    import tokenizers

    theirs = tokenizers.ByteLevelBPETokenizer()
    theirs.train_from_iterator(LINES, vocab_size=400, special_tokens=["<s>"], show_progress=False)
    theirs.save(str(tmp_path / "tokenizer.json"))
    counts = vocabulary.read(tmp_path / "tokenizer.json")
    texts = [*LINES, "𝒳 坐在"]
    assert {theirs.decode([id]).encode() for id in theirs.encode(LINES[0]).ids} <= set(counts)
    assert b"<s>" not in counts
    assert {bytes([byte]) for byte in range(256)} <= set(counts)
    made = Tokenizer.from_counts(tmp_path / "tokenizer.json", 380, texts=texts)
    assert made.vocab_size <= 380
    assert set(made.pieces) <= set(counts)
    assert sum(map(made.count, texts)) <= 1.1 * sum(len(theirs.encode(text).ids) for text in texts)


def test_our_own_tokenizer_json_comes_back(tmp_path):
    made = fuzz.trained()
    made.export(tmp_path / "tokenizer.json", "huggingface")
    back = Tokenizer.from_counts(tmp_path / "tokenizer.json")
    same = set(back.pieces) & set(made.pieces)
    assert len(same) > 0.97 * len(made.pieces)
    ours = {piece: count / made.counts.sum() for piece, count in zip(made.pieces, made.counts.tolist())}
    theirs = {piece: count / back.counts.sum() for piece, count in zip(back.pieces, back.counts.tolist())}
    assert np.median([abs(np.log(theirs[piece] / ours[piece])) for piece in same]) < 0.05


def test_metaspace_and_byte_fallback(tmp_path):
    model = {"type": "Unigram", "vocab": [["▁cat", -2.0], ["<0xE7>", -9.0], ["a", -3.0], ["<s>", 0.0]]}
    content = {
        "added_tokens": [{"content": "<s>", "special": True}],
        "pre_tokenizer": {"type": "Metaspace"},
        "model": model | {"byte_fallback": True},
    }
    counts = vocabulary.read(write(tmp_path / "t.json", json.dumps(content)))
    assert list(counts) == [b" cat", b"\xe7", b"a"]
    assert counts[b" cat"] == round(1e9 * np.exp(-2.0))
    content["pre_tokenizer"], content["model"]["byte_fallback"] = None, False
    assert list(vocabulary.read(write(tmp_path / "t.json", json.dumps(content)))) == ["▁cat".encode(), b"<0xE7>", b"a"]


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_a_model_of_sentencepiece(tmp_path, kind):
    import sentencepiece as peer

    writer = io.BytesIO()
    lines = [line.strip() for line in LINES if line.strip()]
    peer.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=writer, vocab_size=320, model_type=kind, byte_fallback=True,
        minloglevel=2, hard_vocab_limit=False,
    )  # fmt: skip
    path = write(tmp_path / "pieces.model", writer.getvalue())
    theirs, counts = peer.SentencePieceProcessor(model_file=str(path)), vocabulary.read(path)
    assert {bytes([byte]) for byte in range(256)} <= set(counts)
    assert not {b"<s>", b"</s>", b"<unk>"} & set(counts)
    normal = [id for id in range(theirs.vocab_size()) if not (theirs.is_control(id) or theirs.is_unknown(id))]
    longer = [theirs.id_to_piece(id).replace("▁", " ").encode() for id in normal if not theirs.is_byte(id)]
    assert set(longer) <= set(counts)
    if kind == "unigram":
        best = max((id for id in normal if not theirs.is_byte(id)), key=theirs.get_score)
        assert counts[theirs.id_to_piece(best).replace("▁", " ").encode()] == max(counts.values())
    rows = theirs.encode(lines)
    normal_lines = [" " + line for line in theirs.decode(rows)]  # it applies NFKC
    made = Tokenizer.from_counts(path, texts=normal_lines)
    assert made.decode(made.encode(lines[0])) == lines[0]
    assert sum(map(made.count, normal_lines)) <= 1.1 * sum(map(len, rows))


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({},), "counts holds no piece"),
        (({"": 1},), "holds the piece ''"),
        (({3: 1},), "holds the piece 3"),
        (({"a": 0},), "the count of 'a' is 0"),
        (({"a": 1.5},), "the count of 'a' is 1.5"),
        (({"a": True},), "the count of 'a' is True"),
        (({"a": 1, b"a": 2},), "'a' stands in counts as str and as bytes"),
        (({"a" * 1025: 1},), "has 1,025 bytes; a piece has at most 1024"),
        (({"a": 2**53},), "Divide them all"),
        (({"\ud800": 1},), "half of a surrogate pair"),
        (([("a", 1)],), "counts is list"),
        (({"a": 1}, 258), "vocab_size is 258"),
        (({"a": 1}, 300.5), "vocab_size is 300.5"),
    ],
)
def test_counts_that_are_none_are_named(arguments, message):
    with pytest.raises(InputError) as caught:
        Tokenizer.from_counts(*arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_texts_that_cannot_be_counted_are_named():
    for texts, message in ((iter(["a"]), r"list\(texts\)"), ("abc", r"Write \[text\]"), ([], "no character")):
        with pytest.raises(InputError, match=message):
            Tokenizer.from_counts({"a": 1}, texts=texts)
    with pytest.raises(InputError, match=r"texts\[1\] is int"):
        Tokenizer.from_counts({"a": 1}, texts=["a", 3])


UNIGRAM = {"model": {"type": "Unigram", "vocab": [["a", -1.0]]}}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.tsv", "ok\t3\nno count\n", "line 2: 'no count' is no piece, a tab and a count"),
        ("a.tsv", "ok\t3\nok\t0\n", "line 2: 'ok\\t0' is no piece"),
        ("a.tsv", "ok\t3\nok\t-4\n", "line 2"),
        ("a.tsv", "ok\t3\nb\t1\nok\t4\n", "line 3: 'ok' stands on line 1 too"),
        ("a.tsv", "ok\t" + "9" * 30, "line 1"),
        ("a.tsv", "", "holds no piece"),
        ("a.tsv", b"\x89PNG\r\n\x1a\n", "line 1: '\\\\x89PNG' is no piece"),
        ("a.json", "{", "is no huggingface vocabulary"),
        ("a.json", "[" * 100_000, "is no huggingface vocabulary"),
        ("a.json", "[]", "is no huggingface vocabulary"),
        ("a.json", json.dumps({"model": {"type": "WordPiece", "vocab": {}}}), "the model is 'WordPiece'"),
        ("a.json", json.dumps({"model": {"type": "Unigram", "vocab": [["a"]]}}), "is no huggingface vocabulary"),
        ("a.json", json.dumps({"model": {"type": "Unigram", "vocab": [["a", "b"]]}}), "is no huggingface vocabulary"),
        ("a.json", json.dumps(UNIGRAM | {"decoder": {"type": "ByteLevel"}}).replace('"a"', '"猫"'), "KeyError"),
        ("a.json", json.dumps(UNIGRAM).replace("-1.0", "NaN"), "the score of b'a' is nan"),
        ("a.json", b"\xff\xfe", "is no huggingface vocabulary"),
        ("a.tiktoken", "AA== 0\n!! 1\n", "line 2: is no base64 and a rank"),
        ("a.tiktoken", "AA== 0\nAA==\n", "line 2: is no base64 and a rank"),
        ("a.model", b"\x0a\xff", "is no sentencepiece vocabulary (ValueError: byte"),
        ("a.model", b"\x0b", "byte 0 begins no protobuf field"),
        ("a.model", protobuf.string(1, protobuf.string(1, "a") + protobuf.number(2, 3)), "a score that is no float"),
        ("a.model", protobuf.string(1, protobuf.string(1, b"\xff")), "is no sentencepiece vocabulary"),
        ("a.model", b"\x0a" + b"\xff" * 12, "begins no whole number"),
        ("a.model", b"", "holds no piece"),
        ("a.model", "{", "is no model of bytepiece"),
        ("a.zip", b"PK\x03\x04", "is no model of bytepiece"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_vocabulary_is_refused(tmp_path, name, content, message):
    with pytest.raises(InputError) as caught:
        Tokenizer.from_counts(write(tmp_path / name, content))
    assert message.replace("\\\\", "\\") in str(caught.value).replace("\\\\", "\\")
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_paths_and_formats_that_are_none(tmp_path):
    for call, message in (
        (lambda: Tokenizer.from_counts(tmp_path / "absent.tsv"), "cannot be read (No such file"),
        (lambda: Tokenizer.from_counts(tmp_path / "absent.model"), "cannot be read (No such file"),
        (lambda: Tokenizer.from_counts(tmp_path), "is a folder; it takes a file"),
        (lambda: Tokenizer.from_counts(tmp_path / "a.tsv", format="sentencepeice"), "Did you mean 'sentencepiece'?"),
    ):
        with pytest.raises(MinentError) as caught:
            call()
        assert message in str(caught.value)


def test_our_own_sentencepiece_model_is_refused_by_name(tmp_path):
    fuzz.trained().export(tmp_path / "pieces.model", "sentencepiece")
    with pytest.raises(InputError, match="was exported by minent"):
        Tokenizer.from_counts(tmp_path / "pieces.model")


def test_garbage_never_escapes_as_another_error(tmp_path):
    draw = random.Random(3)
    made = fuzz.trained()
    for format in ("huggingface", "sentencepiece", "bytepiece"):
        path = tmp_path / ("t.json" if format == "huggingface" else "t.model")
        made.export(path, format, accept_differences=True)
        whole = path.read_bytes()
        for _ in range(150):
            broken = bytearray(whole[: draw.randint(0, len(whole))] if draw.random() < 0.5 else whole)
            for _ in range(draw.randint(0, 4)):
                if broken:
                    broken[draw.randrange(len(broken))] = draw.randrange(256)
            path.write_bytes(broken)
            try:
                vocabulary.read(path, format)
            except InputError as error:
                assert "\n" not in str(error)  # noqa: PT017 - some damage leaves a file that can be read
