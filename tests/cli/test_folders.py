"""`minent predict MODEL FOLDER`: a file of answers for each file."""

from __future__ import annotations

import gzip

import pytest

from minent import TextClassifier
from tests.classifier.corpora import draw
from tests.cli.terminal import run


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    place = tmp_path_factory.mktemp("made") / "model"
    TextClassifier(budget_seconds=5).fit(*draw(10, seed=0)).save(place)
    return place


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "texts"
    (place / "inner").mkdir(parents=True)
    (place / "b.txt").write_text("the old reef\nan oak\n" * 5000)
    (place / "a.csv").write_text('text\n"a tide,\nlow"\n')
    (place / "c.txt.gz").write_bytes(gzip.compress(b"moss\n"))
    (place / "empty.txt").touch()
    (place / ".hidden").touch()
    return place


def test_each_file_gets_its_answers(model, folder, tmp_path):
    shown = run("predict", model, folder, "-o", tmp_path / "out")
    assert (shown.code, shown.err) == (0, "")
    names = [f"{name}.tsv" for name in ("a.csv", "b.txt", "c.txt.gz", "empty.txt")]
    counts = ("1", "10,000", "1", "0")
    assert shown.out == "".join(f"{tmp_path / 'out' / name}: {count} texts\n" for name, count in zip(names, counts))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    for name in ("a.csv", "b.txt"):
        assert (tmp_path / "out" / f"{name}.tsv").read_text() == run("predict", model, folder / name).out
    run("predict", model, folder, "-o", tmp_path / "json", "--json", "-k", 2)
    assert (tmp_path / "json" / "b.txt.jsonl").read_text() == run(
        "predict", model, folder / "b.txt", "--json", "-k", 2
    ).out


def test_what_is_there_is_passed_over_or_refused(model, folder, tmp_path):
    out = tmp_path / "out"
    (folder / "broken.txt").write_bytes(b"ok\n" * 9000 + b"caf\xe9\n")
    stopped = run("predict", model, folder, "-o", out)
    assert stopped.code == 2
    assert "broken.txt" in stopped.err
    assert sorted(path.name for path in out.iterdir()) == ["a.csv.tsv", "b.txt.tsv"]  # whole files, and nothing half
    again = run("predict", model, folder, "-o", out)
    assert again.err.startswith(f"minent: {out / 'a.csv.tsv'}: is there already. Give --resume to pass over it, or")
    (folder / "broken.txt").unlink()
    assert [line.split(":")[0] for line in run("predict", model, folder, "-o", out, "--resume").out.splitlines()] == [
        str(out / "c.txt.gz.tsv"),
        str(out / "empty.txt.tsv"),
    ]


def test_refusals(model, folder, tmp_path):
    assert "Say with --output where" in run("predict", model, folder).err
    assert "is no folder" in run("predict", model, folder / "b.txt", "-o", tmp_path / "out").err
    kept = run("predict", model, folder / "b.txt", "--resume")
    assert (kept.code, kept.out) == (2, "")
    assert "so no answers are kept. Leave it out." in kept.err
    into = run("predict", model, folder, "-o", folder / "inner" / "..")
    assert (into.code, "holds the texts; answers there would be read as texts" in into.err) == (2, True)
    (tmp_path / "none").mkdir()
    assert "holds no file" in run("predict", model, tmp_path / "none", "-o", tmp_path / "out").err
    assert "--top-k is 0" in run("predict", model, folder, "-o", tmp_path / "out", "-k", 0).err
    assert "engine is 'rey'" in run("predict", model, folder, "-o", tmp_path / "out", "--engine", "rey").err
    assert not (tmp_path / "out").exists()
