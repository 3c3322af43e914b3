"""The same answers from fewer bytes; see `pruning` for how. Here: how far to go, and when to refuse.

A smaller model is good enough when its accuracy on labelled texts falls by at most half a point. Without labels, 99.5
of 100 answers must stay, so whatever is right, accuracy on such texts cannot fall further either. The texts that the
weights are fitted to are never those that are judged. The temperature is set anew, so that the mean confidence stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minent.classifier.conformal import Judgements
from minent.classifier.linear import LinearModel, log_softmax
from minent.classifier.pruning import Pruner, restricted
from minent.classifier.task import checked_texts
from minent.errors import InputError

if TYPE_CHECKING:
    from minent.classifier.estimator import TextClassifier

LOSS = 0.005
_NEEDED = f"half a point may be lost, so without labels {1 - LOSS:.1%} of the answers must stay"
_HALVINGS = 12


def compress(
    classifier: TextClassifier,
    *,
    max_bytes: int | None = None,
    texts: Iterable[str] | None = None,
    test: tuple[Iterable[str], Iterable[Any]] | None = None,
    force: bool = False,
) -> TextClassifier:
    """Make a classifier smaller.

    Args:
        classifier: A fitted one; it is left as it is.
        max_bytes: The most that n-grams and weights may take; None for as few as lose at most half a point.
        texts: Texts of its kind, some hundreds or more. The smaller model is fitted to the answers of the whole one on
            every other text, and judged on the rest unless there is a `test`. Without any, no n-gram is dropped unless
            `max_bytes` and `force` ask for it.
        test: Labelled texts, `(texts, labels)`, to judge it on.
        force: Accept a loss of more than half a point, or one that was not measured.

    Returns:
        A new classifier; its `facts_["sizes"]` holds bytes and features, agreement, and accuracy before and after. Its
        `predict_sets` and `threshold_for_precision` promise by the `test`; without one they are refused.

    Raises:
        InputError: Not fitted, `max_bytes` too small for any model, other numbers of texts and labels, or a loss of
            more than half a point.

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
    from minent.classifier.calibration import seven_digits, temperature_for_confidence
    from minent.classifier.estimator import TextClassifier

    whole = classifier._fitted().model_
    learned, judge = _divide(classifier, checked_texts(texts or (), "texts"), test)
    pruner = Pruner(whole, whole.vocabulary.count(learned))
    model = _smallest(pruner, judge) if max_bytes is None else _largest(pruner, max_bytes)
    loss = judge.loss(model)
    as_they_were = len(model.vocabulary) == len(whole.vocabulary) and "mixture" not in (model.packed or {})
    only_rounded = loss.agreement is None and as_they_were
    if not (force or loss.is_small or only_rounded):
        raise InputError(
            f"with {len(model.vocabulary)} of {len(whole.vocabulary)} n-grams {loss}; {_NEEDED}. Allow more bytes, "
            f"give texts to judge on, or force it."
        )
    if len(judge.said):
        sharpness = float(np.exp(log_softmax(judge.scores / whole.temperature)).max(axis=1).mean())
        model = model.with_temperature(seven_digits(temperature_for_confidence(judge.ask(model), sharpness)))
    made = TextClassifier(**classifier.get_params())
    facts = _facts(classifier, model, judge) | {"sizes": _sizes(whole, model, loss, len(judge.said))}
    made._adopt(model, classifier.classes_, facts, classifier.measured_, classifier.inputs_, classifier.examples_)
    return made


@dataclass(frozen=True)
class Loss:
    """What a smaller model loses, on texts that it was not fitted to.

    Attributes:
        agreement: The share of answers that stay; None where nothing was asked.
        before: Accuracy of the whole model; None without labels.
        after: Accuracy of the smaller one.
    """

    agreement: float | None = None
    before: float | None = None
    after: float | None = None

    @property
    def is_small(self) -> bool:
        """At most half a point of accuracy, known or certain."""
        if self.before is not None and self.after is not None:
            return self.after >= self.before - LOSS - 1e-9
        return self.agreement is not None and self.agreement >= 1 - LOSS - 1e-9

    def __str__(self) -> str:
        if self.before is not None:
            return f"accuracy falls from {self.before:.1%} to {self.after:.1%}"
        return "the agreement " + ("was not measured" if self.agreement is None else f"is {self.agreement:.1%}")


class Judge:
    """Texts on which every smaller model is compared with the whole one.

    Args:
        model: The whole model.
        texts: The texts.
        truth: The place of the right class of each; -1 where the model has no such class; None without labels.
    """

    def __init__(self, model: LinearModel, texts: Sequence[str], truth: np.ndarray | None = None) -> None:
        self._vocabulary, self._truth = model.vocabulary, truth
        self._counts = model.vocabulary.count(texts)
        self.scores = model.score_counts(self._counts)
        self.said = self.scores.argmax(axis=1)

    def ask(self, model: LinearModel) -> np.ndarray:
        """The scores of a smaller model."""
        columns = np.array([self._vocabulary.column(feature) for feature in model.vocabulary.features])
        return model.score_counts(restricted(self._counts, columns, len(self._vocabulary)))

    def judgements(self, model: LinearModel) -> dict[str, Any] | None:
        """What a smaller model says of labelled texts, to promise by; None without labels: it can promise nothing."""
        if self._truth is None:
            return None
        said = np.exp(log_softmax(self.ask(model) / model.temperature))
        with_none_of_them = np.pad(said, ((0, 0), (0, 1)))  # where the place of the right class is -1
        return Judgements.of(np.arange(len(said)), with_none_of_them, self._truth).facts

    def loss(self, model: LinearModel) -> Loss:
        """What a smaller model loses."""
        if not len(self.said):
            return Loss()
        said = self.ask(model).argmax(axis=1)
        agreement = float((said == self.said).mean())
        if self._truth is None:
            return Loss(agreement)
        return Loss(agreement, float((self.said == self._truth).mean()), float((said == self._truth).mean()))


def _facts(classifier: TextClassifier, model: LinearModel, judge: Judge) -> dict[str, Any]:
    """The facts of the whole model, but for what would be false of the smaller one."""
    facts, column, kept = classifier.facts_, model.vocabulary.column, set(model.vocabulary.features)
    contrast = model.weights - model.weights.mean(axis=1, keepdims=True)
    features = {
        label: [
            {**listed, "weight": round(float(contrast[column(listed["feature"]), place]), 4)}
            for listed in facts["features"].get(label, [])
            if listed["feature"] in kept
        ]
        for place, label in enumerate(classifier.classes_.tolist())
    }
    calibration = facts["calibration"] | {"temperature": model.temperature}
    if len(judge.said):
        calibration["method"] = f"a temperature that keeps the mean confidence of {len(judge.said)} texts"
    before, after = len(classifier.model_.vocabulary), len(model.vocabulary)
    decision = f"Compressed to {after:,} of {before:,} n-grams; all that was held out was judged before."
    return facts | {
        "features": features,
        "calibration": calibration,
        "judgements": judge.judgements(model),
        "decision": [*facts["decision"], decision],
    }


def _divide(
    classifier: TextClassifier, texts: list[str], test: tuple[Iterable[str], Iterable[Any]] | None
) -> tuple[list[str], Judge]:
    """The texts to fit on, and the judge: the test, else every other text, so that none is both."""
    model = classifier.model_
    if test is None:
        return texts[::2], Judge(model, texts[1::2] if len(texts) > 1 else texts)
    asked, labels = checked_texts(test[0], "test"), [str(label) for label in test[1]]
    if len(asked) != len(labels) or not asked:
        raise InputError(f"test has {len(asked)} texts and {len(labels)} labels. Give one label per text.")
    place = {label: at for at, label in enumerate(classifier.classes_.tolist())}
    return texts, Judge(model, asked, np.array([place.get(label, -1) for label in labels]))


def _smallest(pruner: Pruner, judge: Judge) -> LinearModel:
    """Ever fewer n-grams, while the loss is small; all of them where there is nothing to judge by.

    Many classes are mixtures of some, unless that loses too much or cannot be judged: not all are that alike.
    """
    best, plain = pruner.keep(pruner.size), pruner.keep(pruner.size, mixed=False)
    if not len(judge.said):
        return plain
    mixed = judge.loss(best).is_small or not judge.loss(plain).is_small
    best = best if mixed else plain
    for step in range(1, 2 * _HALVINGS + 1):
        smaller = pruner.keep(max(1, int(pruner.size * 2 ** (-step / 2))), mixed=mixed)
        if not judge.loss(smaller).is_small:
            break
        best = smaller
    return best


def _largest(pruner: Pruner, max_bytes: int) -> LinearModel:
    """The most n-grams that fit; all as they are, if they do."""
    plain = pruner.keep(pruner.size, mixed=False)
    if plain.bytes_on_disk <= max_bytes:
        return plain
    low, high = 0, pruner.size  # so many fit, and more than so many do not
    while low < high:
        middle = (low + high + 1) // 2
        if pruner.cut_and_rounded(middle).bytes_on_disk <= max_bytes:
            low = middle
        else:
            high = middle - 1
    if low == 0:
        least = pruner.cut_and_rounded(1).bytes_on_disk
        raise InputError(f"max_bytes is {max_bytes}, but even the smallest model takes {least} bytes.")
    model = pruner.keep(low)
    while model.bytes_on_disk > max_bytes and low > 1:  # weights that were fitted may mix less well
        low = max(1, low * 9 // 10)
        model = pruner.keep(low)
    return model


def _sizes(whole: LinearModel, model: LinearModel, loss: Loss, compared: int) -> dict[str, Any]:
    return {
        "features": len(model.vocabulary),
        "bytes": model.bytes_on_disk,
        "features_before": len(whole.vocabulary),
        "bytes_before": whole.bytes_on_disk,
        "compared_texts": compared,
        "agreement": None if loss.agreement is None else round(loss.agreement, 4),
        "accuracy_before": None if loss.before is None else round(loss.before, 4),
        "accuracy": None if loss.after is None else round(loss.after, 4),
    }
