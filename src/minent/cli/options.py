"""The options that many verbs share, each written once, so that they read and mean the same everywhere."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from minent.errors import InputError

if TYPE_CHECKING:
    from minent.corpus import Labelled, Texts

Files = Annotated[list[str], typer.Argument(metavar="FILE", help="Texts; '-' is stdin.", show_default=False)]
File = Annotated[str, typer.Argument(metavar="FILE", help="Texts; '-' is stdin.")]
LabelledFile = Annotated[
    str, typer.Argument(metavar="LABELLED", help="Texts with labels; '-' is stdin.", show_default=False)
]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write.", show_default=False)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the folder if it is there.")]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="The same seed gives the same result.")]

TextColumn = Annotated[str | None, typer.Option("--text-column", metavar="NAME", help="The column of the texts.")]
LabelColumn = Annotated[str | None, typer.Option("--label-column", metavar="NAME", help="The column of the labels.")]
Encoding = Annotated[str, typer.Option("--encoding", metavar="NAME", help="How the files are encoded.")]
EncodingErrors = Annotated[
    str, typer.Option("--encoding-errors", metavar="strict|replace|keep", help="What to do with bytes that are not.")
]
Format = Annotated[
    str | None,
    typer.Option("--format", metavar="NAME", help="txt, csv, tsv, jsonl or parquet, if the file name does not say."),
]
EngineName = Annotated[str, typer.Option("--engine", metavar="local|ray", help="Where the work is done.")]
Address = Annotated[
    str | None, typer.Option("--address", metavar="HOST:PORT", help="A Ray cluster to join; else one is started here.")
]

Item = TypeVar("Item")


def read(
    files: str | Sequence[str],
    text_column: str | None,
    encoding: str,
    encoding_errors: str,
    format: str | None,
    *,
    allow_empty: bool = False,
) -> Texts:
    """The texts of some files, under the shared options."""
    from minent import corpus

    return corpus.read_texts(
        files,
        text=text_column,
        encoding=encoding,
        encoding_errors=encoding_errors,
        format=format,
        allow_empty=allow_empty,
    )


def read_labelled(
    file: str,
    text_column: str | None,
    label_column: str | None,
    encoding: str,
    encoding_errors: str,
    format: str | None,
) -> Labelled:
    """The texts and labels of a file, under the shared options."""
    from minent import corpus

    return corpus.read_labelled(
        file,
        text=text_column,
        label=label_column,
        encoding=encoding,
        encoding_errors=encoding_errors,
        format=format,
    )


def check_output(folder: Path, overwrite: bool) -> None:
    """Fail now, not after hours of work, where a result could not be written.

    Raises:
        FolderExistsError: The folder is taken.
        InputError: No folder can be made there.
    """
    from minent import artifacts

    if folder.name in ("", ".."):
        raise InputError(f"--output is {str(folder)!r}; it takes the name of a folder to make, such as 'model'.")
    artifacts.refuse_taken(folder, overwrite=overwrite)
    nearest = next(parent for parent in folder.parents if parent.exists())
    if not nearest.is_dir():
        raise InputError(f"{nearest}: is a file, so no folder can be made in it. Choose another --output.")
    if not os.access(nearest, os.W_OK):
        raise InputError(f"{nearest}: cannot be written. Choose another --output, or change its permissions.")


def check_two_classes(labels: Iterable[str | None], file: str) -> None:
    """Refuse data that nothing can be learnt from, by the name of its file.

    Raises:
        InputError: All labels are the same.
    """
    classes = set(labels) - {None}
    if len(classes) < 2:
        name = "stdin" if file == "-" else file
        raise InputError(f"{name}: holds one class only, {classes.pop()!r}. Label some texts of another class.")


def batches(items: Iterable[Item], size: int = 1024) -> Iterator[list[Item]]:
    """Cut a stream into lists: what is in memory is bounded, and the first answers come soon.

    Example:
        >>> list(batches("abcde", size=2))
        [['a', 'b'], ['c', 'd'], ['e']]
    """
    walk = iter(items)
    while batch := list(islice(walk, size)):
        yield batch
