"""P-tuning: the labels are learned through the encoder's own cloze task, by moving a few free vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from minent.classifier.groundwork import View
from minent.classifier.members.interface import Scorer
from minent.prompts import PromptTuner


@dataclass(frozen=True)
class PromptRung:
    """P-tuning on the encoder.

    Attributes:
        names: Of the classes: the label vectors start from their pieces.
        mode: `"all"` trains a copy of the encoder too; `"prompts"` leaves it as it is, which reaches less here
            (eprstmt, on labels it was not fitted on: 66.0 against 78.5).
        fewest_steps: Steps of training with a few labels; with more, one step per label.
        most_steps: However many labels there are.
    """

    names: tuple[str, ...]
    mode: str = "all"
    fewest_steps: int = 100
    most_steps: int = 400

    name = "ptuning"
    title = "P-tuning on the encoder"
    kind = "neural"
    family = "probed"
    costly = True

    def fit(self, pool: View, gold: View, labels: np.ndarray, classes: int, seed: int) -> Scorer:
        """See `Member.fit`; the pool is read through the encoder only."""
        steps = min(max(self.fewest_steps, len(gold)), self.most_steps)
        tuner = PromptTuner(gold.work.backbone, mode=self.mode, steps=steps, seed=seed)
        return tuned(tuner, gold, labels, self.names)


def tuned(tuner: PromptTuner, gold: View, labels: np.ndarray, names: Sequence[str]) -> Scorer:
    """Fit a tuner and score by it; a class that no label names gets next to nothing."""
    tuner.fit(gold.texts, [names[label] for label in labels])
    if tuner.facts["stopped"]:
        raise KeyboardInterrupt  # the tuner keeps what it has; the ladder would rather go without
    columns = np.searchsorted(names, tuner.classes_)

    def score(view: View) -> np.ndarray:
        scores = np.full((len(view), len(names)), -20.0)
        scores[:, columns] = np.log(np.maximum(tuner.predict_proba(view.texts), 1e-9))
        return scores

    return score
