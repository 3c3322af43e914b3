"""What to label next: texts the model doubts, and that the labelled ones and each other do not already stand for.

The texts are columns in the space of latent semantic analysis, shortened by how sure the model is of them. An
interpolative decomposition that starts from the labelled columns then picks those that explain most of what is left:
doubtful texts weigh more, and no two of them say the same. Without a model all weigh alike.

Source: margin sampling, Scheffer, Decomain & Wrobel (2001); the decomposition as kexue.fm/archives/10501.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from minent.errors import InputError, did_you_mean, whole

_CANDIDATES = 2000
METHODS = ("auto", "decomposition", "clusters", "margin")
MANY_CLASSES = 5


class Doubter(Protocol):
    """A classifier, as far as it says what it doubts."""

    classes_: np.ndarray

    def predict_proba(self, X: Iterable[str]) -> np.ndarray:
        """Return a row of probabilities for each text."""


@dataclass(frozen=True)
class Suggestion:
    """A text that is worth a label.

    Attributes:
        row: Its place among the texts that were given.
        text: The text.
        label: What the model takes it for; None without a model.
        probability: How sure the model is; None without a model.
    """

    row: int
    text: str
    label: str | None = None
    probability: float | None = None


def suggest(
    model: Doubter | None,
    texts: Iterable[str],
    n: int = 20,
    *,
    labelled: Iterable[str] = (),
    seed: int = 0,
    method: str = "auto",
) -> list[Suggestion]:
    """Choose the texts whose labels would teach most.

    Args:
        model: A fitted classifier, or None before there is one.
        texts: To choose from. Repetitions, empty texts and those in `labelled` are passed over.
        n: How many, 1 or more; fewer are returned where there are no more.
        labelled: Texts that have a label.
        seed: Of the latent semantic analysis and the clusters.
        method: `"decomposition"` weighs doubt and covers what the labelled texts do not stand for; `"clusters"` takes
            the middle of each of n soft clusters, of the doubtful texts if there are fewer than 5 classes; `"margin"`
            goes by doubt alone, so it needs a model. `"auto"` is clusters for a model of 5 classes or more, whose doubt
            says little yet, else decomposition.

    Returns:
        The chosen texts, the most telling first.

    Raises:
        InputError: `n < 1`, `texts` holds nothing to choose from, or something that is no string; another method, or
            `"margin"` without a model.

    Example:
        >>> sorted(found.text for found in suggest(None, ["so good", "so good fun", "so bad", "bad bad"], 2))
        ['bad bad', 'so good']
    """
    from minent.classifier.groundwork import Groundwork
    from minent.classifier.task import checked_texts

    whole("n", n, 1)
    whole("seed", seed, 0)
    if method not in METHODS:
        raise InputError(f"method is {method!r}; it is one of {', '.join(METHODS)}.{did_you_mean(method, METHODS)}")
    if method == "margin" and model is None:
        raise InputError("method is 'margin', which goes by what a model doubts, but model is None. Give one.")
    given, known = checked_texts(texts, "texts"), checked_texts(labelled, "labelled")
    rows = _distinct(given, set(known))
    if not rows:
        raise InputError(f"texts holds {len(given)} texts, but none that is neither empty nor labelled already.")
    chosen_from = [given[row] for row in rows]
    latent = Groundwork([*chosen_from, *known], seed=seed).all.latent
    probabilities = None if model is None else model.predict_proba(chosen_from)
    picked = choose(latent[: len(rows)], latent[len(rows) :], probabilities, n, method=method, seed=seed)
    return [
        Suggestion(
            rows[place],
            chosen_from[place],
            None if model is None or probabilities is None else str(model.classes_[probabilities[place].argmax()]),
            None if probabilities is None else float(probabilities[place].max()),
        )
        for place in picked
    ]


def choose(
    latent: np.ndarray,
    labelled: np.ndarray,
    probabilities: np.ndarray | None,
    n: int,
    *,
    method: str = "auto",
    seed: int = 0,
) -> list[int]:
    """Return the rows of `latent` to label next, best first.

    Args:
        latent: float (texts, rank).
        labelled: float (labelled texts, rank).
        probabilities: float (texts, classes), or None.
        n: How many at most.
        method: One of `METHODS`.
        seed: Of the clusters.
    """
    many = probabilities is not None and probabilities.shape[1] >= MANY_CLASSES
    if method == "auto":
        method = "clusters" if many else "decomposition"
    doubt = np.ones(len(latent)) if probabilities is None else 1.0 - _margin(probabilities)
    order = np.argsort(-doubt, kind="stable")
    candidates = order[:_CANDIDATES]
    picked: list[int] = []
    if method == "decomposition":
        picked = _decompose(latent, labelled, doubt, candidates, n)
    if method == "clusters":
        spread = np.unique(np.linspace(0, len(latent) - 1, min(len(latent), _CANDIDATES)).astype(int))
        doubtful = probabilities is not None and not many
        picked = _middles(latent, candidates[: max(10 * n, 100)] if doubtful else spread, n, seed)
    done = set(picked)
    left = [row for row in order.tolist() if row not in done]  # few dimensions, or many texts: go on by doubt alone
    return [*picked, *left][:n]


def _decompose(
    latent: np.ndarray, labelled: np.ndarray, doubt: np.ndarray, candidates: np.ndarray, n: int
) -> list[int]:
    """Pick the doubtful texts that explain most of what the labelled ones leave."""
    from minent import lowrank

    columns = (_unit(latent[candidates]) * doubt[candidates, None]).T
    room = min(columns.shape) - n  # dimensions that the labelled texts may take up
    first = _unit(labelled).T
    if first.shape[1] > max(room, 0):
        first = first[:, lowrank.interpolative(first, rank=room, method="qr").columns] if room > 0 else first[:, :0]
    start = first.shape[1]
    if not columns.size:
        return []
    rank = min(start + n, columns.shape[0], start + columns.shape[1])
    both = np.hstack([first, columns])
    found = lowrank.interpolative(both, rank=rank, method="qr", start=range(start)).columns
    return [int(candidates[column - start]) for column in found[start:]]


def _middles(latent: np.ndarray, candidates: np.ndarray, n: int, seed: int) -> list[int]:
    """The text nearest to the middle of each of n soft clusters, those of large clusters first."""
    from minent.capsules import SoftKMeans

    points = _unit(latent[np.sort(candidates)])
    if len(points) <= n or not points.shape[1]:
        return []
    found = SoftKMeans(n, metric="cosine", n_init=1, seed=seed).fit(points)
    apart, sizes = found.transform(points), np.bincount(found.labels_, minlength=n)
    order = [cluster for cluster in np.argsort(-sizes, kind="stable") if sizes[cluster]]
    inside = (np.flatnonzero(found.labels_ == cluster) for cluster in order)
    nearest = [rows[apart[rows, cluster].argmin()] for cluster, rows in zip(order, inside)]
    return [int(np.sort(candidates)[row]) for row in nearest]


def _margin(probabilities: np.ndarray) -> np.ndarray:
    """The likeliest class less the second likeliest."""
    second, first = np.partition(probabilities, -2, axis=1)[:, -2:].T
    return first - second


def _unit(rows: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float64) / np.where(norms > 0, norms, 1.0)


def _distinct(texts: list[str], known: set[str]) -> list[int]:
    seen, rows = set(known), []
    for row, text in enumerate(texts):
        if text.strip() and text not in seen:
            seen.add(text)
            rows.append(row)
    return rows
