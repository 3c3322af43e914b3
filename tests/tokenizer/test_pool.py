"""The frequent substrings are those of plain counting, whatever the shards."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minent.tokenizer import TokenizerConfig, pool, pruning, sampling, text
from tests.tokenizer import reference

# Hashes wrap around: compiled they do so in silence, with NUMBA_DISABLE_JIT=1 NumPy says it.
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered in scalar:RuntimeWarning")

ROWS = st.lists(st.text("ab \né猫𝒳7\0\u2581", min_size=1, max_size=14), min_size=1, max_size=8)


def blocks_of(rows: list[bytes]) -> text.Blocks:
    starts = np.cumsum([0, *(len(row) + 1 for row in rows)])
    return text.Blocks(np.frombuffer(b"".join(row + b"\xff" for row in rows), dtype=np.uint8), starts)


def found_in(rows: list[bytes], min_count: int = 2, longest: int = 36, **config) -> dict[bytes, int]:
    config = TokenizerConfig(**config)
    blocks = blocks_of(rows)
    counts = pool.characters(blocks)
    found = pool.substrings(
        blocks,
        counts,
        pool.kinds_of(counts, pruning.Rules(config).may_join),
        min_count=min_count,
        longest=longest,
        cross_lines=config.cross_lines,
        word_bounded=config.word_bounded,
        report=lambda level, count: None,
    )
    data = blocks.buffer.tobytes()
    pieces = {data[a : a + n]: count for a, n, count in zip(*(part.tolist() for part in found))}
    assert len(pieces) == len(found.counts)  # each substring once
    return pieces


@given(ROWS, st.integers(2, 3), st.sampled_from([3, 7, 36]), st.booleans(), st.booleans(), st.booleans())
def test_substrings_are_those_of_plain_counting(rows, min_count, longest, digits, cross_lines, word_bounded):
    def may_hold(left: str, right: str) -> bool:
        alone = "\0\u2581" + "7" * digits
        over_line = left == "\n" and right != "\n" and not cross_lines
        over_word = not left.isspace() and right.isspace() and word_bounded
        return left not in alone and right not in alone and not over_line and not over_word

    rules = {"isolate_digits": digits, "cross_lines": cross_lines, "word_bounded": word_bounded}
    expected = reference.frequent_substrings(rows, min_count, longest, may_hold)
    found = found_in([row.encode() for row in rows], min_count, longest, **rules)
    assert found == {piece.encode(): count for piece, count in expected.items()}


@given(st.lists(st.binary(max_size=9), min_size=1, max_size=6))
def test_bytes_that_are_no_text_are_in_no_substring(rows):
    rows = [row + b"\xed\xa0\x80ab\xc0\x80ab\xf5" for row in rows]  # half a pair, an overlong NUL, past the last plane
    for piece in found_in(rows):
        piece.decode()
    assert pool.characters(blocks_of(rows))[ord("a")] >= 2 * len(rows)


def test_many_substrings_make_the_tables_grow_and_threads_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz 猫é"))
    rows = ["".join(letters[rng.integers(0, len(letters), 300)]).encode() for _ in range(2_000)]
    found = []
    for threads in ("1", "3"):
        monkeypatch.setenv("MINENT_THREADS", threads)
        found.append(found_in(rows, min_count=3))
    assert list(found[0].items()) == list(found[1].items())
    assert len(found[0]) > 20_000
    everything = b"\xff".join(rows)
    for piece, count in list(found[0].items())[::997]:
        assert len(re.findall(b"(?=" + re.escape(piece) + b")", everything)) == count


def test_a_long_run_ends(monkeypatch):
    assert found_in([b"a" * 5_000], min_count=2)[b"a" * 36] == 5_000 - 35


# --- the sample -------------------------------------------------------------------------------------------------------


def contents(sample: sampling.TextSample):
    blocks, times, weights = sample.rows()
    return blocks.buffer.tobytes(), times.tolist(), weights.tolist(), sample.digest(), sample.fraction


def test_a_sample_does_not_depend_on_order_or_on_how_it_was_spread(tmp_path):
    rng = np.random.default_rng(1)
    texts = ["".join(map(chr, rng.integers(97, 123, 900))) for _ in range(4_000)]
    texts += texts[:50]
    whole, left, right = (sampling.TextSample(megabytes=1) for _ in range(3))
    whole.add(texts)
    left.add(texts[2_500:][::-1])
    left.save(tmp_path / "left")
    right.add(texts[:2_500])
    assert whole.fraction == 0.25
    assert 0.5e6 < whole.held <= 1e6
    assert contents(right + sampling.TextSample.load(tmp_path / "left")) == contents(whole)
    assert (whole.texts, whole.bytes) == (4_050, 4_050 * 900)
    assert sum(contents(whole)[1]) > len(contents(whole)[1])  # what came twice is held once, and counted


def test_samples_of_unlike_making_are_not_added():
    from minent.errors import InputError

    with pytest.raises(InputError, match="megabytes 1 and 2"):
        sampling.TextSample(megabytes=1) + sampling.TextSample(megabytes=2)
    with pytest.raises(InputError, match="normalization 'none' and 'nfc'"):
        sampling.TextSample().absorb(sampling.TextSample("nfc"))
    for megabytes in (0, -1, 1.5, "1"):
        with pytest.raises(InputError, match=r"megabytes is .*; it takes a whole number, 1 or more"):
            sampling.TextSample(megabytes=megabytes)


@given(st.lists(st.text("ab\n猫", max_size=30), max_size=5), st.integers(0, 9))
def test_blocks_join_to_their_text(texts, factor):
    for one in texts:
        long = one * 900 * factor
        parts = text.blocks(long)
        assert "".join(parts) == long
        assert all(0 < len(part) <= 4_096 for part in parts)
