"""`minent warmup` leaves no compiled loop of the tokenizers and the word vectors uncompiled."""

from __future__ import annotations

import os
import subprocess
import sys

from minent.cli import warmup
from tests.cli.terminal import run

SEEN = """
import sys
from minent.cli.warmup import warmup
warmup()
from numba.core.dispatcher import Dispatcher
loops = {}
for name, module in sorted(sys.modules.items()):
    if name.startswith(("minent.tokenizer", "minent.vectors")):
        for loop in vars(module).values():
            if isinstance(loop, Dispatcher) and loop.__module__ == name:
                loops[f"{name}.{loop.__name__}"] = loop
inner = {name for loop in loops.values() for name in loop.py_func.__code__.co_names}  # compiled with what calls them
for place, loop in loops.items():
    if loop.__name__ not in inner:
        print(bool(loop.signatures), place)
"""


def test_warmup_reaches_every_loop():
    """In a process of its own, since this one may have compiled what `warmup` leaves out."""
    environment = os.environ | {"MINENT_THREADS": "2"}
    found = subprocess.run([sys.executable, "-c", SEEN], capture_output=True, text=True, env=environment, check=True)
    said, *lines = found.stdout.splitlines()
    assert said.startswith("the inner loops are compiled for this machine")
    reached = [line.split()[1] for line in lines if line.startswith("True ")]
    assert "minent.tokenizer.passes._lose" in reached
    assert "minent.vectors.kernels.hide" in reached
    assert [line for line in lines if line.startswith("False ")] == []


def test_warmup_says_where_the_loops_are_kept(monkeypatch):
    monkeypatch.setattr(warmup, "_tokenizers", lambda: None)
    monkeypatch.setattr(warmup, "_vectors", lambda learnt: None)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    assert "kept in the __pycache__ folders of minent (0." in run("warmup").out
    monkeypatch.setenv("NUMBA_CACHE_DIR", "kernels")
    assert "kept in kernels (0." in run("warmup").out
