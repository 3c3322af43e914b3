"""Many seeds and templates averaged: with few labels a single tuning is a matter of luck."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minent.errors import InputError
from minent.prompts import saved
from minent.prompts.backbone import AnyBackbone
from minent.prompts.rows import Texts
from minent.prompts.tuner import PromptTuner


class PromptEnsemble:
    """One tuning for each template and seed; their probabilities are averaged.

    Args:
        backbone: What the prompts are tuned on; all share it.
        templates: Templates, as `PromptTuner` takes them; None among them is its default.
        seeds: Seeds; every template is tuned with each.
        options: Everything else that `PromptTuner` takes.

    Attributes:
        tuners: The tunings, templates outside, seeds inside.
        classes_: Names of the classes, sorted, once fitted.
        facts: Plain data on each fit, under `"tunings"`.

    Raises:
        InputError: No template, no seed, or what `PromptTuner` refuses.

    Source:
        Schick & Schütze (2020), arXiv 2001.07676, and Perez, Kiela & Cho (2021), arXiv 2105.11447: with few labels many
        prompts averaged beat the one that a handful of held-out texts would choose.

    Example:
        >>> PromptEnsemble(None, templates=[])
        Traceback (most recent call last):
            ...
        minent.errors.InputError: there are 0 templates and 3 seeds; at least one of each is needed.
    """

    def __init__(
        self,
        backbone: AnyBackbone,
        templates: Sequence[str | None] = (None,),
        seeds: Sequence[int] = (0, 1, 2),
        **options: Any,
    ) -> None:
        if not len(templates) or not len(seeds):
            raise InputError(
                f"there are {len(templates)} templates and {len(seeds)} seeds; at least one of each is needed."
            )
        self.tuners = [
            PromptTuner(backbone, template, seed=seed, **options) for template in templates for seed in seeds
        ]
        self.classes_ = self.tuners[0].classes_

    @property
    def facts(self) -> dict[str, Any]:
        """Plain, deterministic data on the fits."""
        return {"tunings": [tuner.facts for tuner in self.tuners]}

    def fit(self, texts: Texts, labels: Sequence[str], unlabeled: Texts | None = None) -> PromptEnsemble:
        """Tune each on the same texts; see `PromptTuner.fit`.

        Args:
            texts: The texts, or pairs of them.
            labels: Their classes.
            unlabeled: More texts.

        Returns:
            Itself.

        Raises:
            InputError: See `PromptTuner.fit`.
            KeyboardInterrupt: Stopped by hand before the first tuning was done; later ones are left out.
        """
        done = []
        for tuner in self.tuners:
            tuner.fit(texts, labels, unlabeled)
            if tuner.facts["stopped"]:
                break
            done.append(tuner)
        if not done:
            raise KeyboardInterrupt
        self.tuners, self.classes_ = done, done[0].classes_
        return self

    def each_proba(self, texts: Texts) -> np.ndarray:
        """Return what each tuning says, float32 `(tunings, n, classes)`: their spread is worth a look.

        Args:
            texts: The texts.

        Returns:
            Probabilities.

        Raises:
            InputError: Not fitted yet.
        """
        return np.stack([tuner.predict_proba(texts) for tuner in self.tuners])

    def predict_proba(self, texts: Texts) -> np.ndarray:
        """Return the mean probability of each class for each text, float32 `(n, classes)`.

        Args:
            texts: The texts.

        Returns:
            Rows that sum to one.

        Raises:
            InputError: Not fitted yet.
        """
        return self.each_proba(texts).mean(axis=0)

    def predict(self, texts: Texts) -> np.ndarray:
        """Return the most probable class of each text, str `(n,)`.

        Args:
            texts: The texts.

        Returns:
            Names of classes.

        Raises:
            InputError: Not fitted yet.
        """
        return self.classes_[self.predict_proba(texts).argmax(axis=1)]

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write all tunings as one folder of kind `"prompts"`.

        Args:
            folder: The target.
            overwrite: Replace an artifact that is there.

        Raises:
            InputError: Not fitted yet.
            ArtifactError: See `minent.artifacts.writing`.
        """
        states = [tuner._state() for tuner in self.tuners]
        saved.write(folder, states, self.tuners[0].backbone, ensemble=True, overwrite=overwrite)

    @classmethod
    def load(cls, folder: str | Path, backbone: AnyBackbone | None = None) -> PromptEnsemble:
        """Read what `save` wrote, onto the backbone that it was tuned on.

        Args:
            folder: The folder.
            backbone: That backbone.

        Raises:
            ArtifactError: No or another backbone, no such folder, another kind, a newer format, or a changed file.
        """
        backbone, states = saved.read(folder, backbone, ensemble=True)
        ensemble = cls.__new__(cls)
        ensemble.tuners = [PromptTuner._of(state, backbone) for state in states]
        ensemble.classes_ = ensemble.tuners[0].classes_
        return ensemble
