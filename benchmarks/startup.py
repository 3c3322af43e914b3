"""How soon does minent answer, and does a long stream stay small?

    python -m benchmarks.startup --model demo --lines 1000000

Question: wall seconds of `import minent`, of `minent --help` and of `minent predict` on one line, each in a fresh
process, beside a process that only starts Python and one that imports scikit-learn's naive Bayes, the least that a
pickled scikit-learn model would need; then texts per second and the peak memory of `minent predict` on a long stream,
beside its peak on a hundredth of it. `--model` is any saved classifier (`make demo` leaves one).

Goals: import under 0.1 s, help under 0.5 s, one line under 1.5 s, the same memory for any number of lines.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

from minent import samples

MINENT = [sys.executable, "-c", "from minent.cli import main; main()"]
RUNS = 7


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("demo"))
    parser.add_argument("--lines", type=int, default=1_000_000)
    arguments = parser.parse_args()
    commands = {
        "python, nothing else": [sys.executable, "-c", ""],
        "python, import sklearn.naive_bayes": [sys.executable, "-c", "import sklearn.naive_bayes"],
        "import minent": [sys.executable, "-c", "import minent"],
        "minent --help": [*MINENT, "--help"],
    }
    if (arguments.model / "manifest.json").is_file():
        commands["minent predict, one line"] = [*MINENT, "predict", str(arguments.model)]
    for name, command in commands.items():
        wall_seconds(command)  # warms the disk, and is not counted
        seconds = sorted(wall_seconds(command) for _ in range(RUNS))
        print(f"{name:36} {statistics.median(seconds):6.3f} s  ({seconds[0]:.3f} to {seconds[-1]:.3f})", flush=True)
    if "minent predict, one line" not in commands:
        print(f"minent predict: skipped, there is no model in {arguments.model}; `make demo` leaves one")
        return
    for lines in (arguments.lines // 100, arguments.lines):
        seconds, peak = stream(commands["minent predict, one line"], lines)
        print(f"minent predict, {lines:>9,} lines     {lines / seconds:8,.0f} texts/s, peak {peak:.0f} MB", flush=True)


def wall_seconds(command: list[str]) -> float:
    """Run a command on one line of input in a fresh process."""
    begun = time.perf_counter()
    subprocess.run(command, input=b"a film that never quite takes off\n", capture_output=True, check=True)
    return time.perf_counter() - begun


def stream(command: list[str], lines: int) -> tuple[float, float]:
    """Feed many lines; return the seconds taken and the peak megabytes of the process."""
    texts = [f"{text}\n".encode() for text in samples.load("subjectivity").unlabeled]
    begun = time.perf_counter()
    running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert running.stdin is not None
    with running.stdin as pipe:
        for begin in range(0, lines, len(texts)):
            pipe.writelines(islice(texts, min(len(texts), lines - begin)))
    _, status, usage = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    assert running.returncode == 0
    return time.perf_counter() - begun, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
