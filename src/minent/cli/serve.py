"""`minent serve`: a saved classifier over HTTP."""

from __future__ import annotations

from typing import Annotated

import typer

from minent.cli.classifier import Model


def serve(
    folder: Model,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; 0.0.0.0 is every network.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", help="Port to listen on; 0 takes a free one.")] = 8765,
    max_body_bytes: Annotated[int, typer.Option(metavar="N", help="Most bytes of a request.")] = 10_000_000,
    max_texts: Annotated[int, typer.Option(metavar="N", help="Most texts of a request.")] = 10_000,
    timeout_seconds: Annotated[float, typer.Option(metavar="S", help="Longest wait for an answer.")] = 30.0,
    quiet: Annotated[bool, typer.Option("--quiet", help="No line for each request.")] = False,
) -> None:
    """Answer over HTTP: /predict, /explain and /tokenize for programs, a page for people."""
    from minent.server import Limits, serve

    limits = Limits(body_bytes=max_body_bytes, texts=max_texts, seconds=timeout_seconds)

    def say(address: str) -> None:
        print(f"{folder}: {address} (Ctrl-C stops)", flush=True)

    serve(folder, host=host, port=port, limits=limits, quiet=quiet, ready=say)
