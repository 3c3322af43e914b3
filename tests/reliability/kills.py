"""`kill -9` at any moment of a long run.

After each kill there is either no output or the whole one, and each run that comes to its end, resumed or not, must
end in the digest of a run that nobody disturbed, and leave nothing else.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.reliability.jobs import JOBS, OUTPUT, Run, digest, left_beside, run


@dataclass
class Killed:
    """What became of the runs of one job so far.

    Attributes:
        cpu_seconds: What the undisturbed run took of a processor.
        digest: What it ended in.
        moments: When each run was killed, as a share of those seconds.
        states: How many kills left what: "nothing", "work" or "work and output".
        ends: How many runs came to their end, all in the digest.
    """

    cpu_seconds: float
    digest: str
    moments: list[float] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)
    ends: int = 0

    def __str__(self) -> str:
        states = ", ".join(f"{count} left {state}" for state, count in sorted(self.states.items()))
        tenths = Counter(int(10 * moment) for moment in self.moments)
        return (
            f"{len(self.moments)} kills ({states}), in the tenths of the run {[tenths[i] for i in range(10)]}; "
            f"{self.ends} ends, all in the digest of the undisturbed run of {self.cpu_seconds:.1f} s of processor"
        )


def kill_again_and_again(folder: Path, job: str, kills: int, seed: int = 0) -> Killed:
    """Kill a job at moments drawn from the whole of its run, until it has been killed so often.

    A run goes on from what the killed one before it left. What was found is kept in the folder after each step, so
    that a campaign that was stopped goes on too.

    Args:
        folder: A folder from `prepare`.
        job: One of `JOBS`.
        kills: How often.
        seed: Draws the moments.
    """
    output, record = folder / OUTPUT, folder / "record.json"
    found = _known(record) or _undisturbed(folder, job)
    while len(found.moments) < kills:
        moment = random.Random(f"{seed}, {len(found.moments)}, {found.ends}").random()
        one = Run(folder, f"{JOBS[job]} -o {output}")
        if one.killed_after(moment * found.cpu_seconds):
            found.states[_state(output, found.digest)] += 1
            found.moments.append(moment)
            shutil.rmtree(output, ignore_errors=True)
        else:
            _ended(one, output, found)
        record.write_text(json.dumps(vars(found)))
    _ended(Run(folder, f"{JOBS[job]} -o {output}"), output, found)
    record.write_text(json.dumps(vars(found)))
    return found


def _known(record: Path) -> Killed | None:
    if not record.is_file():
        return None
    known = json.loads(record.read_text())
    return Killed(**{**known, "states": Counter(known["states"])})


def _undisturbed(folder: Path, job: str) -> Killed:
    whole = folder / "whole"
    run(folder, f"{JOBS[job]} --overwrite -o {whole}")  # compiles what is not compiled yet
    return Killed(run(folder, f"{JOBS[job]} --overwrite -o {whole}"), digest(whole))


def _state(output: Path, promised: str) -> str:
    """What a kill left: the output is whole or not there, whatever else lies beside it."""
    if output.exists():
        assert digest(output) == promised, "a killed run left another output"
        return "work and output"
    return "work" if output.with_name(f"{output.name}.partial").exists() else "nothing"


def _ended(one: Run, output: Path, found: Killed) -> None:
    """A run that came to its end left the promised digest and nothing else."""
    code, said = one.finish()
    assert code == 0, said
    assert digest(output) == found.digest, "a resumed run ended in another digest"
    assert not left_beside(output), f"a run that ended left {left_beside(output)}"
    shutil.rmtree(output)
    found.ends += 1


# --- at each step of the save -----------------------------------------------------------------------------------------


def kill_at_each_step_of_the_save(folder: Path, job: str, every: int = 1) -> int:
    """Kill a job that replaces an old artifact before each change that its save makes to the disk.

    After each kill the old one stands there whole, or the new one, or, between the two renames, the next run finds the
    old one again; and it ends in the new one.

    Args:
        folder: A folder from `prepare`.
        job: One of `JOBS`.
        every: Only before each so many-th change.

    Returns:
        How many kills there were.
    """
    output, old, line = folder / OUTPUT, folder / "old", f"{JOBS[job]} --overwrite -o {folder / OUTPUT}"
    new = _undisturbed(folder, job).digest
    run(folder, f"{JOBS[job].replace('pool.txt', 'few.jsonl')} -o {old}")
    assert digest(old) != new
    partial, finished = output.with_name(f"{output.name}.partial"), folder / "finished"
    shutil.copytree(old, output)
    assert Run(folder, line, _dies(0)).killed
    if partial.exists():  # of a job whose first save is of unfinished work, nothing is there yet
        shutil.copytree(partial, finished)
    step = kills = 0
    while True:
        for path, begin in ((output, old), (partial, finished)):
            shutil.rmtree(path, ignore_errors=True)
            if begin.exists():
                shutil.copytree(begin, path)
        if not Run(folder, line, _dies(step)).killed:
            break
        kills += 1
        assert not output.exists() or digest(output) in (digest(old), new), f"killed before change {step}"
        if not output.exists():
            assert [digest(path) for path in folder.glob(f".{output.name}.writing-old-*")] == [digest(old)]
        run(folder, line)
        assert digest(output) == new, f"killed before change {step}"
        assert not left_beside(output), f"killed before change {step}, and then {left_beside(output)} was left"
        step += every
    assert digest(output) == new
    return kills


CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate")


def _dies(step: int) -> Callable[[], None]:
    """Let the process kill itself before so many-th change to the disk, counted from the first of its save."""

    def first() -> None:
        seen = -1

        def watch(event: str, arguments: tuple) -> None:
            nonlocal seen
            writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            if not writes and event not in CHANGES:
                return
            if seen < 0 and ".writing-" not in str(arguments[0]):
                return
            seen += 1
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)

    return first
