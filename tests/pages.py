"""Run a page of the documentation as its reader would, and draw its picture as its script does.

`Reader.follow` takes every block of a page in its order, in one folder:

- a `console` block: what stands behind `$ ` is run; the lines below it are what it prints (`...` stands for anything);
- a `python` block: an example with `>>>` is compared as doctest does; without, it is run as it stands;
- a block of any kind with `title="NAME.EXT"` is the content of that file.

A block titled "figures differ" is compared with every number left out. A command that ends in `&` goes on to the end of
the page. `minent` runs inside this process, so that a page costs no second start of Python for each line.
"""

from __future__ import annotations

import doctest
import re
import runpy
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.cli.terminal import run

DOCS = Path(__file__).parent.parent / "docs"
FENCE = re.compile(r"^(`{3,})([\w-]*)([^\n]*)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
TITLE = re.compile(r'title="([^"]*)"')
FILE_NAME = re.compile(r"[\w-]+\.\w+")
COORDINATE = re.compile(r"-?\d+(?:\.\d+)?")
NUMBER = re.compile(r"[-+]?\d[\d,]*(\.\d+)?%?(e[-+]?\d+)?")
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
PORT = "8765"  # the one that the pages name; another is taken here, since that one may be in use


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its title and its content."""

    language: str
    title: str
    body: str

    @property
    def figures_differ(self) -> bool:
        return self.title == "figures differ"


def blocks(page: Path) -> Iterator[Block]:
    """Every fenced block of a page, in order."""
    for found in FENCE.finditer(page.read_text(encoding="utf-8")):
        title = TITLE.search(found[3])
        yield Block(found[2], title[1] if title else "", found[4])


class Reader:
    """Somebody who types in a page, block after block, in the current folder."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.running: list[subprocess.Popen[str]] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = str(free.getsockname()[1])

    def follow(self, page: Path) -> int:
        """Do all that a page says; return how many commands and examples were run."""
        try:
            return sum(self._do(block, page) for block in blocks(page))
        finally:
            for process in self.running:
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=30)
            self.running.clear()

    def _do(self, block: Block, page: Path) -> int:
        if FILE_NAME.fullmatch(block.title):
            Path(block.title).write_text(block.body, encoding="utf-8")
        if block.language == "console":
            return self._type(block)
        if block.language == "python":
            return self._python(block.body.replace(PORT, self.port), page)
        return 0

    def _type(self, block: Block) -> int:
        entries = re.split(r"^\$ ", block.body, flags=re.MULTILINE)
        assert not entries[0], f"a console block begins with '$ ', not {entries[0]!r}"
        for entry in entries[1:]:
            command, expected = _parted(entry)
            found = self._shell(command.replace(PORT, self.port)).replace(self.port, PORT)
            if expected:
                _assert_alike(command, expected, found, numbers=not block.figures_differ)
        return len(entries) - 1

    def _shell(self, line: str) -> str:
        """What a line prints; pipes, `<` and `>` mean what they do in a shell."""
        if line.endswith("&"):
            return self._start(line.removesuffix("&"))
        line, _, target = line.partition(" > ")
        data = b""
        for part in line.split(" | "):
            data = _run(part.strip(), data)
        if target:
            Path(target.strip()).write_bytes(data)
            return ""
        return data.decode("utf-8", "surrogateescape")

    def _start(self, line: str) -> str:
        program, *arguments = shlex.split(line)
        assert program == "minent"
        command = [sys.executable, "-c", "from minent.cli import main; main()", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.running.append(process)
        assert process.stdout is not None
        return process.stdout.readline()

    def _python(self, source: str, page: Path) -> int:
        if ">>>" not in source:
            exec(compile(source, str(page), "exec"), self.names)
            return 1
        test = doctest.DocTestParser().get_doctest(source, self.names, page.name, str(page), 0)
        test.globs = self.names  # what a block defines, the next one knows
        said: list[str] = []
        result = doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=said.append, clear_globs=False)
        assert not result.failed, "".join(said)
        return result.attempted


def _parted(entry: str) -> tuple[str, str]:
    """A command, its continued lines joined, and what is printed below it."""
    lines = entry.splitlines()
    last = next(i for i, line in enumerate(lines) if not line.endswith("\\"))
    command = " ".join(line.removesuffix("\\").strip() for line in lines[: last + 1])
    return command, "\n".join(lines[last + 1 :])


def _run(command: str, data: bytes) -> bytes:
    words = shlex.split(command)
    if words[0] != "minent":
        done = subprocess.run(["sh", "-c", command], input=data, capture_output=True, check=True)
        return done.stdout
    if "<" in words:
        place = words.index("<")
        data = Path(words[place + 1]).read_bytes()
        del words[place : place + 2]
    found = run(*words[1:], stdin=data)
    assert found.code == 0, f"{command}\n{found.err}"
    return (found.out + found.err).encode("utf-8", "surrogateescape")


def _assert_alike(command: str, expected: str, found: str, *, numbers: bool) -> None:
    if not numbers:
        expected, found = NUMBER.sub("#", expected), NUMBER.sub("#", found)
    same = doctest.OutputChecker().check_output(expected + "\n", found, OPTIONS)
    assert same, f"$ {command}\n--- the page says\n{expected}\n--- it printed\n{found}"


def examples_run(name: str) -> int:
    """Run all examples of a page that stand as in a doctest; return how many there were."""
    result = doctest.testfile(str(DOCS / name), module_relative=False, optionflags=OPTIONS)
    assert not result.failed
    return result.attempted


def assert_drawn(name: str, *, within: float = 1.0) -> None:
    """Compare `docs/NAME.svg` with what `draw` of `docs/draw_NAME.py` returns.

    All that is no number is the same, and each number is within so many pixels or grades of colour: the last digits are
    the processor's.
    """
    drawn = runpy.run_path(str(DOCS / f"draw_{name}.py"))["draw"]()
    kept = (DOCS / f"{name}.svg").read_text(encoding="utf-8")
    assert COORDINATE.sub("", drawn) == COORDINATE.sub("", kept)
    seen, wanted = ([float(found) for found in COORDINATE.findall(text)] for text in (drawn, kept))
    np.testing.assert_allclose(seen, wanted, rtol=0, atol=within)


@contextmanager
def at_home(folder: Path) -> Iterator[None]:
    """Be in a folder for a while."""
    import os

    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
