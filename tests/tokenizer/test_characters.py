"""Reading characters finds what reading bytes finds; where it might not, it is not done."""

from __future__ import annotations

import os
import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minent.errors import InputError
from minent.tokenizer import Tokenizer, TokenizerConfig, characters, encoding, plain, segmentation, train
from minent.tokenizer.text import join
from tests.tokenizer import fuzz
from tests.tokenizer.reference import sentences

# Hashes wrap around: compiled they do so in silence, with NUMBA_DISABLE_JIT=1 NumPy says it.
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered in scalar:RuntimeWarning")
COUNT = 20_000 if os.environ.get("NUMBA_DISABLE_JIT") != "1" else 200
MADE = {"trained": fuzz.trained, "hostile": lambda: hostile(1, 256), "ties": lambda: hostile(3, 1)}
CHARACTERS = st.sampled_from("ab \n\0é猫坐在𝒳\u07ff\u0800\uffff\U0010ffff") | st.characters(exclude_categories=["Cs"])


def hostile(seed: int, grain: int) -> Tokenizer:
    """Pieces by chance with ties everywhere, and every character of them a piece that is worth its bytes."""
    drawn = fuzz.hostile(seed, whole_characters=True, grain=grain)
    scores = dict(zip(drawn.pieces, drawn.scores.tolist()))
    for character in set("".join(piece.decode() for piece in drawn.pieces[256:])):
        apart = sum(scores[bytes([byte])] for byte in character.encode())
        scores[character.encode()] = max(scores.get(character.encode(), apart), apart)  # often a tie
    return Tokenizer(list(scores), np.ones(len(scores), dtype=np.int64), np.array(list(scores.values())))


@pytest.fixture(scope="module", params=MADE)
def made(request) -> Tokenizer:
    return MADE[request.param]()


def by_characters(made: Tokenizer, texts: list[str]) -> list[np.ndarray]:
    known = made._characters
    return list(segmentation.segment(characters.to_rows(texts, known), known.automaton))


def by_bytes(made: Tokenizer, texts: list[str]) -> list[np.ndarray]:
    return list(segmentation.segment(join([text.encode() for text in texts]), made._automaton))


def test_the_fuzz_set_is_cut_alike(made):
    texts = list(fuzz.texts(COUNT, 5, list(made.pieces)))
    for some in (texts, ["".join(texts)]):
        for ours, theirs in zip(by_characters(made, some), by_bytes(made, some)):
            assert np.array_equal(ours, theirs)


@given(st.lists(st.text(CHARACTERS, max_size=9), max_size=5))
def test_rows_spell_the_texts(texts):
    made = fuzz_made()
    rows = characters.to_rows(texts, made._characters)
    spelled = {int(symbol): chr(code).encode() for code, symbol in enumerate(made._characters.symbols) if symbol > 255}
    spelled |= {byte: bytes([byte]) for byte in range(256)}
    symbols, starts = rows.buffer.tolist(), rows.starts.tolist()
    found = [b"".join(spelled[symbol] for symbol in symbols[a:b]) for a, b in pairwise(starts)]
    assert found == [text.encode() for text in texts]


_kept: list[Tokenizer] = []


def fuzz_made() -> Tokenizer:
    if not _kept:
        _kept.append(fuzz.trained())
    return _kept[0]


def test_a_vocabulary_that_could_differ_is_read_as_bytes():
    learnt = fuzz_made()
    pieces, scores = list(learnt.pieces), learnt.scores
    place = pieces.index("猫".encode())
    worse, broken = scores.copy(), [*pieces, "猫".encode()[1:]]
    worse[place] = sum(scores[byte] for byte in "猫".encode()) - 1 / 256
    without = [i for i in range(len(pieces)) if i != place]
    ones = np.ones(len(broken), dtype=np.int64)
    for changed in (
        Tokenizer(pieces, learnt.counts, worse),
        Tokenizer(broken, ones, np.append(scores, -20.0)),
        Tokenizer([*pieces, b"a\xe7", b"\x8c\xab"], np.append(ones, 1), np.append(scores, [-20.0, -20.0])),
        Tokenizer([pieces[i] for i in without], ones[: len(without)], scores[without]),
        Tokenizer(pieces, learnt.counts, scores - 1e-3),
        Tokenizer(pieces[:256], ones[:256], scores[:256]),
    ):
        assert changed._characters is None
    assert learnt._characters is not None


def test_long_wide_texts_are_read_by_characters_and_all_else_by_bytes(monkeypatch):
    calls: list[int] = []
    monkeypatch.setattr(encoding, "_WORTH", 30_000)
    monkeypatch.setattr(plain, "_BYTES", -1)
    whole = Tokenizer._by_characters
    monkeypatch.setattr(Tokenizer, "_by_characters", lambda self, texts: calls.append(len(texts)) or whole(self, texts))
    learnt = train(sentences(300), TokenizerConfig(vocab_size=400, normalization="nfc"))
    draw = random.Random(0)
    wide = ["".join(draw.choices("猫坐在垫子上 e\u0301\n", k=500)) for _ in range(40)]
    narrow = "so it goes, café\n" * 2_000
    expected = [learnt.encode(text) for text in wide]
    assert learnt.encode_batch(wide) == expected
    assert calls == []  # too little so far
    assert learnt.encode_batch(wide) == expected
    assert learnt.encode_batch([narrow, "", *wide[:2]])[2:] == expected[:2]
    assert [learnt.encode("".join(wide))] == learnt.encode_batch(["".join(wide)])
    assert calls == [40, 1, 1]
    kept = "猫\udce7\udc8c\udcab" * 20_000  # kept bytes that are a character again
    assert learnt.encode(kept) == learnt.encode("猫猫" * 20_000)
    assert calls == [40, 1, 1, 1, 1]  # of which the last gave up


@pytest.mark.parametrize("threads", ["1", "2"])
def test_slabs_change_nothing(monkeypatch, threads):
    monkeypatch.setenv("MINENT_THREADS", threads)
    learnt, texts = fuzz_made(), [*sentences(30), "", "猫" * 90, "", ""]
    whole = learnt.encode_batch(texts)
    monkeypatch.setattr(encoding, "_SLAB", 3)
    assert learnt.encode_batch(iter(texts)) == whole
    assert learnt.encode_batch([]) == []
    for bad, said in ((7, r"texts\[34\] is int"), ("\ud800", r"texts\[34\]\[0\] is U\+D800")):
        with pytest.raises(InputError, match=said):
            learnt.encode_batch([*texts, bad])
