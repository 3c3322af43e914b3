"""The frame around the verbs: what is listed, and how a run ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, TextIO

import typer

from minent.cli import classifier, data, demo, encoder, prompt, tokenizer, vectors
from minent.errors import MinentError

# typer exports the error of a wrong command line by its child only.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="minent",
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(classifier.fit)
app.command()(classifier.predict)
app.command("test")(classifier.measure)
app.command()(classifier.suggest)
app.command()(data.audit)
app.command()(classifier.report)
app.command()(classifier.compress)
app.command()(demo.demo)
app.add_typer(tokenizer.app, name="tokenizer")
app.add_typer(vectors.app, name="vectors")
app.add_typer(encoder.app, name="encoder")
app.add_typer(prompt.app, name="prompt")


def _say_version(wanted: bool) -> None:
    if wanted:
        from minent import __version__

        print(f"minent {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Raw text and a handful of labels to a small, fast, calibrated text classifier, on an ordinary CPU."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line.

    Args:
        arguments: What stands behind `minent`; None takes it from the shell.

    Raises:
        SystemExit: With 2 after a wrong input or command line, 130 after Ctrl-C, 1 when the reader of stdout left.

    Example:
        >>> main(["--version"])
        minent 0.1.0
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    for stream in (sys.stdout, sys.stderr):
        _write_any_text(stream)
    try:
        code = app(arguments or ["--help"], prog_name="minent", standalone_mode=False) or 0
        sys.stdout.flush()
    except MinentError as error:
        code = _complain(str(error), 2)
    except _UsageError as error:
        code = _complain(_usage(error), 2)
    except (KeyboardInterrupt, typer.Abort):  # some versions of typer turn the one into the other, some into 130
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at the end
        code = 1
    if code == 130:
        _complain("stopped by Ctrl-C; nothing half-written is left.", code)
    if code:
        raise SystemExit(code)


def _complain(sentence: str, code: int) -> int:
    print(f"minent: {' '.join(sentence.split())}", file=sys.stderr)
    return code


def _usage(error: Exception) -> str:
    path = error.ctx.command_path if getattr(error, "ctx", None) else "minent"  # type: ignore[attr-defined]
    return f"{error.format_message()} Try '{path} --help'."  # type: ignore[attr-defined]


def _write_any_text(stream: TextIO) -> None:
    """Let text with kept bytes and every script pass, whatever the locale."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")
