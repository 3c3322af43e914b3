"""A full disk, a folder that nobody may write, a file that may not grow: one clear error, and nothing is lost.

The old artifact stays as it was, nothing half-written is left at the output, and with room again `--resume` ends in the
digest of a run that nobody disturbed.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.reliability.jobs import JOBS, OUTPUT, Run, digest, left_beside, run

ROOM = 64_000  # kilobytes; enough for all jobs


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


def remount(disk: Path, options: str) -> None:
    """Change a small disk."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(disk)], check=True)


def old_and_new(folder: Path, job: str) -> tuple[Path, str]:
    """An artifact of other texts, to be replaced by the job, and the digest that takes its place."""
    if not (folder / "old").exists():
        run(folder, f"{JOBS[job].replace('pool.txt', 'few.jsonl')} -o {folder / 'old'}")
        run(folder, f"{JOBS[job]} -o {folder / 'whole'}")
    return folder / "old", digest(folder / "whole")


def fill_the_disk(folder: Path, job: str, kilobytes: int) -> str:
    """Run a job on a disk with so much room beside the old artifact; then make room and resume.

    Returns:
        What it said on the full disk; empty if there was room enough.
    """
    old, new = old_and_new(folder, job)
    with small_disk(ROOM) as disk:
        shutil.copytree(old, disk / OUTPUT)
        used = int(subprocess.run(["du", "-sk", disk], capture_output=True, check=True, text=True).stdout.split()[0])
        remount(disk, f"size={used + kilobytes}k")
        said = _fails_or_ends(folder, job, disk, digest(old), new)
        remount(disk, f"size={ROOM}k")
        _goes_on(folder, job, disk, new)
    return said


def forbid_to_write(folder: Path, job: str) -> str:
    """Run a job whose output lies on a disk that is read-only; returns what it said."""
    old, new = old_and_new(folder, job)
    with small_disk(ROOM) as disk:
        shutil.copytree(old, disk / OUTPUT)
        remount(disk, "ro")
        said = _fails_or_ends(folder, job, disk, digest(old), new)
        assert said, "it was written to a disk that is read-only"
        remount(disk, "rw")
        _goes_on(folder, job, disk, new)
    return said


def bound_the_files(folder: Path, job: str, kilobytes: int) -> str:
    """Run a job whose files may not grow beyond so much, as `ulimit -f` has it; then without a bound.

    Returns:
        What it said; empty if no file was so large.
    """
    old, new = old_and_new(folder, job)
    place = folder / "bounded"
    shutil.copytree(old, place / OUTPUT)

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000 * kilobytes, 1000 * kilobytes))

    said = _fails_or_ends(folder, job, place, digest(old), new, bound)
    _goes_on(folder, job, place, new)
    shutil.rmtree(place)
    return said


def _fails_or_ends(folder: Path, job: str, place: Path, old: str, new: str, first=lambda: None) -> str:
    """One line and the old artifact, or none and the new one."""
    code, said = Run(folder, f"{JOBS[job]} --overwrite -o {place / OUTPUT}", first).finish()
    if code == 0:
        assert digest(place / OUTPUT) == new
        return ""
    errors = [line for line in said.splitlines() if line.startswith("minent:")]
    assert code == 2, (code, said)
    assert len(errors) == 1, said
    assert "Traceback" not in said
    assert digest(place / OUTPUT) == old
    assert set(left_beside(place / OUTPUT)) <= {f"{OUTPUT}.partial"}
    return errors[0]


def _goes_on(folder: Path, job: str, place: Path, new: str) -> None:
    run(folder, f"{JOBS[job]} --overwrite -o {place / OUTPUT}")
    assert digest(place / OUTPUT) == new, "a resumed run ended in another digest"
    assert not left_beside(place / OUTPUT), left_beside(place / OUTPUT)
