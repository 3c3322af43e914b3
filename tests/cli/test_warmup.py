"""`minent warmup` runs the inner loops of every room, and says where the compiled ones are kept."""

from __future__ import annotations

from pathlib import Path

import numba
import pytest

import minent
from minent.cli.warmup import warmup

SOURCE = Path(minent.__file__).parent


def compiled_modules() -> list[str]:
    """The modules of encoding and vectors that hold loops which are called from Python."""
    names = ["tokenizer/kernels", "tokenizer/drawing", "tokenizer/building", "vectors/kernels"]
    return [f"minent.{name.replace('/', '.')}" for name in names if (SOURCE / f"{name}.py").is_file()]


@pytest.mark.parametrize("module", compiled_modules())
def test_every_loop_that_python_calls_is_compiled(module, capsys):
    warmup()
    assert "compiled for this machine, and kept in" in capsys.readouterr().out
    loops = vars(__import__(module, fromlist=["_"]))
    called = {name for name, loop in loops.items() if isinstance(loop, numba.core.dispatcher.Dispatcher)}
    inner = {name for name in called if name.startswith("_") or name == "length_of"}
    missing = [name for name in sorted(called - inner) if not loops[name].signatures]
    assert not missing
