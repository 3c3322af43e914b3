"""How well a classifier does on texts with known labels; the metrics are scikit-learn's."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from minent.errors import InputError

if TYPE_CHECKING:
    from minent.classifier import TextClassifier


def measure(model: TextClassifier, texts: list[str], labels: list[str]) -> dict[str, Any]:
    """Compare predictions with labels.

    A label that training never saw counts as wrong and stands in `unseen`.

    Args:
        model: A fitted classifier.
        texts: Texts that it did not learn from.
        labels: Their labels.

    Returns:
        `texts`, `accuracy`, `macro_f1`, `ece`, `classes` (precision, recall, f1 and texts per label), `unseen`.

    Raises:
        InputError: No text.
    """
    from sklearn.metrics import precision_recall_fscore_support

    from minent.classifier.calibration import reliability

    if not texts:
        raise InputError("there is no labelled text to test on; at least one is needed.")
    known = [str(label) for label in model.classes_]
    names = [*known, *sorted(set(labels) - set(known))]
    place = {name: i for i, name in enumerate(names)}
    probabilities = np.zeros((len(texts), len(names)))
    probabilities[:, : len(known)] = model.predict_proba(texts)
    truth, said = np.array([place[label] for label in labels]), probabilities.argmax(axis=1)
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, said, labels=range(len(names)), zero_division=0
    )
    counted = support > 0
    return {
        "texts": len(texts),
        "accuracy": float((truth == said).mean()),
        "macro_f1": float(f1[counted].mean()),
        "ece": float(reliability(probabilities, truth).ece),
        "classes": {
            name: {"precision": float(p), "recall": float(r), "f1": float(f), "texts": int(n)}
            for name, p, r, f, n in zip(names, precision, recall, f1, support)
        },
        "unseen": dict(sorted(Counter(label for label in labels if label not in known).items())),
    }
