"""`minent audit`: look at the data before anything is learnt from it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from minent.cli import options


def audit(
    labelled: Annotated[
        str, typer.Argument(metavar="LABELLED", help="Texts with labels; '-' is stdin.", show_default=False)
    ],
    unlabeled: Annotated[str | None, typer.Option(metavar="FILE", help="The pool of texts without labels.")] = None,
    test: Annotated[str | None, typer.Option(metavar="FILE", help="The labelled texts to be tested on.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, every row named.")] = False,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    encoding: options.Encoding = "utf-8",
    encoding_errors: options.EncodingErrors = "strict",
    format: options.Format = None,
) -> None:
    """Look for duplicates, leaks, contradictions and gaps in data."""
    from minent import artifacts, corpus

    def read_labelled(file: str) -> corpus.Labelled:
        return corpus.read_labelled(
            file,
            text=text_column,
            label=label_column,
            encoding=encoding,
            encoding_errors=encoding_errors,
            format=format,
        )

    pool = None if unlabeled is None else options.read(unlabeled, None, encoding, encoding_errors, None)
    found = corpus.audit(read_labelled(labelled), pool, None if test is None else read_labelled(test))
    print(json.dumps(artifacts.plain(found), ensure_ascii=False) if as_json else "\n".join(found.lines()))
