"""`minent prompt ...`: tune and predict."""

from __future__ import annotations

import json

import pytest

from minent import samples
from tests.cli.terminal import Run, run

SAMPLE = samples.path("subjectivity")


@pytest.fixture(scope="module")
def backbone(tokenizer_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "encoder"
    small = ("--steps", 1, "--dim", 16, "--layers", 1, "--max-length", 32)
    assert run("encoder", "pretrain", tokenizer_folder, SAMPLE / "train-0.jsonl", "-o", folder, *small).code == 0
    return folder, tokenizer_folder


@pytest.fixture(scope="module")
def prompts_folder(backbone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "prompts"
    made = run("prompt", "tune", *backbone, SAMPLE / "train-0.jsonl", "-o", folder, "--steps", 2)
    assert (made.code, made.err) == (0, "")
    assert made.out.startswith(f"{folder}: 2 classes, ")
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
    assert run(*command, "--words", "subjective=good", "--words", "objective=a=b").code == 0
