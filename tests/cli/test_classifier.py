"""The main verbs, end to end on the sample."""

from __future__ import annotations

import csv
import json

import pytest

from minent import TextClassifier, samples
from minent.artifacts import read_manifest
from tests.cli.terminal import Run, run

SAMPLE = samples.path("subjectivity")
POOL = [part for split in range(1, 5) for part in ("--unlabeled", SAMPLE / f"train-{split}.jsonl")]
UNHURRIED = ("--budget-seconds", 60)  # far more than the few texts take, so that the clock decides nothing


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "model"
    return folder, run("fit", SAMPLE / "train-0.jsonl", *POOL, "-o", folder, *UNHURRIED)


def test_fit_leaves_a_model_a_report_and_what_to_do_next(fitted):
    folder, made = fitted
    assert (made.code, made.err) == (0, "")
    assert made.out.startswith("rung ")
    assert made.out.endswith(
        f'model: {folder}\nreport: {folder / "report.html"}\ntry: echo "some text" | minent predict {folder}\n'
    )
    assert made.out.count("shipped") >= 1
    assert "<html" in (folder / "report.html").read_text()
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_predict_answers_as_the_classifier_does(fitted):
    folder, _ = fitted
    texts = ["a film that never takes off", "", "he is a spy who falls in love", "\x00 价格"]
    shown = run("predict", folder, stdin="\n".join(texts))
    model = TextClassifier.load(folder)
    rows = zip(model.predict(texts), model.predict_proba(texts).max(axis=1))
    assert shown == Run(0, "".join(f"{label}\t{probability:.4f}\n" for label, probability in rows), "")
    assert run("predict", folder) == Run(0, "", "")


def test_predict_reads_tables_and_prints_json(fitted, tmp_path):
    folder, _ = fitted
    (tmp_path / "rows.csv").write_text('id,text\n1,"a film,\nand good"\n')
    answer = json.loads(run("predict", folder, tmp_path / "rows.csv", "--json", "-k", 2).out)
    assert sorted(answer["labels"]) == ["objective", "subjective"]


def test_predict_prints_as_many_labels_as_a_promise_asks_for(fitted):
    folder, _ = fitted
    texts = ["a film that never takes off", "", "he is a spy who falls in love", "so"]
    model, stdin = TextClassifier.load(folder), "\n".join(texts)
    shown = run("predict", folder, "--coverage", 0.95, stdin=stdin)
    assert [line.split("\t")[::2] for line in shown.out.splitlines()] == model.predict_sets(texts, 0.95)
    threshold = model.threshold_for_precision(0.8)
    shown = run("predict", folder, "--precision", 0.8, stdin=stdin)
    said = model.predict(texts, reject_below=threshold).tolist()
    assert [line.split("\t")[0] for line in shown.out.splitlines()] == said
    assert "" in said
    empty = [
        json.loads(line) for line in run("predict", folder, "--precision", 0.8, "--json", stdin=stdin).out.splitlines()
    ]
    assert [(answer["labels"] or [""])[0] for answer in empty] == said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--coverage", 0.9, "--precision", 0.9), "--coverage and --precision are both given"),
        (("--coverage", 0.9, "--top-k", 2), "--top-k is given beside"),
        (("--coverage", 1.5), "coverage is 1.5"),
        (("--precision", 0.99999), "precision"),
    ],
)
def test_promises_that_cannot_be_made_are_refused(fitted, options, message):
    refused = run("predict", fitted[0], *options, stdin="so good")
    assert (refused.code, refused.out) == (2, "")
    assert message in refused.err


def test_predict_names_a_broken_byte(fitted):
    folder, _ = fitted
    refused = run("predict", folder, stdin=b"ok\ncaf\xe9\n")
    assert refused.code == 2
    assert refused.err.startswith("minent: stdin, line 2, byte 4: 0xe9 is not valid utf-8. Give the file's encoding")
    assert len(run("predict", folder, "--encoding-errors", "keep", stdin=b"ok\ncaf\xe9\n").out.splitlines()) == 2
    assert len(run("predict", folder, "--encoding", "latin-1", stdin=b"ok\ncaf\xe9\n").out.splitlines()) == 2


def test_test_measures_and_counts_unseen_labels(fitted, tmp_path):
    folder, _ = fitted
    found = json.loads(run("test", folder, SAMPLE / "test.jsonl", "--json").out)
    assert found["texts"] == sum(one["texts"] for one in found["classes"].values()) == 2000
    sample = samples.load("subjectivity")
    assert found["accuracy"] == TextClassifier.load(folder).score(sample.test_texts, sample.test_labels)
    rows = tmp_path / "rows.tsv"
    rows.write_text("text\tlabel\nhe is a spy\tnew\nhe is a spy\tnewer\nhe\tnew\n")
    shown = run("test", folder, rows)
    lines = [" ".join(line.split()) for line in shown.out.splitlines()]
    assert lines[:4] == ["texts 3", "accuracy 0.0%", "macro F1 0.0%", lines[3]]
    assert lines[-1] == "training never saw the labels 'new' (2), 'newer' (1): these texts count as wrong."


def test_suggest_prints_csv(fitted):
    folder, _ = fitted
    arguments = ("--labelled", SAMPLE / "train-0.jsonl", "-n", 3)
    rows = list(
        csv.DictReader(run("suggest", SAMPLE / "train-1.jsonl", "--model", folder, *arguments).out.splitlines())
    )
    assert len(rows) == 3
    assert all(row["label"] == "" and row["guess"] in ("objective", "subjective") for row in rows)
    cold = list(csv.DictReader(run("suggest", SAMPLE / "train-1.jsonl", "-n", 2).out.splitlines()))
    assert [row["guess"] for row in cold] == ["", ""]


def test_report_is_drawn_again(fitted, tmp_path):
    folder, _ = fitted
    assert run("report", folder, "-o", tmp_path / "r.html") == Run(0, f"report: {tmp_path / 'r.html'}\n", "")
    assert (tmp_path / "r.html").read_bytes() == (folder / "report.html").read_bytes()
    assert run("report", folder, "-o", tmp_path).code == 2


def test_compress_says_what_it_saved(fitted, tmp_path):
    folder, _ = fitted
    small = tmp_path / "small"
    shown = run("compress", folder, "-o", small, "--texts", SAMPLE / "test.jsonl")
    assert (shown.code, shown.err) == (0, "")
    sizes = read_manifest(small).facts["sizes"]
    assert sizes["bytes"] < sizes["bytes_before"]
    assert shown.out.startswith(f"{small}: {sizes['bytes_before']:,} -> {sizes['bytes']:,} bytes, 99.")
    assert shown.out.endswith("% of answers stay\n")
    judged = run("compress", folder, "-o", tmp_path / "judged", "--test", SAMPLE / "test.jsonl", "--texts", POOL[1])
    sample = samples.load("subjectivity")
    before = TextClassifier.load(folder).score(sample.test_texts, sample.test_labels)
    assert f"accuracy {before:.1%} -> " in judged.out
    assert run("predict", small, stdin="a film\n").code == 0
    assert "the folder exists" in run("compress", folder, "-o", small).err
    refused = run("compress", folder, "-o", tmp_path / "other", "--max-size", "2X")
    assert refused.err == "minent: --max-size is '2X'; it takes a number of bytes, such as 200K or 2M.\n"


def test_fit_refuses_before_it_works(fitted, tmp_path):
    folder, _ = fitted
    assert "the folder exists. Give --overwrite" in run("fit", "no-such-file.csv", "-o", folder).err
    one = tmp_path / "one.csv"
    one.write_text("text,label\na,x\nb,x\n")
    refused = run("fit", one, "-o", tmp_path / "m")
    assert refused.code == 2
    assert "one class only" in refused.err
    assert run("fit", one, "--label-column", "lable", "-o", tmp_path / "m").err == (
        f"minent: {one}: there is no column 'lable'. The columns are 'text', 'label'. Did you mean 'label'?\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["one.csv"]


def test_a_fit_that_was_killed_goes_on(fitted, tmp_path, monkeypatch):
    command = ("fit", SAMPLE / "train-0.jsonl", *POOL, *UNHURRIED)

    def killed(*arguments, **options):
        raise RuntimeError("killed while saving")

    with monkeypatch.context() as patch:
        patch.setattr(TextClassifier, "save", killed)
        with pytest.raises(RuntimeError):
            run(*command, "-o", tmp_path / "model")
    assert (tmp_path / "model.partial").is_dir()
    assert run(*command, "-o", tmp_path / "model", "--resume").code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]
    assert read_manifest(tmp_path / "model").digest == read_manifest(fitted[0]).digest


def test_ctrl_c_before_any_result_says_how_to_go_on(tmp_path, monkeypatch):
    def stopped(self, *arguments, work_folder, **options):
        work_folder.mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(TextClassifier, "fit", stopped)
    assert run("fit", SAMPLE / "train-0.jsonl", "-o", tmp_path / "m") == Run(
        130,
        "",
        f"minent: what was finished is in {tmp_path / 'm.partial'}; --resume goes on from there.\n"
        "minent: stopped by Ctrl-C; nothing half-written is left.\n",
    )


def test_demo_runs_and_says_what_is_next(tmp_path):
    folder = tmp_path / "demo"
    shown = run("demo", "-o", folder, "--budget-seconds", 3)
    assert (shown.code, shown.err) == (0, "")
    lines = shown.out.splitlines()
    assert lines[0].startswith("sample: 32 labelled, 8,000 unlabelled, 2,000 test sentences")
    assert lines[-1] == f'try: echo "a film that never quite takes off" | minent predict {folder}'
    assert any(line.startswith("accuracy  ") for line in lines)
    assert "the folder exists" in run("demo", "-o", folder).err
