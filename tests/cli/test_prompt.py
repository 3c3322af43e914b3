"""`minent prompt ...`: tune and predict."""

from __future__ import annotations

import json

import pytest

from minent import samples
from minent.encoders import PretrainedEncoder
from tests.cli.terminal import Run, run

SAMPLE = samples.path("subjectivity")


@pytest.fixture(scope="module")
def backbone(tokenizer_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "encoder"
    small = ("--steps", 1, "--dim", 16, "--layers", 1, "--max-length", 32)
    assert run("encoder", "pretrain", tokenizer_folder, SAMPLE / "train-0.jsonl", "-o", folder, *small).code == 0
    return (folder,)


@pytest.fixture(scope="module")
def prompts_folder(backbone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "prompts"
    made = run("prompt", "tune", *backbone, SAMPLE / "train-0.jsonl", "-o", folder, "--steps", 2)
    assert (made.code, made.err) == (0, "")
    lines = made.out.splitlines()
    assert lines[0].split() == ["weights", "arrays", "numbers", "state"]
    assert any(line.startswith("body.*") and line.endswith("frozen") for line in lines)
    assert lines[-1].startswith(f"{folder}: 2 classes, ")
    return folder


def test_one_answer_per_line(prompts_folder, backbone):
    shown = run("prompt", "predict", prompts_folder, *backbone, stdin="a film\n\na spy\n")
    assert (shown.code, shown.err) == (0, "")
    for line in shown.out.splitlines():
        label, probability = line.split("\t")
        assert label in ("objective", "subjective")
        assert 0.5 <= float(probability) <= 1
    assert len(shown.out.splitlines()) == 3
    assert run("prompt", "predict", prompts_folder, *backbone) == Run(0, "", "")


def test_several_answers_and_json(prompts_folder, backbone):
    both = run("prompt", "predict", prompts_folder, *backbone, "-k", 2, "--json", stdin="a film\n")
    answer = json.loads(both.out)
    assert sorted(answer["labels"]) == ["objective", "subjective"]
    assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-5)
    refused = run("prompt", "predict", prompts_folder, *backbone, "-k", 0, stdin="a film\n")
    assert refused == Run(2, "", "minent: --top-k is 0; it takes a whole number, 1 or more.\n")


def test_words_for_classes(backbone, tmp_path):
    command = ("prompt", "tune", *backbone, SAMPLE / "train-0.jsonl", "-o", tmp_path / "p", "--steps", 1)
    assert run(*command, "--words", "good").err == (
        "minent: --words is 'good'; it takes a class and its words, such as --words positive=good.\n"
    )
    both = run(*command, "--words", "subjective=good", "--find-words")
    assert both.err == "minent: --find-words and --words were both given; the words are either found or stated.\n"
    assert run(*command, "--words", "subjective=good", "--words", "objective=a=b").code == 0


def test_several_seeds_and_templates_are_averaged(backbone, tmp_path):
    templates = ("--template", "{p}{mask}{text}", "--template", "{text}{p}{mask}")
    command = ("prompt", "tune", *backbone, SAMPLE / "train-0.jsonl", "-o", tmp_path / "p", "--steps", 1)
    made = run(*command, *templates, "--seeds", 2)
    assert (made.code, made.err) == (0, "")
    assert f"{tmp_path / 'p'}: 4 tunings, 2 classes" in made.out
    shown = run("prompt", "predict", tmp_path / "p", *backbone, stdin="a film\n")
    assert (shown.code, len(shown.out.splitlines())) == (0, 1)


def test_pairs_come_from_two_columns(backbone, tmp_path):
    rows = [
        {"first": text, "second": other, "label": label}
        for text, other, label in [
            ("a film", "a film", "same"),
            ("a spy", "a film", "other"),
            ("a spy", "a spy", "same"),
            ("war", "film", "other"),
        ]
    ]
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = ("--text-column", "first", "--pair-column", "second")
    command = ("prompt", "tune", *backbone, file, "-o", tmp_path / "p", "--steps", 1, *columns)
    made = run(*command, "--template", "{text}{p}{mask}{text_b}")
    assert (made.code, made.err) == (0, "")
    shown = run("prompt", "predict", tmp_path / "p", *backbone, file, *columns)
    assert (shown.code, len(shown.out.splitlines())) == (0, 4)
    piped = run("prompt", "predict", tmp_path / "p", *backbone, *columns, "--format", "jsonl", stdin=file.read_text())
    assert (piped.code, piped.err.count("\n")) == (2, 1)
    assert "it can be read once only. Save it to a file" in piped.err
    (tmp_path / "pairs.txt").write_text("__label__same a film\n__label__other a spy\n")
    lines = run("prompt", "tune", *backbone, tmp_path / "pairs.txt", "-o", tmp_path / "q", *columns)
    assert (lines.code, lines.err.count("\n")) == (2, 1)
    assert "lines of text have no columns, but --pair-column names 'second'" in lines.err
    assert "two strings are needed" in run("prompt", "predict", tmp_path / "p", *backbone, stdin="a film\n").err


def test_an_encoder_without_its_tokenizer_asks_for_it(backbone, tokenizer_folder, tmp_path):
    bare = tmp_path / "bare"
    PretrainedEncoder.load(backbone[0]).save(bare)
    command = ("prompt", "tune", bare, SAMPLE / "train-0.jsonl", "-o", tmp_path / "p", "--steps", 1)
    assert "holds an encoder without its tokenizer" in run(*command).err
    assert run(*command, "--tokenizer", tokenizer_folder).code == 0
