"""Training agrees with plain dictionaries, and keeps what it promises of its pieces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minent import artifacts
from minent.cluster import here
from minent.errors import InputError
from minent.tokenizer import TextSample, Tokenizer, TokenizerConfig, checkpoints, lexicon, train
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
    made = train(texts, TokenizerConfig(vocab_size=1_000, max_piece_length=9, cross_lines=False))
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
        ({"vocab_size": 258}, "whole number, 259 or more"),
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


# --- the options of the default trainer -------------------------------------------------------------------------------


def digest_of(made, folder) -> str:
    made.save(folder)
    return artifacts.read_manifest(folder).digest


CODE = ["def f(x):\n    if x == 12:\n        return x + 345\n", "for i in range(12):\n    print(i)\n"] * 60


def test_a_smaller_vocabulary_than_asked_for_is_counted(texts):
    made = train(texts[:100], TokenizerConfig(vocab_size=5_000))
    assert made.facts["asked_vocab_size"] == 5_000
    assert made.facts["found_vocab_size"] == made.vocab_size < 5_000


def test_pieces_cross_lines_only_where_they_may():
    crossing, bounded = (train(CODE, TokenizerConfig(vocab_size=400, cross_lines=flag)) for flag in (True, False))
    assert any(b"\n" in piece.rstrip(b"\n") for piece in crossing.pieces)
    assert not any(b"\n" in piece.rstrip(b"\n") for piece in bounded.pieces)


def test_word_bounded_pieces_hold_one_word(texts):
    made = train(texts, TokenizerConfig(vocab_size=400, word_bounded=True))
    inner = [piece.decode().lstrip() for piece in made.pieces[256:]]
    assert not any(character.isspace() for text in inner for character in text)
    assert any(piece.startswith(b" ") for piece in made.pieces[256:])


def test_forced_and_blocked_pieces(texts):
    config = {"vocab_size": 400}
    plain = train(texts, TokenizerConfig(**config))
    blocked = max(plain.pieces, key=lambda piece: len(piece) * len(piece.decode(errors="ignore")))
    made = train(texts, TokenizerConfig(**config, forced=("<猫咪>", "zz"), blocked=(blocked.decode(), "坐")))
    assert {"<猫咪>".encode(), b"zz", "咪".encode()} <= set(made.pieces)
    assert blocked not in made.pieces
    assert not any("坐".encode() in piece for piece in made.pieces)
    assert made.tokenize("<猫咪>") == ["<猫咪>".encode()]


def words_of(letters: str, count: int) -> list[str]:
    """Texts of words drawn, some far more often than others, from a hundred words of these letters."""
    rng = np.random.default_rng(len(letters))
    words = ["".join(rng.choice(list(letters), 5)) for _ in range(100)]
    chances = 1 / np.arange(2, 102)
    return [" ".join(rng.choice(words, 12, p=chances / chances.sum())) for _ in range(count)]


def counts_of(one: list[str], other: list[str], weights=None, **config) -> tuple[int, int]:
    made = train(one + other, TokenizerConfig(vocab_size=340, **config), weights=weights)
    return sum(map(made.count, one)), sum(map(made.count, other))


def test_weights_move_pieces_to_their_texts():
    one, other = words_of("abcdef", 300), words_of("uvwxyz", 300)
    left = counts_of(one, other, [9.0] * 300 + [1.0] * 300)
    even = counts_of(one, other)
    right = counts_of(one, other, [1.0] * 300 + [9.0] * 300)
    assert left[0] < even[0] < right[0]
    assert left[1] > even[1] > right[1]


def test_balance_moves_pieces_to_scripts_of_many_bytes():
    narrow, wide = words_of("abcdef", 300), words_of("猫坐在垫子上", 300)
    level, tilted = counts_of(narrow, wide, balance=0.0), counts_of(narrow, wide, balance=3.0)
    assert level[0] < tilted[0]
    assert level[1] > tilted[1]


@pytest.mark.parametrize("objective", ["fewest", "mixed", "likelihood"])
def test_scores_are_whole_parts_of_a_nat_and_rank_the_objectives(texts, objective):
    made = train(texts, TokenizerConfig(vocab_size=400, objective=objective))
    assert (made.scores * 256 == np.rint(made.scores * 256)).all()
    characters = [piece for piece in made.pieces[256:] if len(piece.decode()) == 1]
    assert characters
    for piece in characters:
        assert made.scores[made.piece_to_id(piece) - 3] >= sum(made.scores[byte] for byte in piece)


def test_fewest_pieces_are_fewer_than_the_likeliest(texts):
    tokens = {
        objective: train(texts, TokenizerConfig(vocab_size=400, objective=objective)).facts["tokens"]
        for objective in ("fewest", "likelihood")
    }
    assert tokens["fewest"] < tokens["likelihood"]


def test_neither_order_nor_spreading_nor_threads_change_the_digest(tmp_path, monkeypatch):
    texts = [f"{sentence} {i}" for i, sentence in enumerate(sentences(8_000))]
    config = TokenizerConfig(vocab_size=600)
    one, other = TextSample(), TextSample()
    one.add(texts[5_000:])
    other.add(texts[:5_000][::-1])
    monkeypatch.setenv("MINENT_THREADS", "1")
    alone = digest_of(train(texts, config), tmp_path / "alone")
    monkeypatch.setenv("MINENT_THREADS", "3")
    assert digest_of(train(texts[::-1], config), tmp_path / "reversed") == alone
    assert digest_of(train(one + other, config), tmp_path / "merged") == alone


class Stopped(Exception):
    pass


@pytest.mark.parametrize("stop_at", [(0, "read texts"), (3, "read texts"), (2, "prune pieces"), (5, "prune pieces")])
def test_a_stopped_run_goes_on_to_the_same_digest(tmp_path, monkeypatch, stop_at):
    monkeypatch.setattr(checkpoints, "SECONDS_BETWEEN", 0.0)
    texts, config = sentences(2_000), TokenizerConfig(vocab_size=(400, 330))
    seen = []

    def stop(event):
        seen.append(event.stage)
        if (seen.count(event.stage) - 1, event.stage) == stop_at:
            raise Stopped

    with pytest.raises(Stopped):
        train(texts, config, checkpoint=tmp_path / "state", progress=stop)
    resumed = train(texts, config, checkpoint=tmp_path / "state")
    fresh = train(texts, config)
    for number, (one, other) in enumerate(zip(resumed, fresh)):
        assert digest_of(one, tmp_path / f"resumed{number}") == digest_of(other, tmp_path / f"fresh{number}")


def test_a_resumed_run_does_not_begin_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "SECONDS_BETWEEN", 0.0)
    texts, config = sentences(1_000), TokenizerConfig(vocab_size=400)
    train(texts, config, checkpoint=tmp_path / "state")
    events = []
    train(texts, config, checkpoint=tmp_path / "state", progress=events.append)
    assert "count substrings" not in {event.stage for event in events}
    with pytest.raises(InputError, match="is the checkpoint of other texts or another config"):
        train(texts, TokenizerConfig(vocab_size=401), checkpoint=tmp_path / "state")


@pytest.mark.parametrize(
    "change",
    [lambda texts: ["other", *texts[1:]], lambda texts: texts[:-1], lambda texts: []],
    ids=["another first", "one fewer", "none"],
)
def test_a_sample_of_other_texts_is_not_gone_on_with(tmp_path, monkeypatch, change):
    """Texts that were read are not learnt from again, but they must be those that were read."""
    monkeypatch.setattr(checkpoints, "SECONDS_BETWEEN", 0.0)
    texts, config = sentences(600), TokenizerConfig(vocab_size=300)

    def stop(event):
        if event.stage != "read texts":
            raise Stopped

    with pytest.raises(Stopped):
        train(texts, config, checkpoint=tmp_path / "state", progress=stop)
    with pytest.raises(InputError, match="is the checkpoint of other texts or another config"):
        train(change(texts), config, checkpoint=tmp_path / "state")
    assert train(texts, config, checkpoint=tmp_path / "state").pieces == train(texts, config).pieces


@pytest.mark.parametrize("engine", [None, here])
@pytest.mark.parametrize(
    "change",
    [lambda weights: None, lambda weights: [2.0, *weights[1:]], lambda weights: weights[::-1]],
    ids=["none", "another first", "in another order"],
)
def test_a_sample_of_other_weights_is_not_gone_on_with(tmp_path, monkeypatch, change, engine):
    monkeypatch.setattr(checkpoints, "SECONDS_BETWEEN", 0.0)
    monkeypatch.setattr(checkpoints, "_PART_TEXTS", 100)
    texts, config = sentences(600), TokenizerConfig(vocab_size=300)
    weights = [1.0, 3.0, 0.5] * 200

    def stop(event):
        if event.stage != "read texts" or (event.done or 0) > 20_000:
            raise Stopped

    def run(weights, **how):
        return train(texts, config, weights=weights, checkpoint=tmp_path / "state", engine=engine, **how)

    with pytest.raises(Stopped):
        run(weights, progress=stop)
    with pytest.raises(InputError, match="is the checkpoint of other weights"):
        run(change(weights))
    assert run(weights).pieces == train(texts, config, weights=weights).pieces


def test_a_sample_is_normalised_as_the_config_says():
    sample = TextSample("nfc")
    sample.add(["so it goes"])
    with pytest.raises(InputError, match="sample is 'nfc' and that of the config 'none'"):
        train(sample, TokenizerConfig(vocab_size=300))
    with pytest.raises(InputError, match="normalization is 'NFC'; it takes"):
        TextSample("NFC")


def test_a_large_text_is_sampled(monkeypatch):
    texts = [f"{sentence} {i}" for i, sentence in enumerate(sentences(60_000))]
    made = train(texts, TokenizerConfig(vocab_size=400, sample_megabytes=1))
    assert made.facts["sampled"] == 0.25
    assert made.facts["texts"] == 60_000
    whole = train(texts, TokenizerConfig(vocab_size=400))
    assert sum(map(made.count, texts[:500])) < 1.03 * sum(map(whole.count, texts[:500]))


def test_the_config_survives_saving(tmp_path, texts):
    config = TokenizerConfig(vocab_size=300, forced=("zz",), blocked=("th",), objective="mixed", balance=0.5)
    made = train(texts, config)
    made.save(tmp_path / "saved")
    assert Tokenizer.load(tmp_path / "saved").config == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objective": "fewer"}, "Did you mean 'fewest'?"),
        ({"balance": -1}, "balance is -1"),
        ({"forced": ("a\0b",)}, "neither NUL nor"),
        ({"forced": ("a" * 40,)}, "at most max_piece_length=36 bytes"),
        ({"forced": "word"}, "it takes a tuple of texts"),
        ({"forced": ("ab",), "blocked": ("ab",)}, "'ab' is forced and blocked"),
        ({"forced": ("猫a",), "blocked": ("猫",)}, "'猫' is forced and blocked"),
        ({"blocked": ("a",)}, "a single byte"),
        ({"ensure_unicode": False}, "Give faithful=True too"),
        ({"sample_megabytes": 0}, "sample_megabytes is 0"),
    ],
)
def test_bad_options_are_named(change, message):
    with pytest.raises(InputError) as caught:
        TokenizerConfig(**change)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("weights", "message"),
    [([1.0], "weights holds 1 numbers"), ([1.0] * 3, "more numbers than"), ([1.0, 0.0], "the weight of texts[1] is 0")],
)
def test_bad_weights_are_named(weights, message):
    with pytest.raises(InputError) as caught:
        train(["one", "two"], weights=weights)
    assert message in str(caught.value)


def test_a_sample_was_weighted_when_it_was_read():
    sample = TextSample()
    sample.add(["one", "two"])
    with pytest.raises(InputError, match="weights are given beside a TextSample"):
        train(sample, weights=[1.0, 2.0])


def test_faithful_training_takes_no_weights():
    with pytest.raises(InputError, match="neither weights nor a checkpoint"):
        train(["one"], TokenizerConfig(faithful=True), weights=[1.0])
