"""`minent audit`: look at the data before anything is learnt from it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from minent.cli import options


def audit(
    labelled: options.LabelledFile,
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

    settings = (text_column, label_column, encoding, encoding_errors, format)
    data = options.read_labelled(labelled, *settings)
    pool = None if unlabeled is None else options.read(unlabeled, text_column, encoding, encoding_errors, None)
    held = None if test is None else options.read_labelled(test, *settings)
    found = corpus.audit(data, pool, held)
    print(json.dumps(artifacts.plain(found), ensure_ascii=False) if as_json else "\n".join(found.lines()))
