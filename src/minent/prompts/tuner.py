"""The P-tuning classifier: fit on a few labelled texts, predict, save a few kilobytes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from minent import simplex
from minent.encoders.session import Map, torch_session
from minent.errors import InputError
from minent.prompts import saved
from minent.prompts.backbone import AnyBackbone
from minent.prompts.beginning import Beginning
from minent.prompts.checks import check_labelled, check_texts, check_unlabelled
from minent.prompts.heads import PieceHead
from minent.prompts.model import PromptModel, over_rows
from minent.prompts.options import Choices, Options
from minent.prompts.rows import Assembler, Rows, Texts
from minent.prompts.training import train, weight_states
from minent.prompts.verbalizer import Words
from minent.runtime import Reporter, silent


class PromptTuner:
    """Classify texts through the backbone's own task: which word fits where the mask stands?

    The template holds free vectors, the prompts, in place of words, and training moves them until the right class has
    the best score at the mask. In mode `"prompts"` they and the label vectors are all that is trained: a few thousand
    numbers, for a few labels. In mode `"all"` a copy of the backbone is trained too, more slowly, and in mode
    `"staged"` from half of the steps on. `facts["weights"]` says of every weight whether it was trained.

    Args:
        backbone: What the prompts are tuned on, see `load_backbone`; never changed.
        template: Where slots, mask, text and words stand; see `minent.prompts.template.parse`. None takes
            `"{p*4}{mask}{p*4}{text}"`, or what suits a causal backbone or a pooled head.
        verbalizer: The words that stand for each class, `{class: words}` or `{class: [word, word]}`; `"found"` finds
            them in the data; None takes the names of the classes.
        mode: `"prompts"`, `"staged"` or `"all"`.
        head: `"cloze"` reads the class at the mask; `"pooled"` from the mean over all tokens, for an encoder without
            output words; `"auto"` takes whichever the backbone allows.
        labels: `"learned"` lets each class's vector leave the words it starts from; `"words"` keeps it there;
            `"prototypes"` compares, by the cosine, with the mean of each class.
        pieces: How words of several tokens are read: `"mean"` of their scores at one mask, or a mask for `"each"`.
        start: What slots start from: `"slots"` of pretraining, `"names"` of the classes, the `"mean"` of the
            vocabulary, `"random"` words, or `"auto"`. Slots written `{p:words}` start from these words.
        deep: The slots take other vectors, trained too, before every block.
        reparametrization: What stands behind the prompts in training: `"none"`, `"mlp"` or `"lstm"`, or the paper's
            own `"paper-mlp"` and `"paper-lstm"`. It is gone afterwards.
        calibration: Take from each class what it gets for an empty text (`"context"`) or on average over the unlabelled
            ones (`"unlabeled"`).
        loss: `"softmax"`, or `"entmax"` for sparse probabilities.
        steps: Number of training steps; 0 asks the backbone as it is.
        batch_size: Texts in a step.
        prompt_rate: Learning rate of the prompts; a tenth of it for the network behind them.
        head_rate: Learning rate of the label vectors; None for that of the prompts.
        body_rate: Learning rate of the backbone; None for 5e-4 (ours) or 3e-5 (of transformers).
        weight_decay: Of the trained weights; what is frozen stays as it is to the last bit.
        dropout: Share that the backbone's own dropouts drop in training.
        auxiliary: Weight of the backbone's own task (hidden words, or the next one) on the same texts.
        r_drop: Weight of the distance between two readings of a text; needs dropout.
        adversarial: Weight of the change under the worst small noise on the text.
        max_length: The longest row in tokens, where less than the backbone takes will do.
        seed: Of every draw.
        progress: Called with the step and the loss.

    Attributes:
        classes_: Names of the classes, sorted, once fitted.
        facts: Plain, deterministic data on the fit.
        measured: Seconds of the fit.

    Raises:
        InputError: A choice that does not exist or that the backbone cannot meet, a number outside its range, or a
            template that is none.

    Source:
        Liu et al. (2021), arXiv 2103.10385 (P-tuning) and 2110.07602 (deep prompts, here as vectors in the slots of
        each block); J. Su, kexue.fm/archives/8295 (only prompts trained, the masked loss in place of an LSTM); Zhao et
        al. (2021), arXiv 2102.09690 (contextual calibration).

    Example:
        >>> PromptTuner(None, mode="promts")
        Traceback (most recent call last):
            ...
        minent.errors.InputError: mode is 'promts'; it takes one of 'prompts', 'staged', 'all'. Did you mean ...
    """

    def __init__(
        self,
        backbone: AnyBackbone,
        template: str | None = None,
        verbalizer: Words | str | None = None,
        *,
        mode: str = "prompts",
        head: str = "auto",
        labels: str = "learned",
        pieces: str = "mean",
        start: str = "auto",
        deep: bool = False,
        reparametrization: str = "none",
        calibration: str = "none",
        loss: str = "softmax",
        steps: int = 100,
        batch_size: int = 16,
        prompt_rate: float = 1e-2,
        head_rate: float | None = None,
        body_rate: float | None = None,
        weight_decay: float = 0.0,
        dropout: float = 0.0,
        auxiliary: float = 0.0,
        r_drop: float = 0.0,
        adversarial: float = 0.0,
        max_length: int | None = None,
        seed: int = 0,
        progress: Reporter = silent,
    ) -> None:
        given = dict(locals())
        options = Options(**{name: given[name] for name in Options.__dataclass_fields__})
        self.backbone, self.options = backbone, options
        self._choices = Choices.of(options, backbone)
        self._progress = progress
        self._model: PromptModel | None = None
        self.classes_: np.ndarray = np.zeros(0, dtype=str)
        self.facts: dict[str, Any] = {}
        self.measured: dict[str, Any] = {}
        self._masks = 1
        self._assembler()

    # --- fit ----------------------------------------------------------------------------------------------------------

    def fit(self, texts: Texts, labels: Sequence[str], unlabeled: Texts | None = None) -> PromptTuner:
        """Tune on labelled texts.

        Args:
            texts: The texts, or pairs of them where the template has `{text_b}`; a long one loses its end, the template
                never.
            labels: Their classes, strings; two classes or more.
            unlabeled: More texts, for `auxiliary`, `adversarial` and `calibration="unlabeled"`.

        Returns:
            This tuner.

        Raises:
            InputError: Texts and labels of different number or type, fewer than two classes, a class without words,
                classes whose words cannot be told apart, or unlabelled texts that nothing asks for.
        """
        pairs = self._choices.template.takes_pairs
        calibrates, trains = self.options.calibration == "unlabeled", self._choices.schedule.weights.free
        check_labelled(texts, labels)
        check_texts(texts, "texts", pairs=pairs)
        check_unlabelled(unlabeled, calibrates=calibrates, trains=bool(trains), pairs=pairs)
        started = time.monotonic()
        classes, targets = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
        targets = targets.astype(np.int64)
        with torch_session(self.options.seed) as parallel:
            first = Beginning(self.backbone, self._choices, classes.tolist(), targets, parallel).of(texts)
            self._masks = first.masks
            weights = weight_states(first.model, self._choices.schedule)
            free = None if unlabeled is None or not trains else self._rows(unlabeled)
            losses = train(first.model, first.rows, targets, self._choices.schedule, parallel, self._progress, free)
            self._model, self.classes_ = first.model.fold(self.backbone.body), classes
            if self.options.calibration != "none":
                self._model.offset = self._average_opinion(unlabeled, parallel)
        done, planned = len(losses), self.options.steps
        self.facts = first.facts | {
            "weights": weights,
            "texts": len(texts),
            "trained_parameters": sum(part["numbers"] for part in weights if part["state"].startswith("trained")),
            "steps": done,
            "stopped": "" if done == planned else f"stopped by the user after {done} of {planned} steps",
            "losses": [round(loss, 5) for loss in losses],
        }
        self.measured = {"seconds": time.monotonic() - started}
        return self

    # --- texts to rows to numbers -------------------------------------------------------------------------------------

    def _assembler(self) -> Assembler:
        return Assembler.of(
            self._choices.template, self.backbone, masks=self._masks, max_length=self.options.max_length
        )

    def _rows(self, texts: Texts) -> Rows:
        return self._assembler().rows(texts, self.backbone, self._choices.template)

    def _average_opinion(self, unlabeled: Texts | None, parallel: Map) -> Tensor:
        """The mean log-probability of each class where the text says nothing, or over the unlabelled texts."""
        model = self._fitted()
        empty: Texts = [("", "")] if self._choices.template.takes_pairs else [""]
        texts = empty if self.options.calibration == "context" or unlabeled is None else unlabeled
        return torch.log_softmax(over_rows(model.scores, self._rows(texts), parallel), dim=-1).mean(dim=0)

    # --- predict ------------------------------------------------------------------------------------------------------

    def predict(self, texts: Texts) -> np.ndarray:
        """Return the most probable class of each text.

        Args:
            texts: The texts.

        Returns:
            Names of classes, str `(n,)`.

        Raises:
            InputError: Not fitted yet.
        """
        return self.classes_[self.predict_proba(texts).argmax(axis=1)]

    def predict_proba(self, texts: Texts) -> np.ndarray:
        """Return the probability of each class for each text.

        Args:
            texts: The texts, or pairs of them.

        Returns:
            float32 `(n, classes)` in the order of `classes_`; rows sum to one. With `loss="entmax"` some are zero.

        Raises:
            InputError: Not fitted yet, or texts that are none.
        """
        model = self._fitted()
        check_texts(texts, "texts", pairs=self._choices.template.takes_pairs)
        if not len(texts):
            return np.zeros((0, len(self.classes_)), dtype=np.float32)
        with torch_session() as parallel:
            scores = over_rows(model.scores, self._rows(texts), parallel).double()
        probabilities = simplex.softmax(scores) if self.options.loss == "softmax" else simplex.entmax(scores)
        return probabilities.numpy().astype(np.float32)

    def _fitted(self) -> PromptModel:
        if self._model is None:
            raise InputError("this PromptTuner is not fitted yet. Call fit(texts, labels) first.")
        return self._model

    # --- save and load ------------------------------------------------------------------------------------------------

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write the tuning as a folder of kind `"prompts"`: a few kilobytes, and the backbone too if it was trained.

        Args:
            folder: The target.
            overwrite: Replace an artifact that is there.

        Raises:
            InputError: Not fitted yet.
            ArtifactError: See `minent.artifacts.writing`.
        """
        saved.write(folder, [self._state()], self.backbone, ensemble=False, overwrite=overwrite)

    def _state(self) -> saved.State:
        model = self._fitted()
        return saved.State(asdict(self.options), model, model.body is not self.backbone.body, self.facts, self.measured)

    @classmethod
    def load(cls, folder: str | Path, backbone: AnyBackbone | None = None) -> PromptTuner:
        """Read what `save` wrote, onto the backbone that it was tuned on.

        Args:
            folder: The folder.
            backbone: That backbone.

        Raises:
            ArtifactError: No or another backbone, no such folder, another kind, a newer format, or a changed file.
        """
        backbone, (state,) = saved.read(folder, backbone, ensemble=False)
        return cls._of(state, backbone)

    @classmethod
    def _of(cls, state: saved.State, backbone: AnyBackbone) -> PromptTuner:
        tuner = cls(backbone, **state.options)
        tuner._model, tuner.facts, tuner.measured = state.model, state.facts, state.measured
        tuner.classes_ = np.array(state.facts["classes"], dtype=str)
        if isinstance(state.model.head, PieceHead):
            tuner._masks = state.model.head.masks
        return tuner
