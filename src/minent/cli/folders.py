"""`minent predict MODEL FOLDER`: a file of answers for each file of texts, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minent import artifacts
from minent.cli import options
from minent.cli.answers import Lengths, answer_lines
from minent.errors import InputError

if TYPE_CHECKING:
    from minent.cluster import Engine


def predict_folder(
    model: Any,
    folder: Path,
    output: Path,
    read: Callable[[str], Iterable[str]],
    engine: Engine,
    *,
    lengths: Lengths,
    as_json: bool,
    resume: bool,
) -> Iterator[tuple[Path, int]]:
    """Answer every file of a folder, in the order of their names.

    Args:
        model: What is asked.
        folder: The files; those that begin with a point, and folders in it, are passed over.
        output: A folder that gets a file of the same name, `.tsv` or `.jsonl` behind it, for each.
        read: Gives the texts of a file.
        engine: What asks the model.
        lengths: How many labels stand on each line.
        as_json: Write JSON lines.
        resume: Pass over files whose answers are there.

    Yields:
        Each file that was written, and of how many texts.

    Raises:
        InputError: No file, answers that are there without `resume`, or `output` is the folder of the texts.
    """
    if output.resolve() == folder.resolve():
        raise InputError(f"{output}: holds the texts; answers there would be read as texts. Choose another --output.")
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if not files:
        raise InputError(f"{folder}: holds no file. Name a folder with files of texts.")
    suffix = ".jsonl" if as_json else ".tsv"
    targets = {path: output / f"{path.name}{suffix}" for path in files}
    taken = [target for target in targets.values() if target.exists()]
    if taken and not resume:
        raise InputError(f"{taken[0]}: is there already. Give --resume to pass over it, or choose another --output.")
    output.mkdir(parents=True, exist_ok=True)
    for path, target in targets.items():
        if target not in taken:
            yield target, _answer(model, read(str(path)), target, engine, lengths, as_json)


def _answer(model: Any, texts: Iterable[str], target: Path, engine: Engine, lengths: Lengths, as_json: bool) -> int:
    """Write the answers beside their place, and rename them in: memory does not grow with the file."""
    labels = [str(label) for label in model.classes_]
    count = 0
    with artifacts.writing_file(target) as file:
        for rows in engine(model.predict_proba, options.batches(texts, 4096)):
            count += len(rows)
            file.writelines(
                f"{line}\n".encode("utf-8", "surrogateescape") for line in answer_lines(labels, rows, lengths, as_json)
            )
    return count
