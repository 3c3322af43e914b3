"""Training agrees with plain dictionaries, and keeps what it promises of its pieces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minent import artifacts
from minent.errors import InputError
from minent.tokenizer import TokenizerConfig, lexicon, train
from minent.tokenizer.text import chunks
from tests.tokenizer import reference
from tests.tokenizer.reference import sentences


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 999),
    st.integers(1, 60),
    st.integers(2, 7),
    st.integers(1, 3),
    st.sampled_from([3, 8, 36]),
    st.booleans(),
    st.booleans(),
)
def test_faithful_pieces_and_counts_are_those_of_the_plain_trainer(
    seed, count, order, min_count, max_piece_length, isolate_digits, ensure_unicode
):
    texts = sentences(count, seed)
    config = TokenizerConfig(
        vocab_size=(330, 270),
        order=order,
        min_count=min_count,
        max_piece_length=max_piece_length,
        isolate_digits=isolate_digits,
        ensure_unicode=ensure_unicode,
        faithful=True,
    )
    expected = reference.train(
        [chunk.encode() for text in texts for chunk in chunks(text, isolate_digits)],
        [330, 270],
        order=order,
        min_count=min_count,
        max_piece_length=max_piece_length,
        ensure_unicode=ensure_unicode,
    )
    assert [dict(zip(made.pieces, made.counts.tolist())) for made in train(texts, config)] == expected


@pytest.fixture(scope="module")
def texts():
    return sentences(3_000)


@pytest.fixture(scope="module", params=[False, True], ids=["default", "faithful"])
def nested(request, texts):
    return train(texts, TokenizerConfig(vocab_size=(300, 400, 340), isolate_digits=True, faithful=request.param))


def test_pieces_hold_whole_characters(nested):
    for piece in nested[1].pieces[256:]:
        piece.decode()


def test_digits_stand_alone(nested):
    for piece in nested[1].pieces[256:]:
        text = piece.decode()
        assert len(text) == 1 or not any(character.isdecimal() for character in text)


def test_every_piece_is_its_own_best_segmentation(nested):
    for made in nested:
        assert all(made.tokenize(piece.decode()) == [piece] for piece in made.pieces[256:])


def test_pieces_that_their_parts_beat_are_dropped():
    often = {b"a": 400, b"b": 400, b"c": 9, b"abc": 90, b"ab": 4, b"bc": 200}
    counts = {bytes([byte]): 1 for byte in range(256)} | often
    counted = lexicon.Lexicon(sorted(counts), np.array([counts[piece] for piece in sorted(counts)]))
    reported = []
    (found,) = lexicon.prune(
        counted, [300], min_count=1, max_piece_length=9, faithful=False, report=lambda now, wanted: reported.append(now)
    )
    left = dict(zip(found.pieces, found.counts.tolist()))
    assert b"ab" not in left  # 4 / 1356 < (400 / 1356) ** 2, so its count went to its parts
    assert (left[b"a"], left[b"b"], left[b"abc"]) == (404, 404, 90)
    assert reported == [259, 258]


def test_bytes_are_conserved(nested, texts):
    size = len("".join(texts).encode())
    for made in nested:
        if not made.config.faithful:
            continue
        mass = sum(len(piece) * int(count) for piece, count in zip(made.pieces, made.counts))
        absent = sum(bytes([byte]) not in "".join(texts).encode() for byte in range(256))
        assert size + absent <= mass <= size + 256  # a byte that never stands alone was counted once


def test_sizes_are_nested_and_kept(nested):
    small, large, middle = nested
    assert (small.vocab_size, large.vocab_size, middle.vocab_size) <= (300, 400, 340)
    assert set(small.pieces) < set(middle.pieces) < set(large.pieces)
    assert list(large.pieces) == sorted(large.pieces, key=lambda piece: (len(piece), piece))


def test_no_piece_crosses_a_line_and_none_is_too_long(texts):
    made = train(texts, TokenizerConfig(vocab_size=1_000, max_piece_length=9))
    assert all(len(piece) <= 9 and b"\n" not in piece.rstrip(b"\n") for piece in made.pieces)


def test_threads_change_no_digest(monkeypatch, tmp_path):
    digests = []
    for threads in ("1", "3"):
        monkeypatch.setenv("MINENT_THREADS", threads)
        train(sentences(20_000), TokenizerConfig(vocab_size=500)).save(tmp_path / threads)
        digests.append(artifacts.read_manifest(tmp_path / threads).digest)
    assert digests[0] == digests[1]


def test_facts_are_about_the_training_text(texts):
    made = train(iter(texts), TokenizerConfig(vocab_size=400))  # an iterator is read once
    assert made.facts["texts"] == 3_000
    assert made.facts["tokens"] == sum(map(made.count, texts))
    assert len(made.facts["pieces"]) == 60
    counts = [entry["count"] for entry in made.facts["pieces"]]
    assert counts == sorted(counts, reverse=True)
    assert all(entry["piece"].encode() in made.pieces for entry in made.facts["pieces"])


def test_progress_is_told(texts):
    events = []
    train(texts, TokenizerConfig(vocab_size=300), progress=events.append)
    assert {event.stage for event in events} == {"read texts", "count substrings", "prune pieces"}
    assert all(event.total is None or event.done <= event.total for event in events)


def test_rare_characters_do_not_spoil_their_lines():
    texts = [chr(0x4E00 + i) + sentence for i, sentence in enumerate(sentences(2_000))]
    mended, faithful = (train(texts, TokenizerConfig(vocab_size=400, faithful=faithful)) for faithful in (False, True))
    assert mended.facts["tokens"] < 0.8 * faithful.facts["tokens"]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "texts holds 0 texts and no character"),
        (["", ""], "texts holds 2 texts and no character"),
        ("one string", "Write [text]"),
        (["fine", 3], "texts[1] is int"),
        (["fine", b"bytes"], "texts[1] is bytes"),
        (["fine", "a\ud800"], "texts[1][1] is U+D800"),
    ],
)
def test_bad_texts_are_named(texts, message):
    with pytest.raises(InputError) as caught:
        train(texts)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocab_size": 258}, "at least 259"),
        ({"vocab_size": ()}, "empty tuple"),
        ({"vocab_size": (300, 2.5)}, "vocab_size is 2.5"),
        ({"vocab_size": True}, "vocab_size is True"),
        ({"order": 8}, "from 2 to 7"),
        ({"min_count": 0}, "min_count is 0"),
        ({"max_piece_length": 0}, "max_piece_length is 0"),
        ({"normalization": "nfd"}, "Did you mean 'nfc'?"),
    ],
)
def test_bad_config_is_named(change, message):
    with pytest.raises(InputError, match=message.replace("?", r"\?")):
        TokenizerConfig(**change)


@pytest.mark.parametrize("text", ["a", "\n", "猫", "\0", "a" * 30_000, "\n" * 300, "\r\n\u2028\r" * 9])
def test_any_text_will_do(text):
    made = train([text], TokenizerConfig(vocab_size=259))
    assert made.vocab_size == 259
    assert made.decode(made.encode(text)) == text


def test_broken_bytes_are_learned_from_as_bytes():
    text = (b"the caf\xe9 is open\n\x80\xff\nthe cat sat in the caf\xe9\n" * 20).decode("utf-8", "surrogateescape")
    made = train([text], TokenizerConfig(vocab_size=300))
    assert made.decode_bytes(made.encode(text)).decode("utf-8", "surrogateescape") == text
    assert len(made.encode(text)) < len(text) / 2
