"""Two processes under `torchrun` learn exactly what one does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from minent.encoders.distributed import Group, join
from minent.encoders.session import pairwise_sum

PROGRAM = """
import json, os, sys
import numpy as np
from minent.encoders import EncoderConfig, PretrainConfig, pretrain

ids = 3 + (np.arange(200)[:, None] * 5 + np.arange(14)) % 37
ids, starts = ids.astype(np.int32).ravel(), np.arange(0, ids.size + 1, 14)
found = {}
for mixer, dropout in (("gmlp", 0.1), ("repmlp", 0.0)):
    shape = EncoderConfig(mixer=mixer, vocab_size=40, dim=16, layers=2, max_length=32, heads=2, dropout=dropout)
    plan = PretrainConfig(steps=6, batch_size=8, ema_decay=0.9, checkpoint_seconds=0)
    events = []
    folder = f"{sys.argv[1]}/{mixer}"
    made = pretrain(ids, starts, shape, plan, checkpoint=folder, progress=lambda event: events.append(event.done))
    found[mixer] = {"digest": made.digest, "curve": made.facts["curve"], "events": events}
rank = os.environ.get("RANK", "0")
with open(f"{sys.argv[1]}/rank{rank}.json", "w") as file:
    json.dump(found, file)
"""


def _run(folder: Path, processes: int) -> list[dict]:
    folder.mkdir()
    (folder / "program.py").write_text(PROGRAM)
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    start = torchrun if processes > 1 else []
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MINENT_THREADS": "1"}
    command = [sys.executable, *start, str(folder / "program.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in range(processes)]


@pytest.mark.slow
def test_two_processes_step_as_one_does(tmp_path: Path) -> None:
    (alone,) = _run(tmp_path / "one", 1)
    first, second = _run(tmp_path / "two", 2)
    assert first["gmlp"]["digest"] == second["gmlp"]["digest"] == alone["gmlp"]["digest"]
    for mixer in (
        "gmlp",
        "repmlp",
    ):  # the running statistics of repmlp are means over the processes; its steps are equal
        assert first[mixer]["curve"] == second[mixer]["curve"] == alone[mixer]["curve"]
        assert first[mixer]["digest"] == second[mixer]["digest"]
        assert first[mixer]["events"] == alone[mixer]["events"] == list(range(1, 7))
        assert second[mixer]["events"] == []


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_every_part_has_one_process(size: int) -> None:
    parts = list(range(7))
    assert [part for rank in range(size) for part in Group(rank, size).own(parts)] == parts


def test_without_torchrun_there_is_one_process() -> None:
    group = join(torch.device("cpu"))
    assert group == Group(0, 1)
    assert group.any(True, torch.device("cpu"))
    assert not group.any(False, torch.device("cpu"))


@pytest.mark.parametrize("count", range(1, 9))
def test_the_pairwise_sum_of_halves_is_that_of_the_whole(count: int) -> None:
    terms = list(torch.randn(count, 1000, generator=torch.Generator().manual_seed(count)))
    torch.testing.assert_close(pairwise_sum(terms), sum(terms), atol=1e-5, rtol=1e-5)
    if count in (2, 4, 8):
        halves = [pairwise_sum(terms[: count // 2]), pairwise_sum(terms[count // 2 :])]
        assert torch.equal(pairwise_sum(terms), halves[0] + halves[1])
