"""The P-tuning classifier: fit on a few labelled texts, predict, save a few kilobytes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from minent import artifacts, simplex
from minent.encoders import Encoder
from minent.encoders.batches import by_length, pad
from minent.encoders.pretrained import load_weights, weights_of
from minent.encoders.session import torch_session
from minent.errors import ArtifactError, InputError, did_you_mean, listing
from minent.prompts.backbone import Backbone
from minent.prompts.model import PromptModel, Tuned
from minent.prompts.reparametrize import REPARAMETRIZATIONS
from minent.prompts.template import Assembler, parse
from minent.prompts.training import LOSSES, Schedule, train
from minent.prompts.verbalizer import averaging, tokens_of
from minent.runtime import Reporter, silent

KIND, FORMAT = "prompts", 1
CHOICES = {
    "mode": ("prompts", "all"),
    "labels": ("learned", "words"),
    "reparametrization": tuple(REPARAMETRIZATIONS),
    "loss": tuple(LOSSES),
}


class PromptTuner:
    """Classify texts through the encoder's own task: which word fits where the mask stands?

    The template holds free vectors, the prompts, in place of words, and training moves them until the right class has
    the best score at the mask. In mode `"prompts"` they and the label vectors are all that is trained: a few thousand
    numbers, for a few labels. In mode `"all"` a copy of the encoder is trained too, more slowly.

    Args:
        backbone: The encoder and its tokenizer; never changed.
        template: Where slots, mask, text and words stand; see `minent.prompts.template.parse`.
        verbalizer: The words that stand for each class, `{class: words}`; None takes the names of the classes.
        mode: `"prompts"` or `"all"`.
        labels: `"learned"` lets each class's vector leave the words it starts from; `"words"` keeps it there.
        reparametrization: What stands behind the prompts in training: `"none"`, `"mlp"` or `"lstm"`.
        loss: `"softmax"`, or `"entmax"` for sparse probabilities.
        steps: Number of training steps.
        batch_size: Texts in a step.
        prompt_rate: Learning rate of prompts and label vectors; a tenth of it for the network behind them.
        body_rate: Learning rate of the encoder in mode `"all"`.
        auxiliary: Weight of the masked loss on the same texts; 0 leaves it out.
        seed: Of every draw.
        progress: Called with the step and the loss.

    Attributes:
        classes_: Names of the classes, sorted, once fitted.
        facts: Plain, deterministic data on the fit.
        measured: Seconds of the fit.

    Raises:
        InputError: A choice that does not exist, a number outside its range, or a template that is none.

    Source:
        Liu et al. (2021), arXiv 2103.10385; J. Su, kexue.fm/archives/8295 (only prompts trained, the masked loss in
        place of an LSTM). Here the masked loss has a weight of its own, and the prompts start from slots that
        pretraining has met.

    Example:
        >>> PromptTuner(None, mode="promts")
        Traceback (most recent call last):
            ...
        minent.errors.InputError: mode is 'promts'; it takes one of 'prompts', 'all'. Did you mean 'prompts'?
    """

    def __init__(
        self,
        backbone: Backbone,
        template: str = "{p*4}{mask}{p*4}{text}",
        verbalizer: Mapping[str, str] | None = None,
        *,
        mode: str = "prompts",
        labels: str = "learned",
        reparametrization: str = "none",
        loss: str = "softmax",
        steps: int = 100,
        batch_size: int = 16,
        prompt_rate: float = 1e-2,
        body_rate: float = 5e-4,
        auxiliary: float = 0.0,
        seed: int = 0,
        progress: Reporter = silent,
    ) -> None:
        choices = {"mode": mode, "labels": labels, "reparametrization": reparametrization, "loss": loss}
        for name, value in choices.items():
            if value not in CHOICES[name]:
                hint = did_you_mean(value, CHOICES[name])
                raise InputError(f"{name} is {value!r}; it takes one of {listing(CHOICES[name])}.{hint}")
        for name, number, least in (
            ("steps", steps, 1),
            ("batch_size", batch_size, 1),
            ("prompt_rate", prompt_rate, 0),
            ("body_rate", body_rate, 0),
            ("auxiliary", auxiliary, 0),
            ("seed", seed, 0),
        ):
            if not number >= least:
                raise InputError(f"{name} is {number}; it takes a number of {least} or more.")
        self.backbone, self.template, self.verbalizer = backbone, template, verbalizer
        self.mode, self.labels, self.reparametrization = mode, labels, reparametrization
        self._parsed = parse(template)
        if not self._parsed.slots and mode == "prompts" and labels == "words":
            raise InputError(
                f"template {template!r} has no slot, so with mode='prompts' and labels='words' nothing can be trained. "
                f"Add {{p}}, or choose labels='learned' or mode='all'."
            )
        self._how = Schedule(loss, steps, batch_size, prompt_rate, body_rate, auxiliary, seed)
        self._progress = progress
        self._tuned: Tuned | None = None
        self.classes_: np.ndarray = np.zeros(0, dtype=str)
        self.facts: dict[str, Any] = {}
        self.measured: dict[str, Any] = {}

    # --- fit ----------------------------------------------------------------------------------------------------------

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> PromptTuner:
        """Tune on labelled texts.

        Args:
            texts: The texts; a long one loses its end, the template never.
            labels: Their classes, strings; two classes or more.

        Returns:
            This tuner.

        Raises:
            InputError: Texts and labels of different number or type, fewer than two classes, a class without words, or
                classes whose words cannot be told apart.
        """
        _check_labelled(texts, labels)
        started = time.monotonic()
        classes, targets = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
        learn_labels = self.labels == "learned"
        tokens = tokens_of(classes.tolist(), self.verbalizer, self.backbone.encode, must_differ=not learn_labels)
        encoder = self.backbone.pretrained.encoder
        rows = self._assembler().rows([self.backbone.encode(text) for text in texts])
        with torch_session(self._how.seed) as parallel:
            model = PromptModel(
                encoder,
                self._start(),
                torch.from_numpy(averaging(tokens, encoder.config.vocab_size)),
                train_body=self.mode == "all",
                learn_labels=learn_labels,
                reparametrization=self.reparametrization,
            )
            losses = train(model, *rows, targets.astype(np.int64), self._how, parallel, self._progress)
            trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
            self._tuned, self.classes_ = model.fold(encoder), classes
        done, planned = len(losses), self._how.steps
        self.facts = {
            "classes": classes.tolist(),
            "label_tokens": {name: ids.tolist() for name, ids in zip(classes.tolist(), tokens)},
            "texts": len(texts),
            "trained_parameters": trained,
            "steps": done,
            "stopped": "" if done == planned else f"stopped by the user after {done} of {planned} steps",
            "losses": [round(loss, 5) for loss in losses],
        }
        self.measured = {"seconds": time.monotonic() - started}
        return self

    def _assembler(self) -> Assembler:
        return Assembler.of(self._parsed, self.backbone.encode, self.backbone.pretrained.config)

    def _start(self) -> torch.Tensor:
        """Slots that pretraining trained, over again where the template has more; drawn words if there are none."""
        encoder = self.backbone.pretrained.encoder
        known = self.backbone.pretrained.facts.get("prompt_length", 0)
        if known:
            rows = encoder.mask_id + 1 + torch.arange(self._parsed.slots) % known
        else:
            rows = torch.randint(encoder.config.vocab_size, (self._parsed.slots,))
        return encoder.embedding.weight.detach()[rows]

    # --- predict ------------------------------------------------------------------------------------------------------

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """Return the most probable class of each text.

        Args:
            texts: The texts.

        Returns:
            Names of classes, str `(n,)`.

        Raises:
            InputError: Not fitted yet.
        """
        return self.classes_[self.predict_proba(texts).argmax(axis=1)]

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Return the probability of each class for each text.

        Args:
            texts: The texts.

        Returns:
            float32 `(n, classes)` in the order of `classes_`; rows sum to one. With `loss="entmax"` some are zero.

        Raises:
            InputError: Not fitted yet.
        """
        tuned = self._fitted()
        ids, starts = self._assembler().rows([self.backbone.encode(text) for text in texts])
        scores = torch.zeros(len(texts), len(self.classes_), dtype=torch.float64)
        batches = list(by_length(np.diff(starts)))

        @torch.inference_mode()
        def score(rows: np.ndarray) -> torch.Tensor:
            return tuned.scores(*pad(ids, starts, rows)).double()

        with torch_session() as parallel:
            for rows, found in zip(batches, parallel(score, batches)):
                scores[torch.from_numpy(rows)] = found
        probabilities = simplex.softmax(scores) if self._how.loss == "softmax" else simplex.entmax(scores)
        return probabilities.numpy().astype(np.float32)

    def _fitted(self) -> Tuned:
        if self._tuned is None:
            raise InputError("this PromptTuner is not fitted yet. Call fit(texts, labels) first.")
        return self._tuned

    # --- save and load ------------------------------------------------------------------------------------------------

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write the tuning as a folder of kind `"prompts"`: a few kilobytes, and the encoder too in mode `"all"`.

        Args:
            folder: The target.
            overwrite: Replace an artifact that is there.

        Raises:
            InputError: Not fitted yet.
            ArtifactError: See `minent.artifacts.writing`.
        """
        tuned = self._fitted()
        tables = {name: getattr(tuned, name).numpy() for name in ("prompts", "label_vectors", "label_bias")}
        with artifacts.writing(
            folder, kind=KIND, format=FORMAT, config=self._config(), seeds={"fit": self._how.seed}, overwrite=overwrite
        ) as draft:
            artifacts.save_arrays(draft.path / "tables.safetensors", tables)
            if self.mode == "all":
                artifacts.save_arrays(draft.path / "encoder.safetensors", weights_of(tuned.encoder))
            draft.facts.update(self.facts)
            draft.measured.update(self.measured)
            draft.inputs["backbone"] = self.backbone.pretrained.digest

    def _config(self) -> dict[str, Any]:
        own = {"template": self.template, "verbalizer": self.verbalizer, "mode": self.mode, "labels": self.labels}
        return own | {"reparametrization": self.reparametrization} | artifacts.plain(self._how)

    @classmethod
    def load(cls, folder: str | Path, backbone: Backbone | None = None) -> PromptTuner:
        """Read what `save` wrote, onto the backbone that it was tuned on.

        Args:
            folder: The folder.
            backbone: That backbone.

        Raises:
            ArtifactError: No or another backbone, no such folder, another kind, a newer format, or a changed file.
        """
        manifest = artifacts.read_manifest(folder, kind=KIND, format=FORMAT)
        wanted = manifest.inputs["backbone"]
        if backbone is None or backbone.pretrained.digest != wanted:
            given = "none" if backbone is None else f"one with digest {backbone.pretrained.digest[:12]}"
            raise ArtifactError(
                f"{folder}: was tuned on the backbone with digest {wanted[:12]}, but {given} was given. Load that "
                f"encoder and call PromptTuner.load(folder, backbone)."
            )
        tuner = cls(backbone, **manifest.config)
        tables = artifacts.load_arrays(Path(folder) / "tables.safetensors")
        encoder = backbone.pretrained.encoder
        if tuner.mode == "all":
            encoder = Encoder(backbone.pretrained.config).eval()
            load_weights(encoder, artifacts.load_arrays(Path(folder) / "encoder.safetensors"))
        tuner._tuned = Tuned(encoder, **{name: torch.from_numpy(array) for name, array in tables.items()})
        tuner.classes_ = np.array(manifest.facts["classes"], dtype=str)
        tuner.facts, tuner.measured = manifest.facts, manifest.measured
        return tuner


def _check_labelled(texts: Sequence[str], labels: Sequence[str]) -> None:
    if len(texts) != len(labels):
        raise InputError(f"there are {len(texts)} texts and {len(labels)} labels; each text needs one label.")
    for name, values in (("texts", texts), ("labels", labels)):
        for place, value in enumerate(values):
            if not isinstance(value, str):
                raise InputError(f"{name}[{place}] is {value!r} ({type(value).__name__}); strings are needed.")
    if len(set(labels)) < 2:
        raise InputError(f"the labels name {len(set(labels))} class ({listing(set(labels))}); two or more are needed.")
