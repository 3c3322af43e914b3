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


def test_nearest_of_a_piece_and_of_a_phrase(vectors_folder, tokenizer_folder):
    shown = run("vectors", "nearest", vectors_folder, tokenizer_folder, "e", "-k", 3)
    known, learnt = Tokenizer.load(tokenizer_folder), Vectors.load(vectors_folder)
    [id] = known.encode("e")
    found = [(known.id_to_piece(near).decode(), f"{cosine:.4f}") for near, cosine in learnt.nearest(id, 3)]
    assert [tuple(line.split("\t")) for line in shown.out.splitlines()] == [
        (json.dumps(piece), cosine) for piece, cosine in found
    ]
    assert len(run("vectors", "nearest", vectors_folder, tokenizer_folder, "film zzz", "-k", 2).out.splitlines()) == 2


def test_analogy_wants_single_pieces(vectors_folder, tokenizer_folder):
    assert (
        len(run("vectors", "analogy", vectors_folder, tokenizer_folder, "a", "o", "i", "-k", 4).out.splitlines()) == 4
    )
    refused = run("vectors", "analogy", vectors_folder, tokenizer_folder, "a", "o", "zqz")
    assert refused.code == 2
    assert refused.err == (
        """minent: 'zqz' is not one piece of the tokenizer but ["z", "q", "z"]. Choose a more frequent word.\n"""
    )


def test_another_tokenizer_is_refused(vectors_folder, tmp_path):
    run("tokenizer", "train", "-", "--vocab-size", 300, "-o", tmp_path / "other", stdin="so it goes\n" * 30)
    refused = run("vectors", "nearest", vectors_folder, tmp_path / "other", "so")
    assert refused.code == 2
    assert refused.err.endswith("Give the tokenizer that the vectors were trained with.\n")


def test_taken_folder_and_wrong_kind(vectors_folder, tokenizer_folder):
    assert "the folder exists" in run("vectors", "train", tokenizer_folder, "no.txt", "-o", vectors_folder).err
    assert "holds kind 'vectors', but 'tokenizer' is needed" in run("tokenizer", "stats", vectors_folder).err
