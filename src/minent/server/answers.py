"""From what the model says to what is sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from minent import __version__
from minent.classifier.features import as_read, located_ngrams
from minent.server.messages import (
    ExplainAnswer,
    Health,
    Label,
    Neighbour,
    Piece,
    PredictAnswer,
    TokenizeAnswer,
    Tokens,
    Weighed,
)
from minent.server.service import Loaded, Service


def predictions(loaded: Loaded, rows: np.ndarray, top_k: int, threshold: float) -> PredictAnswer:
    """The likeliest labels of each row of probabilities."""
    labels = [sendable(label) for label in loaded.classifier.classes_.tolist()]
    order = np.argsort(-rows, axis=1, kind="stable")[:, :top_k]
    kept = [
        [
            Label(label=labels[place], probability=round(share, 6))
            for place, share in zip(places, shares)
            if share >= threshold
        ]
        for places, shares in zip(order.tolist(), np.take_along_axis(rows, order, axis=1).tolist())
    ]
    return PredictAnswer(predictions=kept, model=loaded.digest)


def tokens(loaded: Loaded, texts: Sequence[str]) -> TokenizeAnswer:
    """The n-grams of each text at their places."""
    vocabulary = loaded.classifier.model_.vocabulary
    return TokenizeAnswer(
        tokens=[
            Tokens(
                text=sendable(as_read(text, vocabulary.script)),
                pieces=[
                    Piece(start=start, end=end, ngram=sendable(ngram), known=vocabulary.column(ngram) is not None)
                    for start, end, ngram in located_ngrams(text, vocabulary.script)
                ],
            )
            for text in texts
        ]
    )


def explanation(loaded: Loaded, text: str, label: str | None, loudest: int) -> ExplainAnswer:
    """Why a text gets a label."""
    found = loaded.classifier.explain(text)
    label = next(iter(found.probabilities)) if label is None else label
    place = found.classes.index(label)
    weights: dict[str, float] = defaultdict(float)
    for term in found.terms:
        weights[term.ngram] += term.scores[place] - sum(term.scores) / len(term.scores)
    ranked = sorted(weights.items(), key=lambda item: (-abs(item[1]), item[0]))[:loudest]
    examples = loaded.classifier.examples_
    return ExplainAnswer(
        text=sendable(found.text),
        label=sendable(label),
        labels=[
            Label(label=sendable(name), probability=round(share, 6)) for name, share in found.probabilities.items()
        ],
        weights=[round(weight, 4) for weight in found.weights(label)],
        ngrams=[Weighed(ngram=sendable(ngram), weight=round(weight, 4)) for ngram, weight in ranked],
        neighbours=[
            Neighbour(text=sendable(examples[row][0]), label=sendable(examples[row][1]), likeness=round(likeness, 4))
            for row, likeness in loaded.neighbours.nearest(text)
        ],
    )


def health(service: Service) -> Health:
    """How the service is."""
    return Health(
        status="stale" if service.trouble else "ok",
        model=service.loaded.digest,
        classes=[sendable(label) for label in service.loaded.classifier.classes_.tolist()],
        version=__version__,
        trouble=sendable(service.trouble),
    )


def sendable(text: str) -> str:
    """Lone surrogates (bytes that were no text) cannot be sent; they are shown as U+FFFD, one for one."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if not text.isascii() else text
