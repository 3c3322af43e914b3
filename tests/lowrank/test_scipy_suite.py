"""SciPy's own tests of `scipy.linalg.interpolative`, run from the installed SciPy on our functions; and its defects."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy
from scipy import linalg
from scipy.sparse.linalg import aslinearoperator

from minent.lowrank import interpolative, svd

SUITE = Path(scipy.__file__).parent / "linalg" / "tests" / "test_interpolative.py"
ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not SUITE.is_file(), reason="this SciPy was installed without its tests")
def test_scipys_own_tests_pass_on_ours(tmp_path: Path) -> None:
    copy = tmp_path / "test_interpolative.py"
    copy.write_text(SUITE.read_text(encoding="utf-8"), encoding="utf-8")
    # SciPy refuses float32; ours takes it, so the test that expects the refusal is left out (see the next test)
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.lowrank.scipy_shim"),
        *("--rootdir", str(tmp_path), "-c", os.devnull, "--deselect", "::TestInterpolativeDecomposition::test_badcall"),
        *("-k", "not test_badcall", str(copy)),
    ]
    paths = os.pathsep.join([str(ROOT), *sys.path])
    run = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths}, cwd=tmp_path)
    assert run.returncode == 0, run.stdout[-3000:]
    passed = re.search(r"(\d+) passed", run.stdout)
    assert passed is not None
    assert int(passed[1]) >= 35
    calls = re.search(r"'interpolative': (\d+), 'svd': (\d+), 'rank_estimate': (\d+)", run.stdout)
    assert calls is not None
    assert all(int(count) >= 4 for count in calls.groups())  # it was ours that was tested


def test_single_precision_is_taken_where_scipy_refuses_it() -> None:
    a = linalg.hilbert(5).astype(np.float32)
    found = interpolative(a, tolerance=1e-3, method="qr")
    assert found.coefficients.dtype == np.float32
    assert np.linalg.norm(a - a[:, found.columns] @ found.coefficients) <= 1e-3 * np.linalg.norm(a)


def test_the_randomised_mode_randomises_where_scipys_does_not() -> None:
    a = np.random.default_rng(0).standard_normal((60, 80))
    assert len({tuple(interpolative(a, rank=8, seed=seed).columns) for seed in range(4)}) > 1


@pytest.mark.parametrize("shape", [(400, 300), (300, 400), (9, 4), (4, 9)])
@pytest.mark.parametrize("goal", [{"rank": 3}, {"tolerance": 1e-3}])
@pytest.mark.parametrize("is_complex", [False, True])
def test_svd_of_operators_that_are_not_square(shape: tuple[int, int], goal: dict, is_complex: bool) -> None:
    draw = np.random.default_rng(0)
    left, right = draw.standard_normal((shape[0], 3)), draw.standard_normal((3, shape[1]))
    a = left @ right + (1j * left @ (right + 1) if is_complex else 0)
    parts = svd(aslinearoperator(a), **goal)
    rank = min(3, *shape) if "rank" in goal else len(parts.s)
    assert parts.u.shape == (shape[0], rank)
    assert parts.vt.shape == (rank, shape[1])
    np.testing.assert_allclose((parts.u * parts.s) @ parts.vt, a, atol=1e-8 * np.abs(a).max())
