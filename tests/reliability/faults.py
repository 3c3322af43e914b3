"""What a machine does to a long run, as a campaign of minutes to an hour; the tests run a short form of each.

python -m tests.reliability.faults kill --kills 100      # at random moments; --keep DIR: one that was stopped goes on
python -m tests.reliability.faults save                  # before each change to the disk, from the first save on
python -m tests.reliability.faults disk                  # full, read-only; needs the right to mount a small tmpfs
python -m tests.reliability.faults files                 # files that may not grow beyond a size
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.reliability.disks import bound_the_files, fill_the_disk, forbid_to_write
from tests.reliability.jobs import JOBS, load_libraries, prepare
from tests.reliability.kills import kill_again_and_again, kill_at_each_step_of_the_save

KILOBYTES = [0, 4, 16, 40, 80, 160, 320, 640, 1280]


@contextmanager
def folder_of(keep: Path | None, job: str) -> Iterator[Path]:
    """A folder that is kept, with what a campaign before left there, or one for now."""
    if keep is None:
        with tempfile.TemporaryDirectory() as place:
            prepare(Path(place))
            yield Path(place)
        return
    folder = (keep / job).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "pieces").exists():
        prepare(folder)
    yield folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["kill", "save", "disk", "files"])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", nargs="+", choices=list(JOBS), default=list(JOBS))
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--every", type=int, default=1, help="only before each so many-th change")
    parser.add_argument("--kilobytes", nargs="+", type=int, default=KILOBYTES)
    asked = parser.parse_args()
    load_libraries()
    for job in asked.jobs:
        with folder_of(asked.keep, job) as folder:
            if asked.what == "kill":
                print(f"{job}: {kill_again_and_again(folder, job, asked.kills, asked.seed)}", flush=True)
            elif asked.what == "save":
                count = kill_at_each_step_of_the_save(folder, job, asked.every)
                print(f"{job}: killed {count} times; the old one or the new was there, and then the new", flush=True)
            else:
                print("\n".join(f"{job}, {line}" for line in of_disks(folder, job, asked)), flush=True)


def of_disks(folder: Path, job: str, asked: argparse.Namespace) -> Iterator[str]:
    """What a job says on disks and with files of several sizes."""
    if asked.what == "disk":
        yield f"read-only: {forbid_to_write(folder, job)}"
    act, name = (fill_the_disk, "room") if asked.what == "disk" else (bound_the_files, "files")
    for kilobytes in asked.kilobytes:
        if asked.what == "files" and not kilobytes:
            continue  # what a job says goes to a file too
        yield f"{name} of {kilobytes} kB: {act(folder, job, kilobytes) or 'enough; it ended well'}"


if __name__ == "__main__":
    main()
