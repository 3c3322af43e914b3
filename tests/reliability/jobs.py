"""The long jobs, small: `minent` in a process of its own, that somebody may kill.

A job is forked from this process once the libraries are loaded, so that what befalls it falls into the work and not
into imports. It saves what it has at every step instead of every ten seconds, and the clock of the ladder stands still,
so that a loaded machine, on which the budget is used up sooner, leaves out no rung.
"""

from __future__ import annotations

import functools
import importlib
import multiprocessing
import os
import re
import resource
import shutil
import signal
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path

from minent import artifacts, samples

JOBS = {
    "fit": "fit few.jsonl --unlabeled pool.txt --budget-seconds 20 --resume",
    "pretrain": "encoder pretrain pieces pool.txt --steps 40 --dim 16 --layers 1 --max-length 32 --resume",
    "tokenizer": "tokenizer train pool.txt --vocab-size 1000 --resume",
}
OUTPUT = "made"
LIBRARIES = (
    *("minent.classifier.ladder", "minent.classifier.fitting", "minent.classifier.linear", "minent.report.render"),
    *("minent.encoders.pretrain", "minent.tokenizer.training", "minent.vectors.training", "minent.report.card"),
    *("torch._dynamo", "sklearn.linear_model", "scipy.sparse.linalg", "polars"),
)


def prepare(folder: Path, lines: int = 300) -> None:
    """Write the files that all jobs read, and the tokenizer of the encoder."""
    sample = samples.load("subjectivity")
    (folder / "pool.txt").write_text("\n".join(sample.unlabeled[:lines]) + "\n", encoding="utf-8")
    shutil.copy(samples.path("subjectivity") / "train-0.jsonl", folder / "few.jsonl")
    run(folder, f"tokenizer train pool.txt --vocab-size 600 -o {folder / 'pieces'}")


def load_libraries() -> None:
    """Load what all jobs load, once, before the first of them is forked; start no thread."""
    for name in LIBRARIES:
        importlib.import_module(name)


class Run:
    """`minent LINE` in a folder, in a process of its own.

    Args:
        folder: Where it runs; what it says is kept there.
        line: The command.
        first: Called in that process before the command.
    """

    def __init__(self, folder: Path, line: str, first: Callable[[], object] = lambda: None) -> None:
        self.said = folder / "stderr.txt"
        start = multiprocessing.get_context("fork").Process
        self.process = start(target=_child, args=(folder, self.said, line.split(), first), daemon=True)
        self.process.start()

    @property
    def killed(self) -> bool:
        """Whether `kill -9` ended it; waits for its end."""
        self.process.join(900)
        return self.process.exitcode == -signal.SIGKILL

    def killed_after(self, cpu_seconds: float) -> bool:
        """Kill it when it has used so much of a processor, unless it ends before.

        That clock stands still while others have the processor, so a moment means the same on a loaded machine.
        """
        clock = ~self.process.pid << 3 | 2  # as clock_getcpuclockid(3) makes it on Linux
        while self.process.is_alive():
            left = cpu_seconds - _clock(clock)
            if left <= 0:
                self.process.kill()
                break
            time.sleep(min(max(left / 4, 0.0002), 0.02))
        return self.killed

    def finish(self) -> tuple[int | None, str]:
        """Wait for the end; the exit code and what stood on stderr."""
        self.process.join(900)
        return self.process.exitcode, self.said.read_text()


def _clock(number: int) -> float:
    try:
        return time.clock_gettime(number)
    except OSError:  # it ended just now
        return 0.0


def _child(folder: Path, said: Path, words: list[str], first: Callable[[], object]) -> None:
    import minent.classifier.ladder as ladder
    from minent import encoders
    from minent.cli import main
    from minent.tokenizer import checkpoints

    ladder.time = types.SimpleNamespace(monotonic=lambda: 0.0, perf_counter=lambda: 0.0)
    checkpoints.SECONDS_BETWEEN = 0.0
    encoders.PretrainConfig = functools.partial(encoders.PretrainConfig, checkpoint_seconds=0.0)
    os.chdir(folder)
    sys.stdout, sys.stderr = open(os.devnull, "w"), said.open("w")  # noqa: SIM115 - closed when the process ends
    first()
    main(words)
    sys.stderr.flush()


def run(folder: Path, line: str) -> float:
    """Run `minent LINE` in a folder to its end, which must be a good one; return the seconds of processor it took."""
    before = _used()
    code, said = Run(folder, line).finish()
    assert code == 0, said
    return _used() - before


def _used() -> float:
    """Of all children that have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def digest(output: Path) -> str:
    """Of a saved folder, all of whose files are as the manifest says."""
    return artifacts.read_manifest(output).digest


def left_beside(output: Path) -> list[str]:
    """What a run left beside its output."""
    return sorted(path.name for path in output.parent.iterdir() if re.search(rf"^\.?{output.name}\.", path.name))
