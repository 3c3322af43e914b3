"""`minent bench`: how fast a saved classifier is on this machine, measured from outside, as its users will meet it."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from minent.cli import options
from minent.cli.answers import AsJson
from minent.cli.classifier import Model
from minent.errors import InputError, whole

_COLD_STARTS = 5


def bench(
    model: Model,
    file: Annotated[
        str | None, typer.Argument(metavar="FILE", help="Texts to answer; without it, the sample.", show_default=False)
    ] = None,
    lines: Annotated[
        int, typer.Option(metavar="N", help="Answer so many texts, those given again and again.")
    ] = 100_000,
    as_json: AsJson = False,
    text_column: options.TextColumn = None,
    encoding: options.Encoding = "utf-8",
    encoding_errors: options.EncodingErrors = "strict",
    format: options.Format = None,
) -> None:
    """Measure a model folder: cold start, texts and megabytes per second, peak memory."""
    from minent.classifier import TextClassifier

    TextClassifier.load(model)  # a folder that cannot be read costs a line now, not five failed processes
    whole("--lines", lines, 1)
    if file is None:
        from minent import samples

        texts: Sequence[str] = samples.load("subjectivity").unlabeled
    else:
        texts = list(options.read(file, text_column, encoding, encoding_errors, format))
    rows = [(" ".join(text.splitlines()) + "\n").encode("utf-8", "surrogateescape") for text in texts]
    found = measure(model, rows, lines)
    told = {name.replace("_", " "): value for name, value in found.items() if value is not None}
    print(json.dumps(found) if as_json else "\n".join(f"{name}\t{value:,}" for name, value in told.items()))


def measure(model: str, rows: Sequence[bytes], lines: int) -> dict[str, Any]:
    """Ask fresh processes of `minent predict`."""
    starts = sorted(_answered(model, rows[:1], 1)[0] for _ in range(_COLD_STARTS + 1))[:_COLD_STARTS]
    cold = statistics.median(starts)
    seconds, peak = _answered(model, rows, lines)
    size = sum(len(rows[line % len(rows)]) for line in range(lines))
    busy = seconds - cold
    if busy <= 0:
        raise InputError(f"--lines is {lines}; so few take no longer than the start of the process. Take more.")
    return {
        "cold_start_seconds": round(cold, 3),
        "texts": lines,
        "texts_per_second": round(lines / busy),
        "megabytes_per_second": round(size / 1e6 / busy, 2),
        "peak_megabytes": None if peak is None else round(peak / 1e6),
        "folder_megabytes": round(sum(os.path.getsize(file) for file in os.scandir(model)) / 1e6, 2),
    }


def _answered(model: str, rows: Sequence[bytes], lines: int) -> tuple[float, float | None]:
    """Seconds that a fresh process takes to answer so many lines, and its peak of bytes in memory."""
    predict = ["predict", "--format", "txt", "--encoding-errors", "keep", model]
    command = [sys.executable, "-c", "from minent.cli import main; main()", *predict]
    begun = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        try:
            _send(process, rows, lines)
            peak = _peak(process)
        except BaseException:
            process.kill()  # Ctrl-C does not leave it behind
            raise
    if process.returncode:
        raise InputError(f"{model}: 'minent predict' ended with code {process.returncode}; what it said stands above.")
    return time.perf_counter() - begun, peak


def _send(process: subprocess.Popen[bytes], rows: Sequence[bytes], lines: int) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError), process.stdin as pipe:  # where it ended early, its code tells
        for begin in range(0, lines, len(rows)):
            pipe.writelines(islice(rows, min(len(rows), lines - begin)))


def _peak(process: subprocess.Popen[bytes]) -> float | None:
    """Wait for the end; return the peak of bytes in memory, None where the system does not tell.

    The kernel's own account of a child that has ended counts the memory of its parent too, so the child is looked at
    while it runs; its memory does not grow with the stream, so the last look is near enough.
    """
    peak = None
    while process.poll() is None:
        with suppress(OSError, StopIteration):
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            peak = 1024.0 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
        time.sleep(0.002)
    return peak
