"""What a hostile machine or a careless hand does to a run: one line, code 2, nothing half-written."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from minent import artifacts, corpus
from tests.cli.terminal import Run, run

MINENT = (sys.executable, "-c", "from minent.cli import main; main()")
FEW = "text,label\n" + "".join(f"a {word} film,{label}\n" for word, label in [("good", "pos"), ("bad", "neg")] * 3)


@pytest.fixture
def few(tmp_path) -> Path:
    path = tmp_path / "few.csv"
    path.write_text(FEW)
    return path


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("arguments", [["--version"], ["audit", "few.csv"]])
def test_a_full_stdout_is_one_line(few, arguments):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*MINENT, *arguments], cwd=few.parent, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (
        2,
        "minent: stdout or a file: cannot be written (No space left on device). "
        "Free some space or choose another place.\n",
    )


@pytest.mark.parametrize(
    ("closed", "code", "sentence"),
    [
        (">&-", 2, "minent: stdout is closed, so no answer can be given. Send it somewhere, such as > answers.txt.\n"),
        ("<&-", 2, "minent: stdin: is closed. Name a file, or send the texts through a pipe.\n"),
        ("2>&-", 2, ""),
    ],
)
def test_closed_streams(closed, code, sentence):
    script = 'exec "$0" "$@" ' + closed
    done = subprocess.run(["sh", "-c", script, *MINENT, "audit", "-"], input="", capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", sentence)


def test_what_the_machine_refuses_is_one_line_and_our_bugs_are_not(monkeypatch):
    def refused(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device", "some/file")

    monkeypatch.setattr(corpus, "read_labelled", refused)
    assert run("audit", "-").err == (
        "minent: some/file: cannot be written (No space left on device). Free some space or choose another place.\n"
    )

    def mistaken(*arguments, **options):
        raise FileNotFoundError(errno.ENOENT, "No such file", "some/file")

    monkeypatch.setattr(corpus, "read_labelled", mistaken)
    with pytest.raises(FileNotFoundError):
        run("audit", "-")


@pytest.mark.parametrize("output", [".", "", ".."])
def test_an_output_without_a_name(few, monkeypatch, output):
    (few.parent / "here").mkdir()
    monkeypatch.chdir(few.parent / "here")
    shown = str(Path(output))
    assert run("fit", few, "-o", output) == Run(
        2, "", f"minent: --output is {shown!r}; it takes the name of a folder to make, such as 'model'.\n"
    )


def test_an_output_that_cannot_be_made_is_refused_before_any_work(few, monkeypatch):
    for verb in (["fit"], ["tokenizer", "train"]):
        assert run(*verb, "no-such-file", "-o", few / "a" / "b") == Run(
            2, "", f"minent: {few}: is a file, so no folder can be made in it. Choose another --output.\n"
        )
    monkeypatch.setattr("os.access", lambda *arguments: False)
    assert run("fit", few, "-o", few.parent / "deep" / "model") == Run(
        2, "", f"minent: {few.parent}: cannot be written. Choose another --output, or change its permissions.\n"
    )
    assert [path.name for path in few.parent.iterdir()] == ["few.csv"]


def test_one_class_only_names_the_file(tmp_path):
    (tmp_path / "one.csv").write_text("text,label\na,x\nb,x\nc,\n")
    assert run("fit", tmp_path / "one.csv", "-o", tmp_path / "m") == Run(
        2, "", f"minent: {tmp_path / 'one.csv'}: holds one class only, 'x'. Label some texts of another class.\n"
    )


@pytest.mark.parametrize("threads", ["0", "abc"])
def test_wrong_threads_are_refused_at_the_door(few, monkeypatch, threads):
    monkeypatch.setenv("MINENT_THREADS", threads)
    assert run("audit", few) == Run(
        2, "", f"minent: MINENT_THREADS is '{threads}'; it takes a whole number above zero, such as 2.\n"
    )


def test_labels_end_no_line_and_colour_no_terminal(tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("text,label\n" + 'a good film,"new\nline"\na bad film,\x1b[31mred\n' * 3)
    model = tmp_path / "model"
    assert run("fit", rows, "-o", model, "--budget-seconds", 5).code == 0
    answers = run("predict", model, "-k", 2, stdin="a film\n\n").out.splitlines()
    assert [sorted(line.split("\t")[::2]) for line in answers] == [["\\x1b[31mred", "new\\nline"]] * 2
    shown = run("test", model, rows).out
    assert [line.split()[0] for line in shown.splitlines()[-2:]] == ["\\x1b[31mred", "new\\nline"]


def test_kept_bytes_are_measured(tokenizer_folder):
    shown = run("tokenizer", "stats", tokenizer_folder, "-", "--encoding-errors", "keep", stdin=b"caf\xe9\n")
    assert (shown.code, shown.err) == (0, "")
    assert "stdin: bytes\t4\n" in shown.out


def test_a_report_replaces_no_other_file(few):
    model = few.parent / "model"
    assert run("fit", few, "-o", model, "--budget-seconds", 5).code == 0
    assert run("report", model, "-o", few) == Run(
        2, "", f"minent: {few}: is no report, so it is not replaced. Choose another --output.\n"
    )
    assert few.read_text() == FEW
    assert run("report", model).code == 0


def test_a_folder_that_no_fit_left_is_not_cleared(few):
    mine = few.parent / "model.partial"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    assert run("fit", few, "-o", few.parent / "model") == Run(
        2,
        "",
        f"minent: {mine}: unfinished work goes there, but it holds 'thesis.txt'. Move that away, or choose another "
        "--output.\n",
    )
    assert (mine / "thesis.txt").read_text() == "years of work"


def test_the_column_of_a_table_is_no_matter_to_lines(few):
    few.write_text(FEW.replace("text,", "remark,"))
    pool = few.parent / "pool.txt"
    pool.write_text("a good film\na poor one\n")
    assert run("audit", few, "--unlabeled", pool, "--text-column", "remark").code == 0
    csv_pool = few.parent / "pool.csv"
    csv_pool.write_text("id,remark\n1,a good film\n")
    assert "pool: 1 row" in run("audit", few, "--unlabeled", csv_pool, "--text-column", "remark").out


def test_decode_names_the_line_of_a_broken_byte(tokenizer_folder):
    shown = run("tokenizer", "decode", tokenizer_folder, stdin=b"100\n\xff\n")
    assert shown.err == "minent: stdin, line 2: '\ufffd' is no row of ids. Write numbers, spaces between.\n"


def test_a_size_without_end(few):
    refused = run("compress", few, "-o", few.parent / "small", "--max-size", "infk")
    assert refused.err == "minent: --max-size is 'infk'; it takes a number of bytes, such as 200K or 2M.\n"


def test_a_second_fit_on_one_output_is_refused(few, tmp_path):
    with artifacts.locked(tmp_path / "model"):
        found = run("fit", few, "-o", tmp_path / "model", "--budget-seconds", 5)
    assert (found.code, found.out) == (2, "")
    assert "another run is working on it" in found.err
    assert run("fit", few, "-o", tmp_path / "model", "--budget-seconds", 5).code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["few.csv", "model"]
