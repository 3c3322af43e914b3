"""`TextClassifier`: the main job behind the conventions of scikit-learn."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minent import artifacts
from minent.classifier.linear import LinearModel
from minent.errors import ArtifactError, InputError, did_you_mean
from minent.runtime import Reporter, silent

if TYPE_CHECKING:
    from minent.classifier.conformal import Judgements
    from minent.classifier.explain import Explanation
    from minent.classifier.groundwork import Groundwork
    from minent.prompts.backbone import AnyBackbone

KIND, FORMAT = "classifier", 1
EXAMPLES = "labelled.jsonl"


class TextClassifier:
    """Learn from a few labelled and many unlabelled texts; ship one small, calibrated linear model.

    `fit` climbs a ladder of rungs within a time budget, weighs each by half-label agreement and cross-validation, fuses
    them at their own confidence and teaches the result to a linear model of n-grams. That model is all that `predict`
    needs, so a saved classifier answers without torch, Numba or scikit-learn.

    Args:
        budget_seconds: Time for `fit` on two ordinary cores; 60 and less leave the neural rungs out.
        seed: Of every random draw.
        backbone: A pretrained model for the neural rungs, instead of an encoder pretrained on the pool: from
            `minent.prompts.load_backbone`, or its folder or name. Only `fit` reads it; the student learns from it.

    Attributes:
        classes_: The labels, sorted, as strings.
        ladder_: One `dict` per rung: what it reached, how sure it was, whether it was shipped, or why it was skipped.
        decision_: Why the shipped model was chosen, as sentences.
        facts_: All that the report reads; the same for the same seed and data.
        measured_: Seconds and dates of this run.
        model_: The linear model that is shipped.
        examples_: Some labelled texts with their labels, to show beside an answer.

    Example:
        >>> texts = ["so good", "good fun", "very good", "so bad", "bad fun", "very bad"]
        >>> classifier = TextClassifier(budget_seconds=5).fit(texts, ["+", "+", "+", "-", "-", "-"])
        >>> classifier.predict(["good", "bad"]).tolist()
        ['+', '-']
    """

    _estimator_type = "classifier"

    def __init__(
        self, budget_seconds: float = 300, seed: int = 0, backbone: AnyBackbone | str | Path | None = None
    ) -> None:
        self.budget_seconds = budget_seconds
        self.seed = seed
        self.backbone = backbone

    # --- learning -----------------------------------------------------------------------------------------------------

    def fit(
        self,
        X: Iterable[str],
        y: Iterable[Any],
        unlabeled: Iterable[str] | None = None,
        *,
        progress: Reporter = silent,
        work_folder: str | Path | None = None,
        resume: bool = False,
        groundwork: Groundwork | None = None,
    ) -> TextClassifier:
        """Learn from labelled texts and, much better, from many unlabelled ones beside them.

        Ctrl-C skips what is left and keeps what was found so far.

        Args:
            X: Texts.
            y: One label per text. Labels become strings; None means that the text has none.
            unlabeled: Texts of the same kind without labels.
            progress: Told of every stage.
            work_folder: Keeps finished stages, so that a run that was killed can go on.
            resume: Go on from what `work_folder` holds; else it is cleared first.
            groundwork: Features learned before from the very texts of `unlabeled`; else they are learned here.

        Returns:
            Itself.

        Raises:
            InputError: No text, other numbers of texts and labels, fewer than two classes, a budget not above zero.
            ArtifactError: `work_folder` cannot be written.
        """
        from minent.classifier.fitting import fit_classifier

        fitted = fit_classifier(
            X,
            y,
            unlabeled,
            budget_seconds=self.budget_seconds,
            seed=self.seed,
            backbone=self.backbone,
            progress=progress,
            work_folder=work_folder,
            resume=resume,
            groundwork=groundwork,
        )
        self._adopt(fitted.model, fitted.classes, fitted.facts, fitted.measured, fitted.inputs, fitted.examples)
        self.climb_ = fitted.climb
        return self

    def _adopt(
        self,
        model: LinearModel,
        classes: Iterable[str],
        facts: dict[str, Any],
        measured: dict[str, Any],
        inputs: dict[str, str],
        examples: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.model_ = model
        self.classes_ = np.array(list(classes), dtype=str)
        self.facts_ = facts
        self.measured_ = measured
        self.inputs_ = inputs
        self.examples_ = tuple(examples)

    @property
    def ladder_(self) -> list[dict[str, Any]]:
        """One row per rung."""
        return self._fitted().facts_["ladder"]

    @property
    def decision_(self) -> list[str]:
        """Why the shipped model was chosen."""
        return self._fitted().facts_["decision"]

    def _fitted(self) -> TextClassifier:
        if not hasattr(self, "model_"):
            raise InputError("this TextClassifier is not fitted yet. Call fit first, or load a saved one.")
        return self

    # --- answering ----------------------------------------------------------------------------------------------------

    def predict_proba(self, X: Iterable[str]) -> np.ndarray:
        """Return float32 (texts, classes): calibrated probabilities, columns in the order of `classes_`.

        Args:
            X: Texts.

        Returns:
            Rows that sum to one.

        Raises:
            InputError: Not fitted, or `X` is one string.
        """
        if isinstance(X, (str, bytes)):
            raise InputError(f"X is one {type(X).__name__}; it takes a list of texts. Put it in brackets.")
        return self._fitted().model_.probabilities(X)

    def predict(self, X: Iterable[str], *, reject_below: float = 0.0, rejected: str = "") -> np.ndarray:
        """Return the likeliest label of each text, as an array of str.

        Args:
            X: Texts.
            reject_below: Give no answer where the largest probability is below this; see `threshold_for_precision`.
            rejected: What stands in place of the label then.

        Returns:
            One label per text.

        Raises:
            InputError: Not fitted, or `X` is one string.
        """
        probabilities = self.predict_proba(X)
        said = self.classes_[probabilities.argmax(axis=1)]
        doubted = probabilities.max(axis=1, initial=0.0).astype(np.float64).round(6) < reject_below
        return np.where(doubted, rejected, said) if doubted.any() else said

    def predict_sets(self, X: Iterable[str], coverage: float = 0.9) -> list[list[str]]:
        """Return for each text the labels that cannot be ruled out: the right one is among them as often as asked.

        That holds on average over texts like the labelled ones, not for each class or each kind of text.

        Args:
            X: Texts.
            coverage: How often the right label must be in the set; above 0 and below 1.

        Returns:
            One list of labels per text, the likeliest first; never empty.

        Raises:
            InputError: Not fitted, `X` is one string, another coverage, or no label could be held out in the fit.

        Example:
            >>> texts = ["so good", "good fun", "very good", "so bad", "bad fun", "very bad"]
            >>> classifier = TextClassifier(budget_seconds=5).fit(texts, ["+", "+", "+", "-", "-", "-"])
            >>> classifier.predict_sets(["so so", "very good"], coverage=0.8)
            [['+', '-'], ['+']]
        """
        probabilities = self.predict_proba(X)
        sets = self._judgements().label_sets(probabilities, coverage)
        order = np.argsort(-probabilities, axis=1, kind="stable")
        return [self.classes_[row[held[row]]].tolist() for row, held in zip(order, sets)]

    def threshold_for_precision(self, precision: float) -> float:
        """Return the confidence from which on answers are right as often as asked, for `predict(reject_below=...)`.

        Args:
            precision: The share of answers that must be right; above 0 and below 1.

        Returns:
            A probability.

        Raises:
            InputError: Not fitted, another precision, one that the held-out labels cannot promise, or there are none.

        Example:
            >>> texts = ["so good", "good fun", "very good", "so bad", "bad fun", "very bad"]
            >>> classifier = TextClassifier(budget_seconds=5).fit(texts, ["+", "+", "+", "-", "-", "-"])
            >>> threshold = classifier.threshold_for_precision(0.7)
            >>> classifier.predict(["good", "what is this"], reject_below=threshold, rejected="?").tolist()
            ['+', '?']
        """
        return self._judgements().threshold(precision)

    def _judgements(self) -> Judgements:
        from minent.classifier.conformal import Judgements

        return Judgements.from_facts(self._fitted().facts_.get("judgements"))

    def score(self, X: Iterable[str], y: Iterable[Any]) -> float:
        """Return the share of texts whose predicted label is the stated one.

        Args:
            X: Texts.
            y: One label per text; a label that training never saw is never right.

        Returns:
            Accuracy between 0 and 1.

        Raises:
            InputError: No texts, or other numbers of texts and labels.
        """
        said, stated = self.predict(X), [str(label) for label in y]
        if len(said) != len(stated) or not stated:
            raise InputError(f"X has {len(said)} texts and y has {len(stated)} labels. Give one label per text.")
        return float(np.mean(said == np.array(stated)))

    def explain(self, text: str) -> Explanation:
        """Say which words of a text moved the decision, and by how much.

        Args:
            text: One text.

        Returns:
            The n-grams of the text with what each adds to the score of every class. The model is linear, so their sum
            and the bias are the scores themselves, not an approximation.

        Raises:
            InputError: Not fitted, or `text` is no str.

        Example:
            >>> texts = ["so good", "good fun", "very good", "so bad", "bad fun", "very bad"]
            >>> classifier = TextClassifier(budget_seconds=5).fit(texts, ["+", "+", "+", "-", "-", "-"])
            >>> found = classifier.explain("A bad idea")
            >>> found.text, [term.ngram for term in found.terms]
            ('a bad idea', ['bad'])
        """
        from minent.classifier.explain import explain

        if not isinstance(text, str):
            raise InputError(f"text is {type(text).__name__}; it takes one str.")
        return explain(self._fitted().model_, self.classes_.tolist(), text)

    # --- on disk ------------------------------------------------------------------------------------------------------

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Save the classifier as a folder: n-grams as text, weights as safetensors, facts as JSON, a model card.

        Args:
            folder: The target.
            overwrite: Replace a saved artifact that is there.

        Raises:
            InputError: Not fitted.
            FolderExistsError: The target is taken.
            ArtifactError: It cannot be written.
        """
        from minent import report

        self._fitted()
        config = {"budget_seconds": self.budget_seconds, "classes": self.classes_.tolist()}
        with artifacts.writing(
            folder, kind=KIND, format=FORMAT, config=config, seeds={"seed": self.seed}, overwrite=overwrite
        ) as draft:
            draft.facts.update(self.facts_)
            draft.facts["model"] = self.model_.save(draft.path)
            lines = [json.dumps({"text": text, "label": label}) for text, label in self.examples_]
            (draft.path / EXAMPLES).write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
            draft.measured.update(self.measured_)
            draft.inputs.update(self.inputs_)
        report.write_card(folder)

    @classmethod
    def load(cls, folder: str | Path) -> TextClassifier:
        """Load what `save` wrote.

        Args:
            folder: The saved folder.

        Returns:
            A classifier that answers exactly as the saved one did.

        Raises:
            ArtifactError: No such folder, another kind, a newer format, or a changed or missing file.
        """
        manifest = artifacts.read_manifest(folder, kind=KIND, format=FORMAT)
        facts = dict(manifest.facts)
        with artifacts.understood(folder):
            for name in ("features.txt", "weights.safetensors"):
                manifest.file(folder, name)  # no other file is read
            model = _read_model(folder, facts.pop("model"))
            classes = manifest.config["classes"]
            if len(classes) != len(model.bias):
                raise ValueError(f"{len(classes)} classes, but weights for {len(model.bias)}")
            loaded = cls(budget_seconds=manifest.config["budget_seconds"], seed=manifest.seeds["seed"])
            loaded._adopt(
                model, classes, facts, manifest.measured, manifest.inputs, _read_examples(folder, manifest.files)
            )
        return loaded

    # --- the conventions of scikit-learn, without importing it --------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor arguments by name.

        Args:
            deep: Kept for scikit-learn; there is nothing deeper.
        """
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> TextClassifier:
        """Set constructor arguments by name.

        Args:
            params: New values.

        Returns:
            Itself.

        Raises:
            InputError: A name that is no argument.
        """
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                raise InputError(f"TextClassifier has no parameter {name!r}.{did_you_mean(name, known)}")
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks of an estimator before it cross-validates it."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(two_d_array=False, string=True),
        )

    def __repr__(self) -> str:
        changed = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items() if value is not None)
        return f"TextClassifier({changed})"


def _read_model(folder: str | Path, remembered: dict[str, Any]) -> LinearModel:
    try:
        return LinearModel.load(Path(folder), remembered)
    except InputError as error:
        raise ArtifactError(f"{folder}: {error}") from error


def _read_examples(folder: str | Path, files: Iterable[str]) -> list[tuple[str, str]]:
    """The labelled texts of a saved folder; none in one that an earlier version wrote."""
    if EXAMPLES not in files:
        return []
    rows = [json.loads(line) for line in (Path(folder) / EXAMPLES).read_text(encoding="ascii").splitlines()]
    return [(str(row["text"]), str(row["label"])) for row in rows]
