"""SciPy's own problems and tests, from the SciPy that is installed: nothing of theirs is copied here."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from minent.roots import Status, find_root, find_root_array

problems = pytest.importorskip("scipy.optimize._tstutils", reason="this SciPy comes without its problem sets")

SMOOTH = [case for case in problems.get_tests("aps", smoothness=2) if case["ID"] != "aps.13.00"]
ROUGH = [*problems.get_tests("original"), *problems.get_tests("aps"), *problems.get_tests("chandrupatla")]
COMPLEX = problems.get_tests("complex")


def derivatives(case: dict):
    """`taylor` from SciPy's function and its first two derivatives."""

    def taylor(x, order):
        with np.errstate(all="ignore"):
            x = np.float64(x) if not isinstance(x, complex) else x
            parts = [case["f"], case["fprime"], case["fprime2"]][: order + 1]
            return [part(x, *case["args"]) / math.factorial(k) for k, part in enumerate(parts)]

    return taylor


def values(case: dict):
    def taylor(x, order):
        with np.errstate(all="ignore"):
            return [float(case["f"](np.float64(x), *case.get("args", ())))]

    return taylor


def right(case: dict, root) -> bool:
    """SciPy's own criterion: near the reference to four floats, or an exact zero."""
    return np.isclose(root.value, case["root"], rtol=4 * 2.3e-16, atol=4 * 2.3e-16) or root.residual == 0


@pytest.mark.parametrize("family", ["householder", "inverse_taylor"])
@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("case", SMOOTH, ids=lambda case: case["ID"])
def test_smooth_problems_with_derivatives(case: dict, order: int, family: str) -> None:
    root = find_root(derivatives(case), bracket=(case["a"], case["b"]), order=order, family=family)
    assert root.converged
    assert right(case, root)


@pytest.mark.parametrize("case", ROUGH, ids=lambda case: case["ID"])
def test_all_problems_with_values_alone(case: dict) -> None:
    root = find_root(values(case), bracket=(case["a"], case["b"]), order=1)
    # A step or a pole that SciPy's set calls a root: the place is right, and the status says what it is.
    assert root.status in (Status.CONVERGED, Status.JUMP)
    assert root.converged or case["ID"].startswith(("original.04", "original.05"))
    flat = case["ID"].startswith(("aps.13", "fun7"))  # zero to the last bit on an interval about the root
    assert right(case, root) or (flat and root.residual == 0)


@pytest.mark.parametrize("case", COMPLEX, ids=lambda case: case["ID"])
@pytest.mark.parametrize("order", [2, 3])
def test_complex_problems(case: dict, order: int) -> None:
    root = find_root(derivatives(case), start=complex(case["x0"]), order=order)
    assert root.converged
    assert abs(root.value - case["root"]) <= 1e-14 * abs(case["root"])


def test_scipys_failures_of_halley_from_a_start_are_found() -> None:
    """SciPy's suite excuses its array Halley on these; scipy#8881 and scipy#5922 are of the kind."""
    for case in SMOOTH:
        if case["ID"].startswith("aps.12"):
            assert right(case, find_root(derivatives(case), start=case["x0"], order=3))


def test_values_alone_need_no_more_evaluations_than_chandrupatla() -> None:
    from scipy.optimize import elementwise

    ours = theirs = 0
    for case in problems.get_tests("chandrupatla"):
        ours += find_root(values(case), bracket=(case["a"], case["b"]), order=1).steps
        with np.errstate(all="ignore"):
            theirs += int(elementwise.find_root(case["f"], (np.float64(case["a"]), np.float64(case["b"]))).nfev)
    assert ours < theirs


def test_a_thousand_brackets_at_once() -> None:
    case = next(case for case in SMOOTH if case["ID"] == "aps.05.00")
    high = np.linspace(0.6, 1.5, 1000)
    roots = find_root_array(
        lambda x, order: [np.sin(x) - 0.5, np.cos(x), -np.sin(x) / 2], bracket=(np.zeros(1000), high)
    )
    assert roots.converged.all()
    np.testing.assert_allclose(roots.value, case["root"], rtol=1e-15)


def test_the_class_testfindroot_of_scipy_passes() -> None:
    """All but `test_nit_expected`, which demands the very iteration counts of Chandrupatla's paper."""
    if find_spec("scipy.optimize.tests.test_chandrupatla") is None:
        pytest.skip("this SciPy was installed without its tests; its sdist has them")
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.roots.scipy_shim", "-p", "no:cacheprovider"]
    command += ["--pyargs", "scipy.optimize.tests.test_chandrupatla", "-W", "ignore", "-c", os.devnull]
    command += ["-k", "TestFindRoot and not nit_expected"]
    paths = os.pathsep.join(path for path in (str(root), os.environ.get("PYTHONPATH", "")) if path)
    environment = os.environ | {"PYTHONPATH": paths}
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root, env=environment)
    assert run.returncode == 0, run.stdout + run.stderr
    assert " passed" in run.stdout
    assert "skipped" not in run.stdout
