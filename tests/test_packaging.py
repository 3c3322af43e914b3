"""What is handed out is whole: the wheel holds every file of the package, the sdist all that builds and tests it."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import minent

ROOT = Path(__file__).parent.parent
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="there is no source to build from"),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_wheel_holds_every_file_of_the_package(built: Path) -> None:
    with zipfile.ZipFile(built / f"minent-{minent.__version__}-py3-none-any.whl") as wheel:
        names = {name for name in wheel.namelist() if name.startswith("minent/")}
        described = wheel.read(f"minent-{minent.__version__}.dist-info/METADATA").decode()
    source = ROOT / "src"
    files = {path.relative_to(source).as_posix() for path in (source / "minent").rglob("*") if path.is_file()}
    assert names == {name for name in files if "__pycache__" not in name}
    assert "License-Expression: Apache-2.0" in described


def test_the_sdist_holds_what_builds_tests_and_documents_it(built: Path) -> None:
    with tarfile.open(built / f"minent-{minent.__version__}.tar.gz") as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {
        "pyproject.toml",
        "constraints.txt",
        "Makefile",
        "mkdocs.yml",
        "CITATION.cff",
        "LICENSE",
        "docs/tutorial.md",
    }
    assert wanted <= names
    assert not {name for name in names if name.startswith(("site/", "dist/", ".venv/", "demo/"))}
    here = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("*.py")}
    assert here <= names
