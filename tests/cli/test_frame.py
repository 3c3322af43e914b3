"""How a run begins and ends: help, exit codes, one line per error, pipes that close, nothing heavy for `--help`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from minent import corpus
from minent.cli import frame
from tests.cli.terminal import Run, run

GOLDEN = Path(__file__).parent / "golden"
MINENT = (sys.executable, "-c", "from minent.cli import main; main()")
HEAVY = ("torch", "numba", "sklearn", "scipy", "numpy", "polars", "matplotlib")


def every_verb() -> list[tuple[str, ...]]:
    root = typer.main.get_command(frame.app)
    found = []
    for name, command in root.commands.items():
        inner = getattr(command, "commands", None)
        found += [(name, verb) for verb in inner] if inner else [(name,)]
    return found


def test_root_help_is_as_agreed(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert run("--help").out == (GOLDEN / "help.txt").read_text()
    assert run() == run("--help") == run("-h")


@pytest.mark.parametrize("verb", every_verb(), ids=" ".join)
def test_every_verb_explains_itself(verb):
    root = typer.main.get_command(frame.app)
    command = root.commands[verb[0]] if len(verb) == 1 else root.commands[verb[0]].commands[verb[1]]
    assert all(getattr(parameter, "help", None) for parameter in command.params), "an option without a help text"
    shown = run(*verb, "--help")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith(f"Usage: minent {' '.join(verb)} ")


def test_help_loads_nothing_heavy():
    script = "import sys; from minent.cli import main; main(['--help']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not set(HEAVY) & {name.partition(".")[0] for name in loaded}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["tokenizr"], "No such command 'tokenizr'. Did you mean 'tokenizer'? Try 'minent --help'."),
        (["tokenizer"], "Missing command. Try 'minent tokenizer --help'."),
        (["audit"], "Missing argument 'LABELLED'. Try 'minent audit --help'."),
        (["audit", "x.csv"], "x.csv: there is no such file. Check the path."),
        (["audit", "-"], "stdin: is empty; at least one labelled text is needed."),
        (
            ["audit", "x.csv", "--tset", "y"],
            "No such option: --tset (Possible options: --test) Try 'minent audit --help'.",
        ),
        (["tokenizer", "encode", "no-folder"], "no-folder: there is no such folder. Check the path."),
    ],
)
def test_wrong_input_is_one_line_and_code_2(tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == Run(2, "", f"minent: {sentence}\n")


def test_ctrl_c_is_one_line_and_code_130(monkeypatch, tmp_path):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(corpus, "read_labelled", interrupted)
    assert run("audit", "-") == Run(130, "", "minent: stopped by Ctrl-C; nothing half-written is left.\n")


def test_our_own_bugs_keep_their_traceback(monkeypatch):
    monkeypatch.setattr(corpus, "read_labelled", lambda *arguments, **options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("audit", "-")


def test_a_closed_pipe_is_quiet(tokenizer_folder, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("some text\n" * 200_000)
    command = [*MINENT, "tokenizer", "encode", str(tokenizer_folder), str(texts)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline().strip()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


def test_installed_command_is_there():
    script = Path(sys.executable).parent / "minent"
    assert subprocess.run([script, "--version"], capture_output=True, text=True, check=True).stdout.startswith(
        "minent "
    )
