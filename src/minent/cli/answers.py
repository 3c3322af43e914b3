"""Predictions as lines: one per text, in the order of the texts, in constant memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from minent import cluster
from minent.cli.options import batches
from minent.cli.tables import visible
from minent.cluster import Engine
from minent.errors import InputError

if TYPE_CHECKING:
    import numpy as np

TopK = Annotated[int, typer.Option("--top-k", "-k", metavar="K", help="Print the K likeliest labels.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON lines: labels and probabilities.")]


class Answers(Protocol):
    """What a model needs to be asked."""

    classes_: np.ndarray

    def predict_proba(self, texts: list[str]) -> np.ndarray:
        """Return a row of probabilities per text."""


def print_answers(
    model: Answers, texts: Iterable[str], *, top_k: int = 1, as_json: bool = False, engine: Engine = cluster.here
) -> None:
    """Print `label<TAB>probability` for each text, or the same for several labels, or JSON.

    Raises:
        InputError: `top_k < 1`.
    """
    check_top_k(top_k)
    labels = [str(label) for label in model.classes_]
    for rows in engine(model.predict_proba, batches(texts)):
        for line in answer_lines(labels, rows, top_k, as_json):
            print(line)


def check_top_k(top_k: int) -> None:
    """Refuse a number of labels that is none.

    Raises:
        InputError: `top_k < 1`.
    """
    if top_k < 1:
        raise InputError(f"--top-k is {top_k}; it takes a whole number, 1 or more.")


def answer_lines(labels: Sequence[str], rows: np.ndarray, top_k: int, as_json: bool) -> Iterator[str]:
    """A line for each row of probabilities."""
    import numpy as np

    order = np.argsort(-rows, axis=1, kind="stable")[:, :top_k]
    best = np.take_along_axis(rows, order, axis=1)
    for places, probabilities in zip(order.tolist(), best.tolist()):
        yield _line([labels[place] for place in places], probabilities, as_json)


def _line(labels: Sequence[str], probabilities: Sequence[float], as_json: bool) -> str:
    if as_json:
        content = {"labels": labels, "probabilities": [round(p, 6) for p in probabilities]}
        return json.dumps(content, ensure_ascii=False)
    # A label is one field of the line, whatever it holds.
    return "\t".join(f"{visible(label)}\t{p:.4f}" for label, p in zip(labels, probabilities))
