"""The house rules that a machine can hold: which room imports which, what loads when, what is public and documented."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import minent

SOURCE = Path(minent.__file__).parent
GROUND = {"errors", "runtime", "cluster", "artifacts"}

# A room may import the rooms named beside it, and the ground. Arrows point down: read the table from top to bottom.
ARROWS = {
    "cli": {
        "server",
        "classifier",
        "prompts",
        "encoders",
        "vectors",
        "tokenizer",
        "corpus",
        "report",
        "samples",
        "lowrank",
    },
    "server": {"classifier", "report"},
    "classifier": {
        "prompts",
        "encoders",
        "capsules",
        "simplex",
        "roots",
        "corpus",
        "tokenizer",
        "vectors",
        "lowrank",
        "report",
    },
    "prompts": {"encoders", "simplex"},
    "encoders": {"capsules", "simplex"},
    "capsules": {"simplex"},
    "simplex": {"roots"},
    "vectors": {"lowrank"},
    "tokenizer": set(),
    "lowrank": set(),
    "roots": set(),
    "corpus": set(),
    "report": set(),
    "samples": {"corpus"},
}
TORCH_ROOMS = {"simplex", "capsules", "encoders", "prompts", "classifier"}
HEAVY = ("torch", "numba", "sklearn", "scipy", "matplotlib", "polars", "transformers")


def rooms() -> list[str]:
    return sorted(path.parent.name for path in SOURCE.glob("*/__init__.py") if path.parent.name not in GROUND)


def files_of(room: str) -> list[Path]:
    return sorted((SOURCE / room).rglob("*.py"))


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: import by full name, so that arrows can be read"
            assert node.module is not None
            yield node.module
            if node.module == "minent":
                yield from (f"minent.{alias.name}" for alias in node.names)


def modules_after(statement: str) -> set[str]:
    script = f"{statement}\nimport sys; print(' '.join(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in run.stdout.split()}


def test_every_room_has_its_arrows() -> None:
    assert set(rooms()) == set(ARROWS)
    assert set(rooms()) - {"cli"} == set(minent.ROOMS)


@pytest.mark.parametrize("room", rooms())
def test_arrows_point_down(room: str) -> None:
    allowed = ARROWS[room] | GROUND | {room}
    for path in files_of(room):
        for module in imported_modules(path):
            top, _, rest = module.partition(".")
            if top == "minent" and rest:
                target = rest.partition(".")[0]
                is_root_name = target in {"__version__", "load", "MinentError"}
                assert target in allowed or is_root_name, f"{path.relative_to(SOURCE)} imports {module}"


@pytest.mark.parametrize("room", sorted(set(rooms()) - TORCH_ROOMS))
def test_torch_stays_in_its_rooms(room: str) -> None:
    for path in files_of(room):
        assert "torch" not in {module.partition(".")[0] for module in imported_modules(path)}, path


def test_importing_minent_is_light() -> None:
    assert not modules_after("import minent; minent.load, dir(minent)") & {*HEAVY, "numpy"}


def test_command_line_help_is_light() -> None:
    loaded = modules_after(
        "import sys; sys.argv = ['minent', '--help']\n"
        "from minent.cli import main\n"
        "import contextlib, io\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit): main()"
    )
    assert not loaded & {"torch", "numba", "sklearn"}


@pytest.mark.parametrize("room", sorted({"tokenizer", "vectors", "lowrank", "roots", "corpus", "report", "samples"}))
def test_rooms_outside_torch_do_not_load_it(room: str) -> None:
    assert "torch" not in modules_after(f"import minent.{room}")


# --- public names and their documentation -----------------------------------------------------------------------------


def public_objects(room: str) -> Iterator[tuple[str, object]]:
    module = importlib.import_module(f"minent.{room}")
    for name in module.__all__:
        yield f"{room}.{name}", getattr(module, name)


def documented_callables(room: str) -> Iterator[tuple[str, object]]:
    for name, thing in public_objects(room):
        if inspect.isfunction(thing):
            yield name, thing
        elif inspect.isclass(thing):
            yield name, thing
            for method, function in vars(thing).items():
                raw = function.__func__ if isinstance(function, (classmethod, staticmethod)) else function
                if inspect.isfunction(raw) and not method.startswith("_"):
                    yield f"{name}.{method}", raw


def documented_names(docstring: str) -> list[str] | None:
    """Return the names described under `Args:` or `Attributes:`, or None when there is no such section."""
    lines = docstring.splitlines()
    for title in ("Args:", "Attributes:"):
        if title in lines:
            body = list(itertools.takewhile(lambda line: not line or line[0] == " ", lines[lines.index(title) + 1 :]))
            heads = [line for line in body if re.match(r" {4}\S", line)]
            return [name.strip("*` ") for head in heads for name in re.split(r"[:(]", head)[0].split(",")]
    return None


def parameters_of(thing: object) -> list[str]:
    if inspect.isclass(thing) and dataclasses.is_dataclass(thing):
        return [field.name for field in dataclasses.fields(thing) if not field.name.startswith("_")]
    function = thing.__init__ if inspect.isclass(thing) else thing
    names = [name.strip("*") for name in inspect.signature(function).parameters]
    return [name for name in names if name not in {"self", "cls"} and not name.startswith("_")]


@pytest.mark.parametrize("room", sorted(minent.ROOMS))
def test_public_names_are_listed_once_and_documented(room: str) -> None:
    module = importlib.import_module(f"minent.{room}")
    assert module.__doc__, f"minent.{room} needs a docstring"
    assert len(set(module.__all__)) == len(module.__all__)
    for name, thing in public_objects(room):
        if callable(thing):
            assert inspect.getdoc(thing), f"{name} needs a docstring"


@pytest.mark.parametrize("room", sorted(minent.ROOMS))
def test_documented_parameters_are_the_signature(room: str) -> None:
    wrong = []
    for name, thing in documented_callables(room):
        if inspect.isclass(thing) and (issubclass(thing, (tuple, Exception)) or hasattr(thing, "__members__")):
            continue
        docstring = inspect.getdoc(thing) or ""
        documented = documented_names(docstring)
        expected = parameters_of(thing)
        if documented is None and (len(expected) <= 1 or "." in name.partition(".")[2]):
            continue  # a method or a one-argument function may say it all in its sentence
        if documented != expected:
            wrong.append(f"{name}: documented {documented}, signature {expected}")
    assert not wrong, "\n".join(wrong)


# --- what library code never does -------------------------------------------------------------------------------------


def calls_in(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_library_code_does_not_print_pickle_or_evaluate(path: Path) -> None:
    forbidden = {"eval", "exec", "pickle.load", "pickle.loads", "torch.load", "torch.save", "joblib.load", "np.load"}
    if "cli" not in path.parts:
        forbidden |= {"print"}
    assert not forbidden & set(calls_in(path))
    assert not {"pickle", "joblib", "shelve", "marshal"} & {name.partition(".")[0] for name in imported_modules(path)}
