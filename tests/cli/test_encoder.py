"""`minent encoder ...`: pretrain, go on, measure."""

from __future__ import annotations

import pytest

from minent import samples
from minent.artifacts import read_manifest
from tests.cli.terminal import run

SAMPLE = samples.path("subjectivity")
SMALL = ("--steps", 3, "--dim", 16, "--layers", 1, "--max-length", 32)


@pytest.fixture(scope="module")
def encoder_folder(tokenizer_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "encoder"
    made = run("encoder", "pretrain", tokenizer_folder, SAMPLE / "train-0.jsonl", "-o", folder, *SMALL)
    assert (made.code, made.err) == (0, "")
    assert made.out.startswith(f"{folder}: 3 steps, ")
    assert not folder.with_name("encoder.partial").exists()
    return folder


def test_evaluate_says_the_loss_in_bits_per_byte(encoder_folder, tokenizer_folder):
    shown = run("encoder", "evaluate", encoder_folder, tokenizer_folder, SAMPLE / "train-1.jsonl")
    assert (shown.code, shown.err) == (0, "")
    assert " bits per byte on " in shown.out


def test_a_run_that_was_killed_goes_on(encoder_folder, tokenizer_folder, tmp_path, monkeypatch):
    from minent import encoders
    from minent.encoders import PretrainedEncoder

    def killed(*arguments, **options):
        raise RuntimeError("killed while saving")

    command = ("encoder", "pretrain", tokenizer_folder, SAMPLE / "train-0.jsonl", "-o", tmp_path / "encoder", *SMALL)
    with monkeypatch.context() as patch:
        patch.setattr(PretrainedEncoder, "save", killed)
        with pytest.raises(RuntimeError):
            run(*command)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["encoder.partial"]

    steps = []
    pretrain = encoders.pretrain
    monkeypatch.setattr(
        encoders, "pretrain", lambda *a, **options: pretrain(*a, **options | {"progress": lambda e: steps.append(e)})
    )
    assert run(*command, "--resume").code == 0
    assert not any(event.stage == "pretrain the encoder" and event.done < 3 for event in steps)
    assert read_manifest(tmp_path / "encoder").digest == read_manifest(encoder_folder).digest


def test_wrong_names_cost_one_line(tokenizer_folder, tmp_path):
    texts = SAMPLE / "train-0.jsonl"
    refused = run("encoder", "pretrain", tokenizer_folder, texts, "-o", tmp_path / "e", "--mixer", "gmpl")
    assert refused.code == 2
    assert refused.err.startswith("minent: mixer is 'gmpl'; it takes one of 'attention', 'mlp_mixer', ")
    assert refused.err.endswith(" Did you mean 'gmlp'?\n")
    assert refused.err.count("\n") == 1


def test_vectors_of_words_are_refused_with_the_cure(tokenizer_folder, tmp_path):
    texts = SAMPLE / "train-0.jsonl"
    assert run("vectors", "train", tokenizer_folder, texts, "-o", tmp_path / "words", "--dim", 16).code == 0
    refused = run("encoder", "pretrain", tokenizer_folder, texts, "-o", tmp_path / "e", "--vectors", tmp_path / "words")
    assert refused.code == 2
    assert refused.err.count("\n") == 1
    assert "holds vectors of words" in refused.err
    assert "--units pieces" in refused.err
