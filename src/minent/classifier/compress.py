"""The same answers from fewer bytes: drop the n-grams that hardly count, and round the weights of the rest.

An n-gram counts by how far it can move two classes apart, times the root of how often it is met. Ever fewer are kept,
while 99 of 100 answers stay what they were. Weights become whole numbers of 8 bits with one step size per class; with
many classes some classes' weights are written as mixtures of the others' (an interpolative decomposition). The
temperature is set anew, so that the mean confidence stays what it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from minent.classifier.features import Vocabulary, document_frequency
from minent.classifier.linear import LinearModel, RowTransform, unpack
from minent.classifier.task import checked_texts
from minent.errors import InputError

if TYPE_CHECKING:
    from minent.classifier.estimator import TextClassifier

AGREEMENT = 0.99
_MANY_CLASSES = 20
_HALVINGS = 12


def compress(
    classifier: TextClassifier,
    *,
    max_bytes: int | None = None,
    texts: Iterable[str] | None = None,
    force: bool = False,
) -> TextClassifier:
    """Make a classifier smaller.

    Args:
        classifier: A fitted one; it is left as it is.
        max_bytes: The most that n-grams and weights may take; None for as few as 99 % agreement allows.
        texts: Texts on which the answers are compared, a few hundred or more. Without any, no n-gram is dropped unless
            `max_bytes` and `force` ask for it.
        force: Accept less than 99 % agreement, or agreement that was not measured.

    Returns:
        A new classifier; its `facts_["sizes"]` holds bytes and features before and after, and the agreement.

    Raises:
        InputError: Not fitted, `max_bytes` too small for any model, or fewer than 99 % of the answers stay.

    Source:
        Joulin et al. (2016), arXiv 1612.03651, for pruning and rounding a text classifier; kexue.fm/archives/10501.

    Example:
        >>> from minent.classifier import TextClassifier
        >>> texts = ["so good", "good fun", "very good", "so bad", "bad fun", "very bad"]
        >>> classifier = TextClassifier(budget_seconds=5).fit(texts, ["+", "+", "+", "-", "-", "-"])
        >>> smaller = compress(classifier, texts=texts)
        >>> smaller.predict(texts).tolist() == classifier.predict(texts).tolist()
        True
    """
    from minent.classifier.calibration import temperature_for_confidence
    from minent.classifier.estimator import TextClassifier

    whole = classifier._fitted().model_
    compared = [] if texts is None else checked_texts(texts, "texts")
    order = _by_importance(whole, compared)
    said = whole.probabilities(compared)
    best: tuple[LinearModel, float | None] | None = None
    for count in _counts(len(order), bool(compared) or max_bytes is not None):
        smaller = _round(_keep(whole, np.sort(order[:count])))
        shared = _agreement(smaller, compared, said)
        fits = max_bytes is None or smaller.bytes_on_disk <= max_bytes
        if max_bytes is None and best is not None and (shared is None or shared < AGREEMENT):
            break  # the one before was the smallest that says the same
        if fits and (best is None or max_bytes is None):
            best = (smaller, shared)
        if fits and max_bytes is not None:
            break  # the largest that fits
    if best is None:
        raise InputError(f"max_bytes is {max_bytes}, but even the smallest model takes {smaller.bytes_on_disk} bytes.")
    model, shared = best
    _refuse_other_answers(model, shared, len(whole.vocabulary), force)
    if compared:
        confidence = float(said.max(axis=1).mean())
        model = model.with_temperature(round(temperature_for_confidence(model.scores(compared), confidence), 6))
    made = TextClassifier(**classifier.get_params())
    facts = {**classifier.facts_, "sizes": _sizes(whole, model, shared, len(compared))}
    made._adopt(model, classifier.classes_, facts, classifier.measured_, classifier.inputs_, classifier.examples_)
    return made


def _counts(features: int, may_prune: bool) -> list[int]:
    """How many n-grams to try, falling by a factor of the square root of two."""
    if not may_prune:
        return [features]
    return sorted({max(1, int(features * 2 ** (-step / 2))) for step in range(2 * _HALVINGS + 1)}, reverse=True)


def _by_importance(model: LinearModel, texts: list[str]) -> np.ndarray:
    met = document_frequency(model.vocabulary.count(texts), len(model.vocabulary)) + 1.0
    reach = np.ptp(model.weights, axis=1) * (1.0 if model.transform.idf is None else model.transform.idf)
    return np.argsort(-reach * np.sqrt(met), kind="stable")


def _keep(model: LinearModel, columns: np.ndarray) -> LinearModel:
    vocabulary = Vocabulary(model.vocabulary.script, [model.vocabulary.features[column] for column in columns])
    idf = None if model.transform.idf is None else model.transform.idf[columns]
    transform = RowTransform(model.transform.kind, idf, model.transform.length)
    return replace(model, vocabulary=vocabulary, transform=transform, weights=model.weights[columns], packed=None)


def _round(model: LinearModel) -> LinearModel:
    """Return the model with the weights that its 8-bit form stands for."""
    from minent import lowrank

    weights = model.weights - model.weights.mean(axis=1, keepdims=True)  # a softmax only sees differences
    packed: dict[str, np.ndarray] = {}
    if weights.shape[1] >= _MANY_CLASSES:
        found = lowrank.interpolative(weights, tolerance=0.02, method="qr")
        if len(found.columns) < weights.shape[1]:
            weights, packed["mixture"] = weights[:, found.columns], found.coefficients.astype(np.float32)
    steps = np.maximum(np.abs(weights).max(axis=0, initial=0.0) / 127, 1e-30).astype(np.float32)
    packed |= {"weights": np.rint(weights / steps).astype(np.int8), "steps": steps}
    return replace(model, weights=unpack(packed), packed=packed)


def _agreement(model: LinearModel, texts: list[str], said: np.ndarray) -> float | None:
    return float((model.scores(texts).argmax(axis=1) == said.argmax(axis=1)).mean()) if texts else None


def _refuse_other_answers(model: LinearModel, shared: float | None, features: int, force: bool) -> None:
    if force or (shared is not None and shared >= AGREEMENT) or (shared is None and len(model.vocabulary) == features):
        return
    met = "was not measured, since no texts were given" if shared is None else f"is {shared:.1%}"
    raise InputError(
        f"with {len(model.vocabulary)} of {features} n-grams the agreement with the whole model {met}; {AGREEMENT:.0%} "
        f"is needed. Allow more bytes, give texts to compare on, or force it."
    )


def _sizes(whole: LinearModel, model: LinearModel, shared: float | None, compared: int) -> dict[str, Any]:
    return {
        "features": len(model.vocabulary),
        "bytes": model.bytes_on_disk,
        "features_before": len(whole.vocabulary),
        "bytes_before": whole.bytes_on_disk,
        "agreement": None if shared is None else round(shared, 4),
        "compared_texts": compared,
    }
