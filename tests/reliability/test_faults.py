"""The short form of `make soak`: two kills of each long job, and a bound on files.

Each campaign is a process of its own, since it forks: here other tests have started threads.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reliability.jobs import JOBS

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are forked, and watched by clocks of Linux"),
]


def campaign(*words: str) -> str:
    command = [sys.executable, "-m", "tests.reliability.faults", *words]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ, check=False)
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_each_job_that_is_killed_twice_ends_as_if_it_never_was():
    lines = campaign("kill", "--kills", "2").splitlines()
    assert [line.partition(" (")[0] for line in lines] == [f"{job}: 2 kills" for job in JOBS]


def test_files_that_may_not_grow_cost_one_line_and_lose_nothing():
    said = campaign("files", "--kilobytes", "4", "640", "--jobs", "tokenizer")
    assert "files of 4 kB: minent: " in said
    assert "File too large" in said
    assert "files of 640 kB: enough; it ended well" in said
