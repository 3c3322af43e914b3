"""`minent audit`."""

from __future__ import annotations

import json

from minent import samples
from tests.cli.terminal import Run, run

SAMPLE = samples.path("subjectivity")


def test_audit_of_the_sample():
    shown = run("audit", SAMPLE / "train-0.jsonl", "--unlabeled", SAMPLE / "unlabeled.txt.xz")
    assert shown == Run(
        0,
        "labelled: 32 rows, 2 classes\n"
        "classes: 'objective' 16 (50%), 'subjective' 16 (50%)\n"
        "characters: shortest 45, 5% 54, median 107, 95% 235, longest 276\n"
        "scripts: LATIN 32\n"
        "pool: 8,000 rows, 0 empty, 0 repeated\n"
        "problems: none found\n",
        "",
    )


def test_audit_takes_stdin_columns_and_encoding(tmp_path):
    table = tmp_path / "few.csv"
    table.write_bytes("id;1,body,kind\n1,caf\xe9,a\n2,caf\xe9,b\n".encode("latin-1"))
    found = run("audit", "-", "--format", "csv", "--label-column", "kind", "--json", stdin=table.read_bytes())
    assert found.code == 2
    assert "stdin, line 2, byte 6: 0xe9 is not valid utf-8." in found.err
    arguments = ("--format", "csv", "--label-column", "kind", "--encoding", "latin-1", "--json")
    facts = json.loads(run("audit", "-", *arguments, stdin=table.read_bytes()).out)
    assert facts["disagreements"] == [[1, 2]]
    assert facts["classes"] == {"a": 1, "b": 1}


def test_audit_reads_stdin_once():
    shown = run("audit", "-", "--unlabeled", "-", stdin="__label__a x\n")
    assert shown.code == 2
    assert shown.err == (
        "minent: stdin: was read already, and it can be read once only. Save it to a file and name the file.\n"
    )
