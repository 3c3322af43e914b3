"""What a machine does to a long run: `kill -9` at any moment, a full disk, a folder that nobody may write.

    python -m tests.reliability.faults kill --kills 100          # each job is killed so often, and must end the same
    python -m tests.reliability.faults disk                      # needs the right to mount a small tmpfs

A job is `minent` in a process of its own, forked from this one once the libraries are loaded, so that a kill falls into
the work and not into imports. It saves what it has at every step instead of every ten seconds, and the clock of the
ladder stands still, so that a loaded machine, on which the budget is used up sooner, leaves out no rung. After each
kill there is either no output or the whole one; and `--resume` ends in the digest of a run that nobody disturbed.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import types
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from minent import artifacts, samples

JOBS = {
    "fit": "fit few.jsonl --unlabeled pool.txt --budget-seconds 20 --resume",
    "pretrain": "encoder pretrain pieces pool.txt --steps 40 --dim 16 --layers 1 --max-length 32 --resume",
    "tokenizer": "tokenizer train pool.txt --vocab-size 1000 --resume",
}


@dataclass
class Killed:
    """What became of the runs of one job.

    Attributes:
        kills: How many were killed, by how much stood on the disk then: "nothing", "work" or "work and output".
        ends: How many came to their end, each in the digest of the undisturbed run.
        seconds: How long the undisturbed run took.
    """

    kills: Counter[str]
    ends: int
    seconds: float


def prepare(folder: Path, lines: int = 400) -> None:
    """Write the files that all jobs read, and the tokenizer of the encoder."""
    sample = samples.load("subjectivity")
    (folder / "pool.txt").write_text("\n".join(sample.unlabeled[:lines]) + "\n", encoding="utf-8")
    shutil.copy(samples.path("subjectivity") / "train-0.jsonl", folder / "few.jsonl")
    code, said = run(folder, f"tokenizer train pool.txt --vocab-size 600 -o {folder / 'pieces'}")
    assert code == 0, said


class Run:
    """`minent LINE` in a folder, in a process of its own."""

    def __init__(self, folder: Path, line: str) -> None:
        self.said = folder / "stderr.txt"
        self.process = multiprocessing.get_context("fork").Process(
            target=_child, args=(folder, self.said, line.split())
        )
        self.process.start()

    def killed_after(self, seconds: float) -> bool:
        """Kill it, unless it ends before."""
        self.process.join(seconds)
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        return self.process.exitcode == -signal.SIGKILL

    def finish(self) -> tuple[int | None, str]:
        """Wait for the end; the exit code and what stood on stderr."""
        self.process.join(900)
        return self.process.exitcode, self.said.read_text()


def _child(folder: Path, said: Path, words: list[str]) -> None:
    import minent.classifier.ladder as ladder
    from minent import encoders
    from minent.cli import main
    from minent.tokenizer import checkpoints

    ladder.time = types.SimpleNamespace(monotonic=lambda: 0.0, perf_counter=lambda: 0.0)
    checkpoints.SECONDS_BETWEEN = 0.0
    encoders.PretrainConfig = functools.partial(encoders.PretrainConfig, checkpoint_seconds=0.0)
    os.chdir(folder)
    sys.stdout, sys.stderr = open(os.devnull, "w"), said.open("w")  # noqa: SIM115 - closed when the process ends
    main(words)
    sys.stderr.flush()


def run(folder: Path, line: str) -> tuple[int | None, str]:
    """Run `minent LINE` in a folder to its end."""
    return Run(folder, line).finish()


def load_libraries() -> None:
    """Load what all jobs load, once, before the first of them is forked; start no thread."""

    import minent.classifier.ladder
    import minent.classifier.linear
    import minent.encoders
    import minent.tokenizer
    import minent.vectors  # noqa: F401 - loaded for the children


def kill_again_and_again(folder: Path, job: str, kills: int, seed: int = 0) -> Killed:
    """Kill a job at random moments, until it has been killed so often; check all that was promised.

    Args:
        folder: A folder from `prepare`.
        job: One of `JOBS`.
        kills: How often.
        seed: Draws the moments.
    """
    begun = time.monotonic()
    whole = folder / "whole"
    code, said = run(folder, f"{JOBS[job]} -o {whole}")
    assert code == 0, said
    digest, seconds = artifacts.read_manifest(whole).digest, time.monotonic() - begun
    draw, found, output = random.Random(seed), Killed(Counter(), 0, seconds), folder / "made"
    while sum(found.kills.values()) < kills:
        one = Run(folder, f"{JOBS[job]} -o {output}")
        if one.killed_after(draw.uniform(0.0, 1.1 * seconds)):
            found.kills[_state(folder, output, digest)] += 1
            if output.exists():
                shutil.rmtree(output)
            continue
        code, said = one.finish()
        assert code == 0, said
        _begin_anew(folder, output, digest)
        found.ends += 1
    code, said = run(folder, f"{JOBS[job]} -o {output}")
    assert code == 0, said
    _begin_anew(folder, output, digest)
    found.ends += 1
    return found


def _state(folder: Path, output: Path, digest: str) -> str:
    """What a kill left: the output is whole or not there, whatever else lies beside it."""
    if output.exists():
        assert artifacts.read_manifest(output).digest == digest, "a killed run left another output"
        return "work and output"
    return "work" if (folder / f"{output.name}.partial").exists() else "nothing"


def _begin_anew(folder: Path, output: Path, digest: str) -> None:
    """A run that came to its end left the promised digest and nothing else."""
    assert artifacts.read_manifest(output).digest == digest, "a resumed run ended in another digest"
    left = sorted(path.name for path in folder.iterdir() if re.search(rf"^\.?{output.name}\.", path.name))
    assert not left, f"a run that ended left {left}"
    shutil.rmtree(output)


# --- a small disk -----------------------------------------------------------------------------------------------------


@contextmanager
def small_disk(kilobytes: int) -> Iterator[Path]:
    """A file system of its own, so small; raises OSError where this process may not mount one."""
    place = Path(tempfile.mkdtemp())
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        place.rmdir()
        raise OSError("a tmpfs cannot be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)
        place.rmdir()


def fill_the_disk(folder: Path, job: str, kilobytes: int) -> str:
    """Run a job whose output lies on a disk that is too small; then make room and resume.

    Returns:
        What the run said on the full disk.
    """
    with small_disk(kilobytes) as disk:
        output = disk / "made"
        code, said = run(folder, f"{JOBS[job]} -o {output}")
        assert code == 2, (code, said)
        assert said.count("minent:") == 1, said
        assert not output.exists()
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        code, after = run(folder, f"{JOBS[job]} -o {output}")
        assert code == 0, after
        assert artifacts.read_manifest(output).digest == artifacts.read_manifest(folder / "whole").digest
    return said.strip().splitlines()[-1]


def forbid_to_write(folder: Path, job: str) -> str:
    """Run a job whose output lies on a disk that is read-only; returns what it said."""
    with small_disk(1000) as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        code, said = run(folder, f"{JOBS[job]} -o {disk / 'made'}")
        assert (code, said.count("\n")) == (2, 1), (code, said)
    return said.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["kill", "disk"])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", nargs="+", choices=list(JOBS), default=list(JOBS))
    asked = parser.parse_args()
    load_libraries()
    for job in asked.jobs:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            prepare(folder)
            if asked.what == "kill":
                found = kill_again_and_again(folder, job, asked.kills, asked.seed)
                states = ", ".join(f"{count} with {state}" for state, count in sorted(found.kills.items()))
                print(f"{job}: {asked.kills} kills ({states}); {found.ends} ends, all in the digest of the undisturbed")
                print(f"{job}: {found.seconds:.1f} s undisturbed", flush=True)
                continue
            code, said = run(folder, f"{JOBS[job]} -o {folder / 'whole'}")
            assert code == 0, said
            print(f"{job}, read-only: {forbid_to_write(folder, job)}")
            for kilobytes in (4, 60):
                print(f"{job}, {kilobytes} kB: {fill_the_disk(folder, job, kilobytes)}", flush=True)


if __name__ == "__main__":
    main()
