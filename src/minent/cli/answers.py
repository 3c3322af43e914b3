"""Predictions as lines: one per text, in the order of the texts, in constant memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from minent import cluster
from minent.cli.options import batches
from minent.cli.tables import visible
from minent.cluster import Engine
from minent.errors import InputError, whole

if TYPE_CHECKING:
    import numpy as np

TopK = Annotated[int, typer.Option("--top-k", "-k", metavar="K", help="Print the K likeliest labels.")]
Coverage = Annotated[
    float | None,
    typer.Option("--coverage", metavar="P", help="Print as many labels as hold the right one this often, such as 0.9."),
]
Precision = Annotated[
    float | None,
    typer.Option("--precision", metavar="P", help="An empty line where answers would be right less often than this."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON lines: labels and probabilities.")]


class Answers(Protocol):
    """What a model needs to be asked."""

    classes_: np.ndarray

    def predict_proba(self, texts: list[str]) -> np.ndarray:
        """Return a row of probabilities per text."""


Lengths = Callable[["np.ndarray"], "np.ndarray"]
"""How many labels to print for each row of probabilities, the likeliest first."""


def print_answers(
    model: Answers, texts: Iterable[str], lengths: Lengths, *, as_json: bool = False, engine: Engine = cluster.here
) -> None:
    """Print `label<TAB>probability` for each text, or the same for several labels, or JSON."""
    labels = [str(label) for label in model.classes_]
    for rows in engine(model.predict_proba, batches(texts)):
        for line in answer_lines(labels, rows, lengths, as_json):
            print(line)


def likeliest(top_k: int) -> Lengths:
    """As many labels for each text.

    Raises:
        InputError: `top_k < 1`.
    """
    import numpy as np

    whole("--top-k", top_k, 1)
    return lambda rows: np.full(len(rows), min(top_k, rows.shape[1]))


def promised(classifier: Any, coverage: float | None, precision: float | None) -> Lengths:
    """As many labels as one of the two promises asks for: a set that holds the right one, or one label if it is sure.

    Raises:
        InputError: Both, one out of range, or more than the classifier can promise.
    """
    from minent.classifier.conformal import Judgements, check_share

    if coverage is not None and precision is not None:
        raise InputError("--coverage and --precision are both given. Leave one out.")
    judgements = Judgements.from_facts(classifier.facts_.get("judgements"))
    if precision is not None:
        threshold = judgements.threshold(precision)
        return lambda rows: (rows.max(axis=1).astype(float).round(6) >= threshold).astype(int)
    share = check_share("coverage", coverage)  # before anything is read
    return lambda rows: judgements.label_sets(rows, share).sum(axis=1)


def answer_lines(labels: Sequence[str], rows: np.ndarray, lengths: Lengths, as_json: bool) -> Iterator[str]:
    """A line for each row of probabilities; an empty one where no label is to be printed."""
    import numpy as np

    order = np.argsort(-rows, axis=1, kind="stable")
    best = np.take_along_axis(rows, order, axis=1)
    for places, probabilities, length in zip(order.tolist(), best.tolist(), lengths(rows).tolist()):
        yield _line([labels[place] for place in places[:length]], probabilities[:length], as_json)


def _line(labels: Sequence[str], probabilities: Sequence[float], as_json: bool) -> str:
    if as_json:
        content = {"labels": labels, "probabilities": [round(p, 6) for p in probabilities]}
        return json.dumps(content, ensure_ascii=False)
    # A label is one field of the line, whatever it holds.
    return "\t".join(f"{visible(label)}\t{p:.4f}" for label, p in zip(labels, probabilities))
