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
from minent.errors import InputError, listing
from minent.prompts import saved
from minent.prompts.backbone import AnyBackbone
from minent.prompts.heads import CosineHead, Head, PieceHead, VectorHead, WordHead, nearest_means, piece_table, probe
from minent.prompts.model import PromptModel, body_copy, over_rows, reparametrized
from minent.prompts.options import FOUND, Choices, Options
from minent.prompts.rows import Assembler, Rows, Texts
from minent.prompts.starts import deep_start, prompt_start
from minent.prompts.training import train, weight_states
from minent.prompts.verbalizer import Words, alike, averaging, codes, telling_words, tokens_of
from minent.runtime import Reporter, silent

PROBE_STRENGTH = 10.0  # inverse of the penalty of the head that tuning starts from


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
        _check_labelled(texts, labels)
        self._check_texts(texts, "texts")
        self._check_unlabelled(unlabeled)
        started = time.monotonic()
        classes, targets = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
        targets = targets.astype(np.int64)
        with torch_session(self.options.seed) as parallel:
            model, rows, facts = self._begin(texts, targets, classes.tolist(), parallel)
            facts["weights"] = weight_states(model, self._choices.schedule)
            free = None if unlabeled is None or not self._choices.schedule.weights.free else self._rows(unlabeled)
            losses = train(model, rows, targets, self._choices.schedule, parallel, self._progress, free)
            self._model, self.classes_ = model.fold(self.backbone.body), classes
            if self.options.calibration != "none":
                self._model.offset = self._average_opinion(unlabeled, parallel)
        done, planned = len(losses), self.options.steps
        self.facts = facts | {
            "texts": len(texts),
            "trained_parameters": sum(
                part["numbers"] for part in facts["weights"] if part["state"].startswith("trained")
            ),
            "steps": done,
            "stopped": "" if done == planned else f"stopped by the user after {done} of {planned} steps",
            "losses": [round(loss, 5) for loss in losses],
        }
        self.measured = {"seconds": time.monotonic() - started}
        return self

    def _begin(
        self, texts: Texts, targets: np.ndarray, classes: list[str], parallel: Map
    ) -> tuple[PromptModel, Rows, dict[str, Any]]:
        """The model as it starts, the labelled rows, and what was decided on the way."""
        options, body = self.options, self.backbone.body
        reads_names = not self._choices.pooled or options.start == "names"
        tokens = self._tokens(classes) if reads_names else []
        self._masks = piece_table(tokens).shape[1] if options.pieces == "each" else 1
        assembler, rows = self._assembler(), self._rows(texts)
        names = np.array([token for several in tokens for token in _flat(several)], dtype=np.int64)
        start = prompt_start(body, assembler.anchors, names, options.start)
        prompts = reparametrized(options.reparametrization, start)
        deep = None
        if options.deep:
            deep = reparametrized(options.reparametrization, deep_start(body, prompts().detach(), rows))
        first = PromptModel(body, prompts, Head(), deep=deep, pooled=self._choices.pooled)
        notes = self._notes(rows, assembler.room, classes, tokens)
        if options.verbalizer == FOUND:
            tokens = self._found_words(first, rows, targets, len(classes), parallel)
        head, head_start = self._head(first, rows, targets, classes, tokens, parallel)
        copied = body if self._leaves_body() else body_copy(body, dropout=options.dropout)
        facts = {
            "backbone": self.backbone.name,
            "classes": classes,
            "template": self._choices.template.line,
            "head": "pooled" if self._choices.pooled else "cloze",
            "label_start": head_start,
            "label_tokens": {name: _flat(several) for name, several in zip(classes, tokens)},
            "label_words": {
                name: [self.backbone.piece(token) for token in _flat(several)] for name, several in zip(classes, tokens)
            },
            "notes": notes,
        }
        return PromptModel(copied, prompts, head, deep=deep, pooled=self._choices.pooled), rows, facts

    def _tokens(self, classes: list[str]) -> list[list[np.ndarray]]:
        given = None if self.options.verbalizer == FOUND else self.options.verbalizer
        assert not isinstance(given, str)
        return tokens_of(
            classes,
            given,
            lambda words: self.backbone.encode(" " * self.backbone.spaces_lead + words),
            must_differ=self.options.labels == "words" and self.options.verbalizer != FOUND,
        )

    def _head(
        self,
        model: PromptModel,
        rows: Rows,
        targets: np.ndarray,
        classes: list[str],
        tokens: list[list[np.ndarray]],
        parallel: Map,
    ) -> tuple[Head, str]:
        """What reads the class, and what it starts from."""
        options, body = self.options, self.backbone.body
        if options.pieces == "each":
            return PieceHead(piece_table(tokens)), "a mask for each token"
        if options.labels == "words":
            return WordHead(self._averaging(tokens)), "words"
        bare = options.verbalizer is None and (codes(classes) or alike(classes, tokens))
        if options.labels == "learned" and not self._choices.pooled and not bare:
            words, _ = body.output()
            return VectorHead(self._averaging(tokens) @ words.detach()), "words"
        features, goals = self._features(model, rows, parallel)[:, 0], torch.from_numpy(targets)
        if options.labels == "prototypes":
            return CosineHead(nearest_means(features, goals, len(classes))), "class means"
        return VectorHead(*probe(features, goals, len(classes), 1 / (2 * PROBE_STRENGTH * len(rows)))), "linear probe"

    def _averaging(self, tokens: list[list[np.ndarray]]) -> Tensor:
        words, _ = self.backbone.body.output()
        return torch.from_numpy(averaging(tokens, len(words)))

    def _found_words(
        self, model: PromptModel, rows: Rows, targets: np.ndarray, classes: int, parallel: Map
    ) -> list[list[np.ndarray]]:
        """Words that tell the classes apart where the mask stands, before any training."""
        features = self._features(model, rows, parallel)[:, 0]
        with torch.no_grad():
            said = torch.log_softmax(self.backbone.body.logits(features), dim=-1)
        means = np.stack([said[torch.from_numpy(targets == each)].mean(dim=0).numpy() for each in range(classes)])
        pieces = [self.backbone.piece(token).strip() for token in range(means.shape[1])]
        able = np.array([piece.isalpha() and (len(piece) > 1 or not piece.isascii()) for piece in pieces])
        found = telling_words(means, able if able.any() else np.arange(len(able)) > 2)
        return [[ids[place : place + 1] for place in range(len(ids))] for ids in found]

    def _notes(self, rows: Rows, room: int, classes: list[str], tokens: list[list[np.ndarray]]) -> list[str]:
        notes = []
        cut = int((rows.whole > room).sum())
        if cut:
            notes.append(
                f"{cut} of {len(rows)} texts have more than the {room} tokens there is room for; they lost their end."
            )
        bare, same = codes(classes), alike(classes, tokens)
        if self.options.verbalizer is None and not self._choices.pooled and (bare or same):
            unsaid = bare or same[0]
            notes.append(
                f"The names of {listing(unsaid)} say nothing to the backbone, so the labels start from a linear probe. "
                f"Words in verbalizer, or verbalizer='found', may serve better."
            )
        return notes

    # --- texts to rows to numbers -------------------------------------------------------------------------------------

    def _assembler(self) -> Assembler:
        return Assembler.of(
            self._choices.template, self.backbone, masks=self._masks, max_length=self.options.max_length
        )

    def _rows(self, texts: Texts) -> Rows:
        return self._assembler().rows(texts, self.backbone, self._choices.template)

    def _features(self, model: PromptModel, rows: Rows, parallel: Map) -> Tensor:
        """What the head reads of each row, `(rows, masks, features)`."""

        def read(batch: Any) -> Tensor:
            return model.read(model.hidden(batch), batch)

        return over_rows(read, rows, parallel)

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
        self._check_texts(texts, "texts")
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

    def _leaves_body(self) -> bool:
        """Whether the backbone's own body can serve in training: nothing of it is trained, tracked or drawn."""
        tracked = any(weight.requires_grad for weight in self.backbone.body.parameters())
        return self.options.mode == "prompts" and not self.options.dropout and not tracked

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

    # --- what is no text ----------------------------------------------------------------------------------------------

    def _check_texts(self, texts: Texts, name: str) -> None:
        if isinstance(texts, str):
            raise InputError(f"{name} is one str; it takes a list of texts. Put it in brackets.")
        pairs = self._choices.template.takes_pairs
        for place, value in enumerate(texts):
            if pairs and not (isinstance(value, (tuple, list)) and len(value) == 2 and all(map(_is_str, value))):
                raise InputError(
                    f"{name}[{place}] is {value!r}; the template has {{text_b}}, so two strings are needed."
                )
            if not pairs and not _is_str(value):
                raise InputError(f"{name}[{place}] is {value!r} ({type(value).__name__}); strings are needed.")

    def _check_unlabelled(self, unlabeled: Texts | None) -> None:
        asked = self.options.calibration == "unlabeled"
        if unlabeled is None or not len(unlabeled):
            if asked:
                raise InputError("calibration is 'unlabeled', but no unlabeled texts were given to fit.")
            return
        if not asked and not self._choices.schedule.weights.free:
            raise InputError(
                "unlabeled texts were given, but nothing reads them. Set auxiliary or adversarial above 0, or "
                "calibration='unlabeled'."
            )
        self._check_texts(unlabeled, "unlabeled")


def _flat(several: Sequence[np.ndarray]) -> list[int]:
    return [int(token) for ids in several for token in ids]


def _is_str(value: Any) -> bool:
    return isinstance(value, str)


def _check_labelled(texts: Texts, labels: Sequence[str]) -> None:
    if len(texts) != len(labels):
        raise InputError(f"there are {len(texts)} texts and {len(labels)} labels; each text needs one label.")
    for place, value in enumerate(labels):
        if not isinstance(value, str):
            raise InputError(f"labels[{place}] is {value!r} ({type(value).__name__}); strings are needed.")
    if len(set(labels)) < 2:
        raise InputError(f"the labels name {len(set(labels))} class ({listing(set(labels))}); two or more are needed.")
