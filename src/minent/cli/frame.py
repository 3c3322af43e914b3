"""The frame around the verbs: what is listed, and how a run ends."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any, TextIO

import typer

from minent import runtime
from minent.cli import bench, classifier, data, demo, encoder, export, prompt, report, serve, tokenizer, vectors, warmup
from minent.errors import InputError, MinentError

# typer exports the error of a wrong command line by its child only.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]
# What a machine refuses and a person cures; any other OSError is our bug.
_REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EIO)

app = typer.Typer(
    name="minent",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(classifier.fit)
app.command()(classifier.predict)
app.command("test")(classifier.measure)
app.command()(classifier.suggest)
app.command()(data.audit)
app.command()(report.report)
app.command()(classifier.compress)
app.command()(export.export)
app.command()(bench.bench)
app.command()(serve.serve)
app.command()(demo.demo)
app.command()(warmup.warmup)
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
    runtime.thread_count()  # a wrong MINENT_THREADS costs a line now, not the work of an hour


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line.

    Args:
        arguments: What stands behind `minent`; None takes it from the shell.

    Raises:
        SystemExit: With 2 after a wrong input or command line or on a full disk, 130 after Ctrl-C, 1 when the reader
            of stdout left.

    Example:
        >>> main(["--version"])
        minent 0.1.0
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115 - closed by the shell, and to be there to the end
    try:
        for stream in (sys.stdout, sys.stderr):
            _write_any_text(stream)
        code = app(arguments or ["--help"], prog_name="minent", standalone_mode=False) or 0
        sys.stdout.flush()
    except MinentError as error:
        code = _complain(str(error), 2)
    except _UsageError as error:
        code = _complain(_usage(error), 2)
    except (KeyboardInterrupt, typer.Abort):  # some versions of typer turn the one into the other, some into 130
        code = 130
    except BrokenPipeError:
        _let_go_of_stdout()
        code = 1
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        place = error.filename or "stdout or a file"  # a failed write does not say which
        code = _complain(f"{place}: cannot be written ({error.strerror}). Free some space or choose another place.", 2)
        _flush_or_let_go()
    if code == 130:
        _complain("stopped by Ctrl-C; nothing half-written is left.", code)
    if code:
        raise SystemExit(code)


def _flush_or_let_go() -> None:
    try:
        sys.stdout.flush()
    except OSError:
        _let_go_of_stdout()


def _let_go_of_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at the end


def _complain(sentence: str, code: int) -> int:
    print(f"minent: {' '.join(sentence.split())}", file=sys.stderr)
    return code


def _usage(error: Any) -> str:  # the error of whichever click typer has
    path = error.ctx.command_path if getattr(error, "ctx", None) else "minent"
    return f"{error.format_message()} Try '{path} --help'."


def _write_any_text(stream: TextIO | None) -> None:
    """Let text with kept bytes and every script pass, whatever the locale."""
    if stream is None:
        raise InputError("stdout is closed, so no answer can be given. Send it somewhere, such as > answers.txt.")
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")
