"""Why a text got its label: which words moved the decision, and which labelled texts say the same.

The shipped model is linear, so this is no approximation: the score of a class is its bias plus a term for every n-gram
of the text, and the terms shown here sum to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from minent.classifier.features import Counts, as_read, located_ngrams
from minent.classifier.linear import LinearModel


@dataclass(frozen=True)
class Term:
    """What one place of a text adds to the scores.

    Attributes:
        start: First character, in `Explanation.text`.
        end: The character after the last.
        ngram: The n-gram that stands there.
        scores: Added to the score of each class, in units of log-probability.
    """

    start: int
    end: int
    ngram: str
    scores: tuple[float, ...]


@dataclass(frozen=True)
class Explanation:
    """A text, its answer, and what led to it.

    Attributes:
        text: The text as the model reads it: in lower case, and shortened where it is very long.
        probabilities: By label, the likeliest first.
        terms: One for each place of the text that the model knows, in reading order.
        bias: Score of each class before any term, in the order of `classes`.
        classes: The labels, in the order of every `scores`.
    """

    text: str
    probabilities: dict[str, float]
    terms: tuple[Term, ...]
    bias: tuple[float, ...]
    classes: tuple[str, ...]

    def weights(self, label: str | None = None) -> list[float]:
        """How strongly each character speaks for a label and against the mean of all labels.

        Args:
            label: One of `classes`; None takes the likeliest.

        Returns:
            One number per character of `text`: an n-gram's share is spread evenly over the characters it covers.
        """
        place = self.classes.index(next(iter(self.probabilities)) if label is None else label)
        shares = np.zeros(len(self.text))
        for term in self.terms:
            lead = term.scores[place] - sum(term.scores) / len(term.scores)
            shares[term.start : term.end] += lead / (term.end - term.start)
        return shares.tolist()


def explain(model: LinearModel, classes: Sequence[str], text: str) -> Explanation:
    """Take one answer of a linear model apart; see `TextClassifier.explain`."""
    counts = model.vocabulary.count([text])
    values = model.transform.values(counts) / counts.values / model.temperature
    share = dict(zip(counts.indices.tolist(), values.tolist()))
    terms = []
    for start, end, ngram in located_ngrams(text, model.vocabulary.script):
        column = model.vocabulary.column(ngram)
        if column is not None:
            scores = tuple((model.weights[column].astype(float) * share[column]).tolist())
            terms.append(Term(start, end, ngram, scores))
    probabilities = model.probabilities([text])[0]
    order = np.argsort(-probabilities, kind="stable")
    return Explanation(
        as_read(text, model.vocabulary.script),
        {classes[place]: float(probabilities[place]) for place in order},
        tuple(terms),
        tuple((model.bias.astype(float) / model.temperature).tolist()),
        tuple(classes),
    )


class Neighbours:
    """The labelled texts that share most evidence with a text.

    Two texts are near when they hold the same n-grams, each counted by how far it tells the classes apart; n-grams that
    say nothing of the class make nobody a neighbour.

    Args:
        model: The model that knows the n-grams.
        texts: The labelled texts.
    """

    def __init__(self, model: LinearModel, texts: Sequence[str]) -> None:
        self._model = model
        self._telling = model.weights.std(axis=1)
        self._counts = model.vocabulary.count(texts)
        self._values = self._unit(self._counts)

    def nearest(self, text: str, most: int = 5) -> list[tuple[int, float]]:
        """Find the nearest labelled texts.

        Args:
            text: Any text.
            most: How many at most.

        Returns:
            `(place among the labelled texts, cosine)`, the nearest first; none that share nothing.
        """
        asked = self._model.vocabulary.count([text])
        dense = np.zeros(len(self._model.vocabulary), np.float32)
        dense[asked.indices] = self._unit(asked)
        products = self._values * dense[self._counts.indices]
        cosines = np.bincount(self._counts.row_of, products, minlength=len(self._counts.starts) - 1)
        order = np.argsort(-cosines, kind="stable")[:most]
        return [(int(place), float(cosines[place])) for place in order if cosines[place] > 0]

    def _unit(self, counts: Counts) -> np.ndarray:
        values = self._model.transform.values(counts) * self._telling[counts.indices]
        rows = len(counts.starts) - 1
        norms = np.sqrt(np.bincount(counts.row_of, values.astype(np.float64) ** 2, minlength=rows))
        return values / np.maximum(norms, 1e-30)[counts.row_of]
