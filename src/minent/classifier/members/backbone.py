"""A pretrained model of the user's own: a probe, P-tuning and fine-tuning on it, as rungs of the ladder.

They are weighed by the same evidence as every other rung, and share one voice in the fusion. What is shipped is still
the linear student: it has learnt on the unlabelled texts what the backbone says of them, so a saved classifier stays
small and fast and needs the backbone no more. Its digest is kept among the inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minent.classifier.groundwork import View
from minent.classifier.members.interface import Member, Scorer
from minent.classifier.members.logistic import fit_logistic
from minent.classifier.members.prompts import tuned
from minent.prompts import PromptTuner, text_features

LONGEST_ROW = 128  # tokens of a text that are read
NOMINAL_FLOPS = 40e9  # of two ordinary cores, as in pretraining
BATCH = 8
FEWEST_STEPS, MOST_STEPS = 40, 200
PROMPTS = {"mode": "prompts", "prompt_rate": 1e-3, "max_length": LONGEST_ROW}
WHOLE = {"mode": "all", "template": "{text}", "head": "pooled", "head_rate": 1e-3, "max_length": LONGEST_ROW}
FITS = 3  # of a costly rung: on all labels, and on each half
TITLES = {
    "backbone_probe": "logistic regression on {}",
    "backbone_ptuning": "P-tuning on {}",
    "backbone_finetuning": "fine-tuning of {}",
}


class Features:
    """The frozen backbone's vectors of texts; each text is read once, whichever rung asks.

    Args:
        backbone: The backbone.
    """

    def __init__(self, backbone: Any) -> None:
        self.backbone = backbone
        self._known: dict[str, np.ndarray] = {}

    def of(self, texts: Sequence[str]) -> np.ndarray:
        """float32 (texts, dim), of length one."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            found = text_features(self.backbone, new, LONGEST_ROW)
            self._known.update(zip(new, found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)))
        return np.stack([self._known[text] for text in texts]) if len(texts) else np.zeros((0, 1), np.float32)


@dataclass(frozen=True)
class BackboneProbe:
    """Logistic regression on the frozen backbone.

    Attributes:
        title: Of the rung.
        digest: Of the backbone; with it, what was found for another backbone is not taken for this one's.
        features: Of the frozen backbone.
        strength: Inverse of the penalty.
    """

    title: str
    digest: str
    features: Features = field(repr=False)
    strength: float = 10.0

    name = "backbone_probe"
    kind = "neural"
    family = "backbone"
    costly = False

    def fit(self, pool: View, gold: View, labels: np.ndarray, classes: int, seed: int) -> Scorer:
        """See `Member.fit`; the pool is not read and nothing is drawn."""
        weights, bias = fit_logistic(self.features.of(gold.texts), labels, classes, self.strength)
        return lambda view: self.features.of(view.texts) @ weights + bias


@dataclass(frozen=True)
class BackboneTuning:
    """Prompts on the frozen backbone, or a copy of it trained as a whole.

    Attributes:
        name: Of the rung.
        title: Of the rung.
        digest: Of the backbone.
        names: Of the classes: label vectors start from their words where the backbone says words.
        options: Arguments of `PromptTuner`.
        backbone: The backbone.
    """

    name: str
    title: str
    digest: str
    names: tuple[str, ...]
    options: tuple[tuple[str, Any], ...]
    backbone: Any = field(repr=False)

    kind = "neural"
    family = "backbone"
    costly = True

    def fit(self, pool: View, gold: View, labels: np.ndarray, classes: int, seed: int) -> Scorer:
        """See `Member.fit`; the pool is read through the backbone only."""
        tuner = PromptTuner(
            self.backbone, steps=steps_for(len(gold)), batch_size=BATCH, seed=seed, **dict(self.options)
        )
        return tuned(tuner, gold, labels, self.names)


def steps_for(labelled: int) -> int:
    """Three passes over the labels, within bounds."""
    return min(max(FEWEST_STEPS, 3 * labelled // BATCH), MOST_STEPS)


def backbone_members(
    backbone: Any, classes: Sequence[str], pool: Sequence[str], labelled: int, seconds: float
) -> tuple[list[Member], dict[str, tuple[str, str]]]:
    """The rungs on a backbone that a time pays for, and for the others title and reason.

    Args:
        backbone: From `minent.prompts.load_backbone`.
        classes: Their names, sorted.
        pool: Unlabelled texts, all of which each rung reads.
        labelled: How many labelled texts.
        seconds: What is left for these rungs, on two ordinary cores.
    """
    titles = {name: title.format(backbone.name) for name, title in TITLES.items()}
    features, names, digest = Features(backbone), tuple(classes), backbone.digest
    members: list[Member] = [BackboneProbe(titles["backbone_probe"], digest, features)]
    for name, options in (("backbone_ptuning", PROMPTS), ("backbone_finetuning", WHOLE)):
        members.append(BackboneTuning(name, titles[name], digest, names, tuple(options.items()), backbone))
    kept: list[Member] = []
    left_out = {}
    cost = costs(backbone, pool, labelled)
    for member in members:
        if cost[member.name] <= seconds:
            kept.append(member)
            seconds -= cost[member.name]
        else:
            reason = f"not climbed: takes about {cost[member.name]:.0f} s, and {max(seconds, 0):.0f} s are left for it"
            left_out[member.name] = (member.title, reason)
    return kept, left_out


def costs(backbone: Any, pool: Sequence[str], labelled: int) -> dict[str, float]:
    """Seconds of each rung at the nominal speed: from sizes alone, so that the same data is always planned alike."""
    sample = backbone.encode_batch([text[: 4 * LONGEST_ROW] for text in pool[:200]])
    tokens = float(np.mean([min(len(ids), LONGEST_ROW) for ids in sample])) + 8 if sample else 8.0
    blocks = sum(weight.numel() for layer in backbone.body.layers() for weight in layer.parameters())
    weights = blocks or sum(weight.numel() for weight in backbone.body.parameters())
    reading = 2 * weights * tokens * len(pool) / NOMINAL_FLOPS
    step = 6 * weights * tokens * BATCH / NOMINAL_FLOPS
    tuning = FITS * (reading + steps_for(labelled) * step)
    return {"backbone_probe": reading, "backbone_ptuning": tuning, "backbone_finetuning": tuning}
