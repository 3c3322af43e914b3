"""The documentation is true: its commands and examples run, its links lead somewhere, and the site builds strictly."""

from __future__ import annotations

import dataclasses
import itertools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import minent
from minent import artifacts
from tests import pages

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
HOW_TO = sorted(set(DOCS.glob("how-to/*.md")) - {DOCS / "how-to/index.md"})
COMING = sorted(DOCS.glob("coming-from/*.md"))


def name_of(page: Path) -> str:
    return page.relative_to(DOCS).as_posix()


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The folder of somebody who has done the tutorial and what all how-to pages begin with."""
    folder = tmp_path_factory.mktemp("tutorial")
    with pages.at_home(folder):
        assert pages.Reader().follow(DOCS / "tutorial.md") > 15
        shutil.rmtree("small")
        assert pages.Reader().follow(DOCS / "how-to/index.md") > 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", [*HOW_TO, *COMING, DOCS / "formats.md"], ids=name_of)
def test_a_page_does_what_it_says(page: Path, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "home")
    with pages.at_home(tmp_path / "home"):
        assert pages.Reader().follow(page) > 0


# --- the file formats -------------------------------------------------------------------------------------------------


def rows(page: Path, heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, without its head."""
    below = page.read_text(encoding="utf-8").split(f"## {heading}\n", 1)[1]
    lines = itertools.takewhile(
        str.strip, itertools.dropwhile(lambda line: not line.startswith("|"), below.splitlines())
    )
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in list(lines)[2:]]


def test_the_manifest_is_described_field_by_field() -> None:
    described = [row[0].strip("` ") for row in rows(DOCS / "formats.md", "manifest.json")]
    assert described == [field.name for field in dataclasses.fields(artifacts.Manifest)]


def test_every_kind_and_format_is_described() -> None:
    """The code names a kind and its format in one line, `KIND, FORMAT = ...`, in the file that writes it."""
    written = re.compile(r'^KIND, FORMAT = "([\w-]+)", (\d+)$', re.MULTILINE)
    found = {
        pair for path in (ROOT / "src").rglob("*.py") for pair in written.findall(path.read_text(encoding="utf-8"))
    }
    assert {(row[0].strip("`"), row[1]) for row in rows(DOCS / "formats.md", "Kinds")} == found
    assert set(minent.KINDS) <= {kind for kind, _ in found}


@pytest.mark.slow
def test_saved_folders_hold_the_files_that_are_described(finished: Path) -> None:
    described = {row[0].strip("`"): set(re.findall("`(.*?)`", row[3])) for row in rows(DOCS / "formats.md", "Kinds")}
    for folder in ("model", "pieces", "encoder"):
        manifest = artifacts.read_manifest(finished / folder)
        assert {name.partition("/")[0] for name in manifest.files} <= described[manifest.kind]


# --- the site ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda path: path.name)
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    text = pages.FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:", target) and not target.startswith("#"):
            assert (page.parent / target.partition("#")[0]).exists(), f"{page}: {target}"


def test_every_room_has_a_page_of_reference() -> None:
    described = {path.stem for path in DOCS.glob("reference/*.md")} - {"index"}
    assert described == {*minent.ROOMS, "artifacts", "errors"}


def test_every_verb_has_a_page() -> None:
    from minent.cli.frame import app

    verbs = {command.name or command.callback.__name__ for command in app.registered_commands}
    verbs = {"test" if name == "measure" else name for name in verbs} | {group.name for group in app.registered_groups}
    assert verbs - {"demo", "warmup"} == {page.stem for page in HOW_TO}


@pytest.mark.slow
def test_the_site_builds_strictly_and_asks_no_other_host(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for page in (tmp_path / "site").rglob("*.html"):
        loaded = re.findall(
            r"""<(?:script|img|iframe|link rel="(?:stylesheet|preconnect)")[^>]*?(?:src|href)="(http[^"]*)""",
            page.read_text(),
        )
        assert not loaded, f"{page}: {loaded}"
    reference = (tmp_path / "site/reference/roots.html").read_text()
    assert "<blockquote>" not in reference, "the prompts of an example became quotes"
    formulas = (tmp_path / "site/lowrank.html").read_text()
    assert formulas.count("<math") > 20
    assert "arithmatex" not in formulas
