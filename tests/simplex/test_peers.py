"""The test files that PyPI's `entmax` installs, run with our functions in place of theirs.

The files are run from where they are installed, each in a process of its own in which the module `entmax` is ours. Only
two things stand between: our names for their arguments, and alpha below 1, which we refuse and they draw at random: the
shim raises it to 1 (for normmax, to 1.01), so those cases ask the same of us at softmax.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

FILES = {"test_losses.py": 42, "test_mask.py": 16, "test_root_finding.py": 36, "test_topk.py": 33}


def test_their_tests_pass_with_our_functions(tmp_path):
    spec = importlib.util.find_spec("entmax")
    if spec is None or spec.origin is None:
        pytest.skip("PyPI's entmax is not installed; `pip install 'minent[peers]'` brings it")
    for name in FILES:
        theirs = Path(spec.origin).parent / name
        if not theirs.is_file():
            pytest.skip(f"this release of entmax installs no {name}")
        (tmp_path / name).write_text(theirs.read_text(encoding="utf-8"), encoding="utf-8")
    shim = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
    shim += "from tests.simplex.entmax_shim import install\ninstall()\n"
    (tmp_path / "conftest.py").write_text(shim, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"(\d+) passed", run.stdout)[1] == str(sum(FILES.values())), run.stdout
