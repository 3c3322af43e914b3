"""The options that many verbs share, each written once, so that they read and mean the same everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from minent.corpus import Labelled, Texts

Files = Annotated[list[str], typer.Argument(metavar="FILE", help="Texts; '-' is stdin.", show_default=False)]
File = Annotated[str, typer.Argument(metavar="[FILE]", help="Texts; '-' is stdin.")]
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


def batches(items: Iterable[Item], size: int = 1024) -> Iterator[list[Item]]:
    """Cut a stream into lists: what is in memory is bounded, and the first answers come soon.

    Example:
        >>> list(batches("abcde", size=2))
        [['a', 'b'], ['c', 'd'], ['e']]
    """
    walk = iter(items)
    while batch := list(islice(walk, size)):
        yield batch
