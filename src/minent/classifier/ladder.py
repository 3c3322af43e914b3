"""The climb: every rung is fitted and weighed, the good ones are fused, and one linear model is shipped.

Which one is decided by these rules, from evidence that never touches a test text:

1. With unlabelled texts to teach on, the student of the fused rungs is shipped, but
2. naive Bayes with EM goes unchanged when its half-label agreement, corrected for chance, is 90 % or more and it beats
   the student in cross-validation (it is linear too, and where it is that sure a student only blurs it). A rung that is
   steady and wrong does not pass: it loses in cross-validation;
3. and any linear rung goes instead when it beats the student in cross-validation by more than two standard errors of
   the paired difference: with many labels the simple floors are often right.
4. Without a student, the linear rung that is best in cross-validation is shipped; with nothing to go by, ridge.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from minent import artifacts
from minent.classifier.evidence import (
    Evidence,
    Halves,
    agreement,
    cut_in_halves,
    fold_accuracies,
    gather,
    steadiness,
    validity,
)
from minent.classifier.fusion import Fusion, student_model, teach
from minent.classifier.groundwork import View
from minent.classifier.linear import LinearModel
from minent.classifier.members import Member, Scorer
from minent.classifier.workbench import Workbench
from minent.errors import InputError
from minent.runtime import Progress, Reporter, silent

SURE = 0.9
SURE_RUNGS = ("nb_em", "nb_em_dense")
ANCHORS = ("ridge", "lr")  # they learn from labels alone
FEWEST_TEXTS_TO_FUSE = 100

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rung:
    """One row of the ladder table; shares lie between 0 and 1, None where something could not be measured.

    Attributes:
        name: Short and fixed.
        title: For people.
        kind: `"floor"`, `"classical"`, `"neural"`, `"fusion"` or `"student"`.
        cv_accuracy: Mean accuracy in two-fold cross-validation over its repeats.
        cv_spread: Standard deviation over the folds.
        agreement: Half-label agreement on the unlabelled texts: how steady it is, not how right.
        steadiness: The same corrected for chance.
        validity: How often it is right, estimated from what it shares with the rungs that learn from labels alone.
        confidence: The mean confidence that it speaks with in the fusion.
        in_fusion: Whether it speaks there.
        shipped: Whether it is the model that is saved.
        note: Why something is missing.
    """

    name: str
    title: str
    kind: str
    cv_accuracy: float | None = None
    cv_spread: float | None = None
    agreement: float | None = None
    steadiness: float | None = None
    validity: float | None = None
    confidence: float | None = None
    in_fusion: bool = False
    shipped: bool = False
    note: str = ""


@dataclass
class Climb:
    """One climb over a fixed set of rungs.

    Args:
        pool: Unlabelled texts; may be empty.
        gold: Labelled texts.
        labels: int64 (gold,).
        classes: How many classes.
        seed: Of every draw.
        repeats: How often the labels are cut in halves.
        bench: Keeps the evidence of finished rungs.
        progress: Told of each rung.
        deadline: On the clock of `time.monotonic`; no rung but the first starts after it.

    Attributes:
        rungs: The ladder, in the order it was climbed.
        halves: The cuts that the evidence rests on; None with too few labels.
        evidence: By rung, for every rung that was fitted.
        scorers: The fits on all labels, by rung; a rung that was found on the bench has none.
        models: The linear models that may be shipped, by rung.
        decision: What was decided and why, as sentences.
        fusion: How loudly each rung of `fused_names` speaks; None where nothing was fused.
        fused_names: The rungs that speak in the fusion.
        families: Of each rung; those of one family share a voice.
        seconds: What each rung took, without the groundwork it asked for.
        stopped: Whether a person pressed Ctrl-C.
    """

    pool: View
    gold: View
    labels: np.ndarray
    classes: int
    seed: int = 0
    repeats: int = 2
    bench: Workbench = field(default_factory=Workbench)
    progress: Reporter = silent
    deadline: float = float("inf")

    rungs: list[Rung] = field(default_factory=list, init=False)
    halves: Halves | None = field(default=None, init=False)
    evidence: dict[str, Evidence] = field(default_factory=dict, init=False)
    scorers: dict[str, Scorer] = field(default_factory=dict, init=False)
    models: dict[str, LinearModel] = field(default_factory=dict, init=False)
    decision: list[str] = field(default_factory=list, init=False)
    fusion: Fusion | None = field(default=None, init=False)
    fused_names: tuple[str, ...] = field(default=(), init=False)
    families: dict[str, str] = field(default_factory=dict, init=False)
    seconds: dict[str, float] = field(default_factory=dict, init=False)
    stopped: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.halves = cut_in_halves(self.labels, self.repeats, self.seed)

    def run(self, members: Sequence[Member], left_out: Sequence[Rung] = ()) -> str:
        """Climb all rungs, fuse them, teach the student; return the name of the rung to ship.

        Args:
            members: The rungs to climb, in this order.
            left_out: Rungs that stand in the table with a note, since this budget does not pay for them.
        """
        self.families = {member.name: member.family for member in members}
        for place, member in enumerate(members):
            self.progress(Progress("climb the ladder", place, len(members), "rungs", member.title))
            self.rungs.append(self._climb(member, must=not self.evidence))
        self.progress(Progress("climb the ladder", len(members), len(members), "rungs"))
        self.rungs += left_out
        self._judge()
        for member in members:
            if member.name in self.evidence and hasattr(member, "linear"):
                model = member.linear(self.pool, self.gold, self.labels, self.classes, self.seed)
                if model is not None:
                    self.models[member.name] = model
        if len(self.pool) >= FEWEST_TEXTS_TO_FUSE:
            self._fuse_and_teach()
        else:
            self.decision.append(
                f"{len(self.pool)} unlabelled texts are too few to teach a student on "
                f"(it takes {FEWEST_TEXTS_TO_FUSE}), so a single linear rung is shipped."
            )
        if not self.models:
            raise KeyboardInterrupt if self.stopped else InputError("no rung could be fitted: " + self.decision[0])
        shipped = self._decide()
        self.rungs = [replace(rung, shipped=rung.name == shipped) for rung in self.rungs]
        return shipped

    def fused(self, scores: Mapping[str, np.ndarray]) -> np.ndarray:
        """Fuse scores of the rungs, by name, on any texts; return log-probabilities (texts, classes)."""
        assert self.fusion is not None
        return self.fusion.opinion([scores[name] for name in self.fused_names])

    # --- one rung -----------------------------------------------------------------------------------------------------

    def _climb(self, member: Member, *, must: bool) -> Rung:
        """Fit one rung and weigh it. A rung that fails is left out with a note, whatever the failure was."""
        rung = Rung(member.name, member.title, member.kind)
        if self.stopped:
            return replace(rung, note="not climbed: stopped by hand")
        if time.monotonic() > self.deadline and not must:
            self.decision.append(f"The time budget was used up before {member.title}, so that rung was skipped.")
            return replace(rung, note="not climbed: the time budget was used up")
        start, spent_below = time.perf_counter(), sum(self.gold.work.seconds.values())
        try:
            found = self._gather(member)
            if not np.isfinite(found.pool).all() or not np.isfinite(found.held_out).all():
                raise InputError(f"{member.name}: gave scores that are not finite.")
        except KeyboardInterrupt:
            self.stopped = True
            self.decision.append(f"Stopped by hand during {member.title}; what was finished before was kept.")
            return replace(rung, note="not finished: stopped by hand")
        except Exception as error:
            _log.info("the rung %s failed", member.name, exc_info=True)
            self.decision.append(f"The rung {member.title} failed and was left out ({type(error).__name__}: {error}).")
            return replace(rung, note=f"failed: {type(error).__name__}")
        self.evidence[member.name] = found
        groundwork = sum(self.gold.work.seconds.values()) - spent_below
        self.seconds[member.name] = time.perf_counter() - start - groundwork
        return self._weigh(rung)

    def _gather(self, member: Member) -> Evidence:
        halves = self.halves
        if halves is not None and member.costly:
            halves = replace(halves, pairs=halves.pairs[:1])  # three fits, not more

        def make() -> dict[str, np.ndarray]:
            evidence, self.scorers[member.name] = gather(
                member, self.pool, self.gold, self.labels, self.classes, halves, self.seed
            )
            return vars(evidence)

        key = [self.gold.work.key, self.gold.texts, self.pool.texts, self.labels, self.repeats, self.seed, repr(member)]
        return Evidence(**self.bench.arrays(f"rung-{member.name}", artifacts.digest_of(key), make))

    def _weigh(self, rung: Rung) -> Rung:
        if self.halves is None:
            return replace(rung, note="too few labels to hold any out")
        found = self.evidence[rung.name]
        folds = fold_accuracies(found.held_out, self.labels, self.halves)
        return replace(
            rung,
            cv_accuracy=float(folds.mean()),
            cv_spread=float(folds.std()),
            agreement=agreement(found.halves),
            steadiness=steadiness(found.halves),
        )

    def _judge(self) -> None:
        """Set the confidence of every rung: twice its validity and once its accuracy on held-out labels, over three.

        Validity rests on thousands of texts but on an assumption, cross-validation on no assumption but few labels.
        """
        if self.halves is None:
            return
        valid = validity({name: found.halves for name, found in self.evidence.items()}, ANCHORS)
        for place, rung in enumerate(self.rungs):
            if rung.cv_accuracy is not None:
                judged = valid.get(rung.name, rung.steadiness or rung.cv_accuracy)
                confidence = max(1 / self.classes, (2 * judged + rung.cv_accuracy) / 3)
                self.rungs[place] = replace(rung, validity=valid.get(rung.name), confidence=confidence)

    # --- all rungs together -------------------------------------------------------------------------------------------

    def _fuse_and_teach(self) -> None:
        """Add the fusion and its student to the ladder, both with cross-validation of the whole pipeline."""
        fused = [rung for rung in self.rungs if rung.kind != "floor" and rung.name in self.evidence]
        if not fused:
            return
        self.progress(Progress("teach the student", 0, 1, "stages"))
        start = time.perf_counter()
        self.fused_names = tuple(rung.name for rung in fused)
        found = [self.evidence[name] for name in self.fused_names]
        middling = (1.0 + 1.0 / self.classes) / 2
        confidences = [middling if rung.confidence is None else rung.confidence for rung in fused]
        voices = self._voices(fused)
        self.fusion = Fusion.at(confidences, [each.pool for each in found], voices)
        opinion = self.fusion.opinion([each.pool for each in found])
        speaking = dict(zip(self.fused_names, confidences, strict=True))
        self.rungs = [
            replace(rung, in_fusion=True, confidence=speaking[rung.name]) if rung.name in speaking else rung
            for rung in self.rungs
        ]
        self.decision += [warning for rung in fused if (warning := self._conflict(rung))]
        student = student_model(self.gold, *teach(self.pool, opinion, self.gold, self.labels))
        self.models["student"] = student
        spoken, taught, halves = self._cross_validate(found, confidences, voices)
        self.evidence["fusion"] = Evidence(opinion.astype(np.float32), halves, spoken)
        self.evidence["student"] = Evidence(opinion[:0], halves[:, :0], taught)
        for rung in (
            Rung("fusion", "fusion of the rungs above at their own confidence", "fusion"),
            Rung("student", "linear student of the fusion", "student"),
        ):
            self.rungs.append(self._weigh(rung))
        self.seconds["student"] = time.perf_counter() - start
        self.progress(Progress("teach the student", 1, 1, "stages"))

    def _voices(self, rungs: Sequence[Rung]) -> list[float]:
        """Rungs of one family err together: n of them speak as loudly as sqrt(n), those on one encoder as one."""
        families = [self.families.get(rung.name, rung.name) for rung in rungs]
        sizes = [families.count(family) for family in families]
        return [1 / size if rung.kind == "neural" else size**-0.5 for rung, size in zip(rungs, sizes)]

    def _conflict(self, rung: Rung) -> str:
        """Steadiness is not truth: warn where a rung is surer of itself than its held-out answers bear out."""
        if self.halves is None or rung.steadiness is None or rung.cv_accuracy is None:
            return ""
        error = 0.5 / np.sqrt(self.halves.judged.sum())  # at most, of an accuracy on so many rows
        if rung.steadiness - rung.cv_accuracy <= 2 * error:
            return ""
        return (
            f"Warning: {rung.title} agrees with itself ({rung.steadiness:.0%}, corrected for chance) more than it is "
            f"right on held-out labels ({rung.cv_accuracy:.0%}); it may be steady and wrong."
        )

    def _cross_validate(
        self, found: Sequence[Evidence], confidences: Sequence[float], voices: Sequence[float]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Fuse and teach once more on every half of the labels.

        Returns:
            Held-out scores of the fusion and of the student (repeats, gold, classes), and what the fusions of the
            halves say on the pool (2 * repeats, pool, classes).
        """
        repeats = min(len(each.held_out) for each in found)
        spoken = np.zeros((repeats, len(self.gold), self.classes), np.float32)
        taught = np.zeros_like(spoken)
        on_pool = np.zeros((2 * repeats, len(self.pool), self.classes), np.float32)
        parts = self.halves.parts[: 2 * repeats] if self.halves else []
        for part, (repeat, fitted, tested) in enumerate(parts):
            scores = [each.halves[part] for each in found]
            fusion = Fusion.at(confidences, scores, voices)
            opinion = on_pool[part] = fusion.opinion(scores)
            spoken[repeat, tested] = fusion.opinion([each.held_out[repeat, tested] for each in found])
            weights, bias = teach(self.pool, opinion, self.gold[fitted], self.labels[fitted])
            taught[repeat, tested] = self.gold[tested].tfidf @ weights + bias
        return spoken, taught, on_pool

    def _decide(self) -> str:
        titles = {rung.name: rung.title for rung in self.rungs}
        accuracy = {rung.name: rung.cv_accuracy for rung in self.rungs}
        steady = {rung.name: rung.steadiness or 0.0 for rung in self.rungs}
        if self.halves is None:
            shipped = "student" if "student" in self.models else "ridge" if "ridge" in self.models else min(self.models)
            self.decision.append(f"No label could be held out, so {titles[shipped]} is shipped without a comparison.")
            return shipped
        rivals = [name for name in self.models if name != "student"]
        best = max(rivals, key=lambda name: accuracy[name] or 0.0)
        if "student" not in self.models:
            self.decision.append(f"{_sentence(titles[best])} is best in cross-validation ({accuracy[best]:.1%}).")
            return best
        sure = [name for name in SURE_RUNGS if name in rivals and steady[name] >= SURE and self._lead(name)[0] > 0]
        if sure:
            best = max(sure, key=lambda name: accuracy[name] or 0.0)
            self.decision.append(
                f"{_sentence(titles[best])} agrees with itself on {steady[best]:.1%} of the unlabelled texts "
                f"(corrected for chance) and beats the student in cross-validation ({accuracy[best]:.1%} against "
                f"{accuracy['student']:.1%}), "
                f"so it is shipped unchanged."
            )
            return best
        lead, error = self._lead(best)
        if lead > 2 * error:
            self.decision.append(
                f"{_sentence(titles[best])} beats the student in cross-validation by {lead:.1%}, over twice the "
                f"standard error of {error:.1%}, so it is shipped."
            )
            return best
        self.decision.append(
            f"The student is shipped: {accuracy['student']:.1%} in cross-validation; "
            f"the best single linear rung, {titles[best]}, has {accuracy[best]:.1%}."
        )
        return "student"

    def _lead(self, name: str) -> tuple[float, float]:
        """Mean lead over the student on the judged rows, and its standard error."""
        assert self.halves is not None
        repeats = len(self.evidence["student"].held_out)
        judged = self.halves.judged
        right = [
            (self.evidence[rung].held_out[:repeats, judged].argmax(axis=2) == self.labels[judged]).mean(axis=0)
            for rung in (name, "student")
        ]
        difference = right[0] - right[1]
        return float(difference.mean()), float(difference.std() / np.sqrt(len(difference)))


def _sentence(title: str) -> str:
    return title[:1].upper() + title[1:]
