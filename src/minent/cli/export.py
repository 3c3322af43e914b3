"""`minent export`: a saved classifier for another runtime, checked there."""

from __future__ import annotations

from typing import Annotated

import typer

from minent.cli import options
from minent.cli.classifier import Model


def export(
    model: Model,
    output: options.Output,
    format: Annotated[str, typer.Option("--format", metavar="onnx|huggingface", help="For which runtime.")],
    texts: Annotated[
        list[str] | None, typer.Option("--texts", metavar="FILE", help="More texts to check on; may be repeated.")
    ] = None,
    overwrite: options.Overwrite = False,
    text_column: options.TextColumn = None,
    encoding: options.Encoding = "utf-8",
    encoding_errors: options.EncodingErrors = "strict",
) -> None:
    """Write a classifier as an ONNX graph or for transformers, and check that it says the same there."""
    options.check_output(output, overwrite)
    more = options.read(texts, text_column, encoding, encoding_errors, None) if texts else None
    from minent import classifier

    found = classifier.export(
        classifier.TextClassifier.load(model), output, format=format, texts=more, overwrite=overwrite
    )
    print(
        f"{output}: {format}, checked on {found.texts:,} texts: the same labels, and no probability differs by more "
        f"than {found.largest_difference:.1e}"
    )
