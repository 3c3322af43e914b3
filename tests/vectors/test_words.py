"""Words: what has a row, how the rest is composed, what is shown, how it is judged, and files of others."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minent import samples, tokenizer, vectors
from minent.errors import InputError
from minent.vectors import Lexicon, lexicon
from minent.vectors.lexicon import tokens_of
from tests.vectors import reference

SENTENCES = [
    "the cat sat on the mat.",
    "A cat ran; the dog sat!",
    "the dog ran on the mat",
    "a king and a queen, the king's men",
    "机器学习很有用，学习机器。",
    "我们学习机器学习",
    "un café très beau",
]


@pytest.fixture(scope="module")
def pieces():
    return tokenizer.train(SENTENCES * 20, tokenizer.TokenizerConfig(vocab_size=400))


@pytest.fixture(scope="module")
def learnt(pieces):
    return vectors.train_words(SENTENCES * 20, pieces, config=vectors.VectorsConfig(dim=8, max_iterations=0))


def test_texts_are_cut_at_spaces_marks_and_scripts():
    assert tokens_of("Don’t stop, 机器学习！ Ubuntu的box isn't—it's") == [
        "don’t", "stop", "机器学习", "ubuntu", "的", "box", "isn't", "it's",
    ]  # fmt: skip
    assert tokens_of("हिन्दी पाठ") == ["हिन्दी", "पाठ"]  # vowel signs are no letters, and stay with theirs
    assert tokens_of(" ... ") == []


@given(
    st.lists(st.text("学习机器", min_size=1, max_size=4), min_size=1, max_size=8, unique=True),
    st.lists(st.text("学习机器x ", max_size=14), max_size=5),
    st.integers(0, 99),
)
def test_the_compiled_cut_is_the_cheapest_cut(units, texts, seed):
    counts = np.random.default_rng(seed).integers(1, 1000, len(units))
    words = Lexicon(tuple(units), counts)
    ids, starts = words.encode_arrays(texts)
    assert starts.tolist() == np.cumsum([0, *(len(words.encode_arrays([text])[0]) for text in texts)]).tolist()
    at = 0
    for text in texts:
        for run in tokens_of(text):
            if "x" in run:
                continue
            bits = dict(zip(units, -np.log2(counts / counts.sum())))
            cut = [words.units[id_] for id_ in words.encode_arrays([run])[0]]
            assert ids[at : at + len(cut)].tolist() == words.encode_arrays([run])[0].tolist()
            at += len(cut)
            missing = len(run) - sum(map(len, cut))
            cost = sum(bits[unit] for unit in cut) + lexicon._UNKNOWN * missing
            assert cost == pytest.approx(reference.cheapest_cut(run, bits, lexicon._UNKNOWN))
            assert words._token_ids(run) == words.encode_arrays([run])[0].tolist()


def test_frequent_words_have_rows_and_rare_ones_are_composed(pieces):
    words = Lexicon.learn(["the cat sat"] * 5 + ["the catnip sat"], pieces, min_count=5)
    assert {"the", "cat", "sat"} <= set(words.units)
    assert "catnip" not in words.units
    parts = [words.units[id_] for id_ in words.compose("Catnip")]
    assert "".join(part.removeprefix("##") for part in parts) == "catnip"
    assert all(part.startswith("##") for part in parts)
    assert [words.units[id_] for id_ in words.encode_arrays(["The CAT!"])[0]] == ["the", "cat"]


def test_the_name_of_a_special_token_is_a_word_like_others(pieces):
    texts = ["the cat sat"] * 5 + ["endoftext"]
    words = Lexicon.learn(texts, pieces.with_specials(["endoftext"]), min_count=2)
    assert words.units == Lexicon.learn(texts, pieces, min_count=2).units


def test_pieces_that_belong_together_become_a_phrase():
    class Characters:
        vocab_size = 200

        def encode_arrays(self, texts, *, disallowed_special):
            rows = [[ord(c) - 0x4E00 for c in text] for text in texts]
            return np.array([id_ for row in rows for id_ in row], dtype=np.int32), np.cumsum([0, *map(len, rows)])

        def id_to_piece(self, id_):
            return chr(0x4E00 + id_).encode()

    always, chance = "\u4e01\u4e02", "\u4e03\u4e04"
    random = np.random.default_rng(0)
    texts = ["".join([always, *random.permutation(list(chance + "\u4e05\u4e06\u4e07\u4e08"))]) for _ in range(200)]
    words = Lexicon.learn(texts, Characters(), min_count=5)
    assert always in words.units
    assert chance not in words.units
    assert [words.units[id_] for id_ in words.compose(always + chance)] == [always, *chance]


def test_any_word_of_known_characters_has_a_vector(learnt):
    assert not learnt.has_row("器学")
    assert np.isfinite(learnt.vector("器学")).all()
    assert learnt.vector("器学").any()


def test_a_character_that_never_stood_alone_borrows_from_the_words_that_hold_it():
    words = Lexicon(("器", "机器", "仪器", "学", "##e", "##ee"), np.array([5, 3, 3, 1, 2, 2]))
    matrix = np.array([[0, 0], [1, 2], [3, 4], [9, 9], [0, 0], [1, 1]], dtype=np.float32)
    made = vectors.Vectors(
        matrix, words.counts, np.zeros(2, np.float32), vectors.VectorsConfig(), (), 0.0, lexicon=words
    )
    assert not made.known[0]
    assert np.allclose(made.vector("器"), [2, 3])
    with pytest.raises(InputError, match="holds nothing"):
        made.vector("e")


def test_a_word_with_a_row_is_its_row_and_strange_characters_are_named(learnt):
    assert np.array_equal(learnt.vector("CAT"), learnt.matrix[learnt.lexicon.ids_of("cat")[0]])
    with pytest.raises(InputError, match="holds nothing that was met"):
        learnt.vector("жук")


def test_composition_is_the_weighted_mean_of_the_parts():
    words = Lexicon(("##ab", "##c"), np.array([30, 10]))
    config = vectors.VectorsConfig(text_smoothing=0.5)
    matrix = np.array([[1, 2], [3, 8]], dtype=np.float32)
    made = vectors.Vectors(matrix, words.counts, np.zeros(2, np.float32), config, (), 0.0, lexicon=words)
    weights = np.array([0.5 / (0.5 + 0.75), 0.5 / (0.5 + 0.25)])
    assert np.allclose(made.vector("abc"), weights @ matrix / weights.sum(), atol=1e-6)


def test_only_whole_words_are_shown_and_the_question_is_not(learnt):
    shown = [word for word, _ in learnt.nearest("cat", k=100)]
    assert "cat" not in shown
    assert "dog" in shown
    assert not any(word.startswith("##") for word in shown)
    assert {spot["piece"] for spot in learnt.map()} <= {*shown, "cat"}
    answers = [word for word, _ in learnt.analogy("cat", "dog", "king", k=100)]
    assert not {"cat", "dog", "king"} & set(answers)


def test_pieces_of_a_tokenizer_answer_to_words_and_broken_ones_are_never_shown():
    texts = samples.load("subjectivity").unlabeled[:1500]
    pieces = tokenizer.train(texts, tokenizer.TokenizerConfig(vocab_size=1500))
    ids, starts = pieces.encode_arrays([*texts, *["a snake 蛇 in a film"] * 20])  # of 蛇 only the three bytes are known
    names = Lexicon.of_pieces(pieces, ids)
    config = vectors.VectorsConfig(dim=8, max_iterations=0)
    made = vectors.train(ids, starts, vocab_size=pieces.vocab_size, config=config, lexicon=names)
    assert len(names.compose("Film")) > 1  # "film", " film ", "film ": all are the word
    assert {names.units[id_].strip() for id_ in names.compose("film")} == {"film"}
    shown = [word for word, _ in made.nearest("film", k=1500)]
    assert len(shown) > 500
    assert all(word.strip() and "\ufffd" not in word and word.strip() != "film" for word in shown)
    assert made.vector("filmstar").any()
    with pytest.raises(InputError, match="Encode with that tokenizer"):
        made.embed_texts(["a cat"])
    with pytest.raises(InputError, match="lexicon names"):
        vectors.train(ids, starts, vocab_size=500, lexicon=names)


def test_texts_are_embedded_by_their_words(learnt):
    ids, starts = learnt.lexicon.encode_arrays(SENTENCES)
    assert np.array_equal(learnt.embed_texts(SENTENCES), learnt.embed(ids, starts))


def test_one_text_is_not_taken_for_its_letters(learnt, pieces):
    for ask in (learnt.embed_texts, learnt.lexicon.encode_arrays, lambda text: Lexicon.learn(text, pieces)):
        with pytest.raises(InputError, match=r"texts is one text; it takes several. Give a list: \[text\]."):
            ask("one text")


def test_half_a_pair_in_a_name_is_saved_and_not_exported(tmp_path):
    """Texts of broken bytes may hold such; UTF-8 cannot."""
    made = flat(["a", "b\udc80", "c"], [[1, 0], [0, 1], [1, 1]])
    made.save(tmp_path / "v")
    assert vectors.Vectors.load(tmp_path / "v").lexicon.units == ("a", "b\udc80", "c")
    for format in vectors.formats.FORMATS:
        made.export(tmp_path / format, format)
        assert vectors.Vectors.from_file(tmp_path / format).lexicon.units == ("a", "c")


def test_vectors_without_names_say_so():
    made = vectors.train(np.array([0, 1, 0, 1]), np.array([0, 4]), vocab_size=2)
    for ask in (
        lambda: made.nearest("a"),
        lambda: made.analogy("a", "b", "c"),
        lambda: made.export("x", "safetensors"),
    ):
        with pytest.raises(InputError, match="ids without names"):
            ask()


def test_names_are_saved_too(learnt, tmp_path):
    learnt.save(tmp_path / "v")
    again = vectors.Vectors.load(tmp_path / "v")
    assert again.lexicon.units == learnt.lexicon.units
    assert again.nearest("cat", k=5) == learnt.nearest("cat", k=5)
    assert again.lexicon.encode_arrays(SENTENCES)[0].tolist() == learnt.lexicon.encode_arrays(SENTENCES)[0].tolist()


def test_words_do_not_depend_on_threads(pieces, monkeypatch, tmp_path):
    digests = set()
    for threads in "12":
        monkeypatch.setenv("MINENT_THREADS", threads)
        made = vectors.train_words(SENTENCES * 20, pieces, config=vectors.VectorsConfig(dim=8, solver="sampled"))
        made.save(tmp_path / threads)
        digests.add(vectors.vectors.artifacts.read_manifest(tmp_path / threads).digest)
    assert len(digests) == 1


def test_texts_that_end_after_one_reading_are_refused(pieces):
    with pytest.raises(InputError, match="read only once"):
        vectors.train_words(iter(SENTENCES), pieces)
    with pytest.raises(InputError, match="texts is one text"):
        vectors.train_words(SENTENCES[0], pieces)


@pytest.mark.parametrize("bounds", [{"min_count": 0}, {"most": 0}])
def test_bounds_of_a_lexicon(pieces, bounds):
    with pytest.raises(InputError, match="1 or more"):
        Lexicon.learn(["a"], pieces, **bounds)


@pytest.mark.parametrize("texts", [[], ["", " ... "]])
def test_no_word_is_no_lexicon(pieces, texts):
    with pytest.raises(InputError, match="hold no word"):
        Lexicon.learn(texts, pieces)


# --- judging ----------------------------------------------------------------------------------------------------------


def flat(words, rows, kernel="dot"):
    names = Lexicon(tuple(words), np.arange(len(words), 0, -1))
    matrix = np.array(rows, dtype=np.float32)
    config = vectors.VectorsConfig(kernel=kernel)
    return vectors.Vectors(matrix, names.counts, np.zeros(matrix.shape[1], np.float32), config, (), 0.0, lexicon=names)


def test_similarity_is_the_rank_correlation_and_tells_its_coverage(tmp_path):
    made = flat(["a", "b", "c", "##d"], [[1, 0], [0.9, 0.1], [0, 1], [0.5, 0.5]])
    file = tmp_path / "pairs.txt"
    file.write_text("word1\tword2\tscore\na\tb\t9\na\tc\t1\nB\td\t4\nb\tzz\t5\n", encoding="utf-8")
    result = vectors.evaluate(made, file)
    assert (result.pairs, result.known, result.scored) == (4, 2, 3)
    assert result.spearman_known == pytest.approx(1)
    near = [made.closeness(made.vector(one), made.vector(other)) for one, other in ("ab", "ac", "bd")]
    assert near == pytest.approx([0.9 / np.hypot(0.9, 0.1), 0, np.sqrt(0.5) * 1 / np.hypot(0.9, 0.1)], abs=1e-6)
    assert result.spearman == pytest.approx(1)


@pytest.mark.parametrize("names", ["one\ttwo\tmean\tspread", "word1 word2 score rest", "one\ttwo\tmean"])
def test_the_first_line_may_name_the_columns(tmp_path, names):
    file = tmp_path / "pairs.txt"
    file.write_text(f"# of people\n{names}\na b 9 1\na c 1 2\n", encoding="utf-8")
    result = vectors.evaluate(flat(["a", "b", "c"], [[1, 0], [0.9, 0.1], [0, 1]]), file)
    assert (result.pairs, result.known, result.spearman) == (2, 2, pytest.approx(1))


def test_sections_may_part_similarities_too(tmp_path):
    made = flat(["a", "b", "c"], [[1, 0], [0.9, 0.1], [0, 1]])
    file = tmp_path / "pairs.txt"
    file.write_text(": near\na b 9\n: far\na c 1\n", encoding="utf-8")
    result = vectors.evaluate(made, file)
    assert (result.pairs, result.known, result.spearman) == (2, 2, pytest.approx(1))


def test_analogies_of_pieces_are_judged_as_they_are_answered(tmp_path):
    units = ("man", " man", " king", "woman", " queen", " woman")
    rows = [[1, 0, 1], [1, 0.1, 1], [1, 1, 1], [-1, 0, 1], [-1, 1, 1], [-1, 0.9, 1]]
    counts = np.arange(len(units), 0, -1)
    made = vectors.Vectors(
        np.array(rows, dtype=np.float32), counts, np.zeros(3, np.float32), vectors.VectorsConfig(), (), 0.0,
        lexicon=Lexicon(units, counts, is_cut=False),
    )  # fmt: skip
    assert made.analogy("man", "king", "woman", k=1)[0][0] == " queen"
    (tmp_path / "questions.txt").write_text("man king woman queen\n", encoding="utf-8")
    assert vectors.evaluate(made, tmp_path / "questions.txt").right == 1


@pytest.mark.parametrize("kernel", ["dot", "gauss"])
def test_analogies_are_judged_as_they_are_answered(tmp_path, kernel):
    words = ["man", "king", "woman", "queen", "boy", "girl"]
    made = flat(words, [[1, 0, 1], [1, 1, 1], [-1, 0, 1], [-1, 1, 1], [1, -1, 1], [-1, -1, 1.2]], kernel)
    file = tmp_path / "questions.txt"
    file.write_text(
        ": royal\nMan King Woman Queen\nman woman king queen\n: young\nman boy woman girl\nman boy he she\n"
    )
    result = vectors.evaluate(made, file)
    assert (result.questions, result.known) == (4, 3)
    asked = [("man", "king", "woman", "queen"), ("man", "woman", "king", "queen"), ("man", "boy", "woman", "girl")]
    assert result.right == sum(made.analogy(*row[:3], k=1)[0][0] == row[3] for row in asked) == 3
    assert result.sections == {"royal": (2, 2, 2), "young": (2, 1, 1)}
    assert result.accuracy == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a b 1\na b\n", r":2: 'a b' is neither"),
        ("a b 1\na b c d\n", "similarities and analogies"),
        ("\n", "no pair"),
    ],
)
def test_files_that_judge_nothing_are_named(tmp_path, text, said):
    (tmp_path / "f.txt").write_text(text)
    with pytest.raises(InputError, match=said):
        vectors.evaluate(flat(["a", "b"], [[1, 0], [0, 1]]), tmp_path / "f.txt")
    with pytest.raises(InputError, match="cannot be read"):
        vectors.evaluate(flat(["a"], [[1]]), tmp_path / "none.txt")


def test_distance_kernels_answer_by_distance():
    made = flat(["a", "b", "c"], [[1, 0], [9, 0], [1, 1]], kernel="t")
    assert made.nearest("a") == [("c", 0.5), ("b", pytest.approx(1 / 65))]
    assert flat(["a", "b", "c"], [[1, 0], [9, 0], [1, 1]]).nearest("a")[0] == ("b", 1.0)


# --- files of others --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", vectors.formats.FORMATS)
def test_files_give_back_every_bit(learnt, tmp_path, format):
    learnt.export(tmp_path / "v", format)
    again = vectors.Vectors.from_file(tmp_path / "v")
    assert np.isnan(again.bits_per_pair)
    named = [id_ for id_, unit in enumerate(learnt.lexicon.units) if learnt.known[id_]]
    assert sorted(again.lexicon.units) == sorted(learnt.lexicon.units[id_] for id_ in named)
    for id_ in named:
        [place] = [at for at, unit in enumerate(again.lexicon.units) if unit == learnt.lexicon.units[id_]]
        assert np.array_equal(again.matrix[place], learnt.matrix[id_])
        assert format != "safetensors" or again.counts[place] == learnt.counts[id_]
    again.save(tmp_path / "folder")
    assert np.isnan(vectors.Vectors.load(tmp_path / "folder").bits_per_pair)


def test_words_with_spaces_and_capitals_come_through(tmp_path):
    made = flat(["New York", "café", "新"], [[1, 0], [0.5, 2], [3, 4]])
    for format in vectors.formats.FORMATS:
        made.export(tmp_path / "v", format)
        again = vectors.Vectors.from_file(tmp_path / "v", format)
        assert again.lexicon.units == ("New York", "café", "新")
        assert again.has_row("new york")


@pytest.mark.parametrize("end", [b"", b"\n"])  # gensim writes nothing between rows, word2vec a line end
def test_a_small_binary_file_is_told_from_text(tmp_path, end):
    rows = np.array([[2.0, 0.0], [0.5, 2.0]], dtype="<f4")  # every byte of them is ASCII
    (tmp_path / "v").write_bytes(
        b"2 2\n" + b"".join(w + b" " + row.tobytes() + end for w, row in zip([b"a", b"b"], rows))
    )
    assert vectors.Vectors.from_file(tmp_path / "v").matrix.tolist() == rows.tolist()


def test_text_without_a_header_is_read(tmp_path):
    (tmp_path / "glove.txt").write_text("the 1 2 3\nof 4 5 6\n")
    assert vectors.Vectors.from_file(tmp_path / "glove.txt").matrix.tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"2 3\na 1 2 3\nb 1 2\n", ":3: has 2 numbers, but the first line has 3"),
        (b"3 2\na 1 2\nb 3 4\n", "ends after 2 of its 3 words"),
        (gzip.compress(bytes(range(256)) * 9)[:-9] + b"\xff" * 9, "cannot be read"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xff\xff\xff\xff", "cannot be read"),
        (b"1 2\na 1 x\n", ":2: 'a 1 x' is not a word and numbers"),
        (b"1 2\na 1 nan\n", "not finite"),
        (b"", "holds no words"),
        (b"2 2\na \xff\xff\xff\xff\n", "ends before its 2 words"),
        (b"\x02\0\0\0\0\0\0\0{}", "is no export of vectors"),
    ],
)
def test_broken_files_are_named(tmp_path, content, said):
    (tmp_path / "v").write_bytes(content)
    with pytest.raises(InputError, match=said):
        vectors.Vectors.from_file(tmp_path / "v")


def test_unknown_formats_are_named(learnt, tmp_path):
    with pytest.raises(InputError, match="Did you mean 'word2vec-text'"):
        learnt.export(tmp_path / "v", "word2vec-txt")
    with pytest.raises(InputError, match="there is"):
        vectors.Vectors.from_file(tmp_path / "v", "pickle")
    with pytest.raises(InputError, match="cannot be read"):
        vectors.Vectors.from_file(tmp_path / "none")
