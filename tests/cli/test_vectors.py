"""`minent vectors ...`: from a tokenizer and texts to neighbours."""

from __future__ import annotations

import json

import pytest

from minent import samples
from minent.tokenizer import Tokenizer
from minent.vectors import Vectors
from tests.cli.terminal import run

SAMPLE = samples.path("subjectivity")


@pytest.fixture(scope="module")
def vectors_folder(tokenizer_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "vectors"
    texts = SAMPLE / "test.jsonl"
    made = run("vectors", "train", tokenizer_folder, texts, "-o", folder, "--dim", 8, "--iterations", 1)
    assert (made.code, made.err) == (0, "")
    assert made.out.startswith(f"{folder}: ")
    return folder


def test_nearest_and_analogy_of_words(vectors_folder):
    learnt = Vectors.load(vectors_folder)
    shown = run("vectors", "nearest", vectors_folder, "film", "-k", 3)
    found = [(json.dumps(word), f"{near:.4f}") for word, near in learnt.nearest("film", 3)]
    assert [tuple(line.split("\t")) for line in shown.out.splitlines()] == found
    assert len(run("vectors", "nearest", vectors_folder, "filmographies", "-k", 2).out.splitlines()) == 2
    asked = run("vectors", "analogy", vectors_folder, "he", "his", "she", "-k", 4)
    assert [json.loads(line.split("\t")[0]) for line in asked.out.splitlines()] == [
        word for word, _ in learnt.analogy("he", "his", "she", 4)
    ]


def test_a_word_of_unknown_characters_is_refused(vectors_folder):
    refused = run("vectors", "nearest", vectors_folder, "жук")
    assert refused.code == 2
    assert refused.err == "minent: 'жук' holds nothing that was met in training, so it has no vector.\n"


def test_evaluate_prints_the_coverage(vectors_folder, tmp_path):
    (tmp_path / "pairs.txt").write_text("film movie 9\nfilm story 7\nfilm qqq 1\nhe she 8\n")
    (tmp_path / "analogies.txt").write_text(": pronouns\nhe his she her\nhe his qqq her\n")
    shown = run("vectors", "evaluate", vectors_folder, tmp_path / "pairs.txt", tmp_path / "analogies.txt")
    assert shown.code == 0
    similar, analogous = shown.out.splitlines()
    assert "on 3 of 4 pairs with rows of their own" in similar
    assert analogous.endswith("on 1 of 2 questions")
    refused = run("vectors", "evaluate", vectors_folder, tmp_path / "none.txt")
    assert (refused.code, "cannot be read" in refused.err) == (2, True)


def test_export_is_read_back(vectors_folder, tmp_path):
    for format in ("word2vec-text", "word2vec-binary", "safetensors"):
        target = tmp_path / format
        made = run("vectors", "export", vectors_folder, "-o", target, "--format", format)
        assert made.out == f"{target}: {format}, {target.stat().st_size:,} bytes\n"
        shown = run("vectors", "nearest", target, "film", "-k", 3).out
        assert shown == run("vectors", "nearest", vectors_folder, "film", "-k", 3).out
    assert "the file exists" in run("vectors", "export", vectors_folder, "-o", target).err
    assert (
        "Did you mean 'safetensors'"
        in run("vectors", "export", vectors_folder, "-o", tmp_path / "x", "--format", "safetensor").err
    )


def test_pieces_serve_the_encoder(tokenizer_folder, tmp_path):
    made = run(
        "vectors", "train", tokenizer_folder, SAMPLE / "test.jsonl", "-o", tmp_path / "v", "--units", "pieces",
        "--dim", 8, "--iterations", 1,
    )  # fmt: skip
    assert (made.code, made.err) == (0, "")
    assert Vectors.load(tmp_path / "v").vocab_size == Tokenizer.load(tokenizer_folder).vocab_size
    assert len(run("vectors", "nearest", tmp_path / "v", "film", "-k", 2).out.splitlines()) == 2
    refused = run("vectors", "train", tokenizer_folder, "-", "-o", tmp_path / "w", "--units", "word")
    assert refused.err == "minent: --units is 'word'; there is 'words', 'pieces'. Did you mean 'words'?\n"


def test_taken_folder_and_wrong_kind(vectors_folder, tokenizer_folder):
    assert "the folder exists" in run("vectors", "train", tokenizer_folder, "no.txt", "-o", vectors_folder).err
    assert "holds kind 'vectors', but 'tokenizer' is needed" in run("tokenizer", "stats", vectors_folder).err
