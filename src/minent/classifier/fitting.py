"""One fit from the door to the facts: task, plan, groundwork, climb, calibration."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minent.classifier.facts import calibrate, describe
from minent.classifier.groundwork import (
    FEW_CLASSES_RANK,
    FEWEST_TEXTS_FOR_VECTORS,
    MANY_CLASSES_RANK,
    Groundwork,
    View,
)
from minent.classifier.hints import Hints, class_name_hints
from minent.classifier.ladder import Climb, Rung
from minent.classifier.linear import LinearModel
from minent.classifier.members import LogisticOnDense, LogisticOnTfidf, Member, NaiveBayesEM, RidgeOnTfidf
from minent.classifier.plan import ENCODER_SHARE, Plan, make_plan
from minent.classifier.task import Task, read_task
from minent.classifier.workbench import Workbench
from minent.errors import InputError, number, whole
from minent.runtime import Reporter, silent, thread_count

if TYPE_CHECKING:
    from minent.prompts import Backbone
    from minent.prompts.backbone import AnyBackbone


@dataclass(frozen=True)
class Fitted:
    """What a fit found; see the attributes of `TextClassifier`."""

    model: LinearModel
    classes: tuple[str, ...]
    facts: dict[str, Any]
    measured: dict[str, Any]
    inputs: dict[str, str]
    examples: list[tuple[str, str]]
    climb: Climb


def fit_classifier(
    X: Iterable[str],
    y: Iterable[Any],
    unlabeled: Iterable[str] | None,
    *,
    budget_seconds: float,
    seed: int,
    backbone: AnyBackbone | str | Path | None,
    progress: Reporter,
    work_folder: str | Path | None,
    resume: bool,
    groundwork: Groundwork | None,
) -> Fitted:
    """Fit; see `TextClassifier.fit`."""
    _check(budget_seconds, seed)
    backbone = _found(backbone)
    started, clock = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    task = read_task(X, y, unlabeled)
    bench = Workbench(work_folder, resume=resume)
    plan = make_plan(budget_seconds, len(task.classes), sum(map(len, task.pool)), len(task.texts))
    task = task.limited(plan.pool_characters, seed)
    with _one_thread_of_algebra():
        work = groundwork or _lay_groundwork(
            [*task.pool, *task.texts], len(task.classes), plan, seed, _ours(backbone), bench, progress
        )
        work.prepare()
        (pool, gold), until = _views(work, task), clock + budget_seconds
        climb = Climb(pool, gold, task.labels, len(task.classes), seed, plan.repeats, bench, progress, until)
        members, left_out = _members(plan, work, task, climb, backbone)
        model, held_out = calibrate(climb, climb.run(members, left_out))
        facts = describe(task, climb, model, held_out)
    seconds = {**work.seconds, **climb.seconds, "total": time.monotonic() - clock}
    measured = {
        "seconds": {name: round(taken, 3) for name, taken in seconds.items()},
        "started": started,
        "machine": f"{platform.machine()}, {platform.system()}, {thread_count()} threads",
        "budget_seconds": budget_seconds,
    }
    inputs = task.digests | ({} if backbone is None else {"backbone": backbone.digest})
    return Fitted(model, task.classes, facts, measured, inputs, task.examples(), climb)


def _members(
    plan: Plan, work: Groundwork, task: Task, climb: Climb, backbone: AnyBackbone | None
) -> tuple[list[Member], list[Rung]]:
    """The rungs to climb, and those that are left out; the climb is told what was noted of the task."""
    spaced = work.vocabulary.script == "spaced"
    hints, note = class_name_hints(
        climb.pool.texts, climb.gold.texts, task.labels, task.classes, spaced=spaced, seed=climb.seed
    )
    climb.decision += [*task.notes, *([note] if note else [])]
    neural, left_out = _neural_rungs(plan, work, task, backbone)
    return [*classical_members(pieces=work.vectors is not None, hints=hints), *neural], left_out


def groundwork_for(
    texts: Iterable[str], classes: int, *, budget_seconds: float, seed: int = 0, backbone: Backbone | None = None
) -> Groundwork:
    """Learn features from unlabelled texts once, for many fits on them with the same budget and seed."""
    texts = list(texts)
    plan = make_plan(budget_seconds, classes, sum(map(len, texts)))
    return _lay_groundwork(texts, classes, plan, seed, backbone, Workbench(), silent)


def _lay_groundwork(
    texts: Sequence[str],
    classes: int,
    plan: Plan,
    seed: int,
    backbone: Backbone | None,
    bench: Workbench,
    progress: Reporter,
) -> Groundwork:
    return Groundwork(
        texts,
        rank=FEW_CLASSES_RANK if classes < 5 else MANY_CLASSES_RANK,
        seed=seed,
        encoder_seconds=plan.encoder_seconds,
        backbone=backbone,
        bench=bench,
        progress=progress,
    )


MOST_SECONDS = 10**9  # of a budget: its characters are to be a whole number
DENSE_TITLE = "logistic regression on LSA and word vectors"
PIECES = (
    ("nb_em_pieces", "naive Bayes with EM on pieces"),
    ("nb_em_pieces_dense", "naive Bayes with EM on pieces, from LSA and word vectors"),
)


def classical_members(*, pieces: bool = True, hints: Hints | None = None) -> list[Member]:
    """The rungs that every budget pays for, floors first.

    Args:
        pieces: Whether there is text enough for pieces to tell something.
        hints: Unlabelled texts that hold the name of a class, if names can be believed.
    """
    dense: Member = LogisticOnDense("lr", DENSE_TITLE)
    told = [] if hints is None else [LogisticOnDense("lr_names", f"{DENSE_TITLE}, class names as labels", hints=hints)]
    start = [*told, dense][0]
    views = [
        NaiveBayesEM(),
        NaiveBayesEM(name="nb_em_dense", title="naive Bayes with EM, from LSA and word vectors", start=start),
    ]
    if pieces:
        views.append(NaiveBayesEM(name=PIECES[0][0], title=PIECES[0][1], space="piece_binary"))
        views.append(NaiveBayesEM(name=PIECES[1][0], title=PIECES[1][1], space="piece_binary", start=start))
    return [LogisticOnTfidf(), RidgeOnTfidf(), *views, dense, *told]


NEURAL = (
    ("probe", "logistic regression on the encoder"),
    ("capsules", "capsule head on the frozen encoder"),
    ("ptuning", "P-tuning on the encoder"),
)


def neural_members(classes: Sequence[str]) -> list[Member]:
    """The rungs on the pretrained encoder. Naming them loads torch."""
    from minent.classifier.members.capsules import CapsuleHead
    from minent.classifier.members.prompts import PromptRung

    probe = LogisticOnDense(*NEURAL[0], space="probed", kind="neural")
    return [probe, CapsuleHead(), PromptRung(tuple(classes))]


def _neural_rungs(
    plan: Plan, work: Groundwork, task: Task, backbone: AnyBackbone | None
) -> tuple[list[Member], list[Rung]]:
    """The neural rungs that are climbed, and those that are not: on the encoder, or on a model that was given."""
    if backbone is None or _ours(backbone):
        reasons = _why_not(plan, work)
        members = [] if len(reasons) == len(NEURAL) else neural_members(task.classes)
        left_out = {name: (title, reasons[name]) for name, title in NEURAL if name in reasons}
        kept = [member for member in members if member.name not in reasons]
    else:
        from minent.classifier.members.backbone import backbone_members

        seconds = plan.encoder_seconds / ENCODER_SHARE  # all that the classical rungs leave: nothing is pretrained
        kept, left_out = backbone_members(backbone, task.classes, task.pool, len(task.texts), seconds)
    return kept, [Rung(name, title, "neural", note=reason) for name, (title, reason) in left_out.items()]


def _found(backbone: AnyBackbone | str | Path | None) -> AnyBackbone | None:
    """Load what was named, before any work."""
    if not isinstance(backbone, (str, Path)):
        return backbone
    from minent.prompts import load_backbone

    return load_backbone(backbone)


def _ours(backbone: AnyBackbone | None) -> Backbone | None:
    """The backbone, if it is an encoder of ours, which takes the place of the one that is pretrained."""
    if backbone is None:
        return None
    from minent.prompts import Backbone

    return backbone if isinstance(backbone, Backbone) else None


def _why_not(plan: Plan, work: Groundwork) -> dict[str, str]:
    """The neural rungs that are not climbed, each with the reason."""
    if work.vectors is None and work.given_backbone is None:
        reason = f"not climbed: fewer than {FEWEST_TEXTS_FOR_VECTORS} texts to pretrain an encoder on"
        return {name: reason for name, _ in NEURAL}
    reason = "not climbed: the time budget does not pay for it"
    return {name: reason for name, _ in NEURAL if name not in plan.neural}


def _views(work: Groundwork, task: Task) -> tuple[View, View]:
    """The pool and the labelled texts as this groundwork sees them."""
    texts = work.all.texts
    if texts == [*task.pool, *task.texts]:
        rows = np.arange(len(texts))
        return work.all[rows[: len(task.pool)]], work.all[rows[len(task.pool) :]]
    if texts == list(task.pool):
        return work.all, work.view(task.texts)
    raise InputError(
        f"the groundwork was made from {len(texts)} other texts than the {len(task.pool)} unlabelled ones given here. "
        f"Make it from these, or leave it out."
    )


def _check(budget_seconds: float, seed: int) -> None:
    if number("budget_seconds", budget_seconds, 0, ", such as 300", above=True) >= MOST_SECONDS:
        raise InputError(f"budget_seconds is {budget_seconds!r}; it takes less than {MOST_SECONDS:,}, such as 300.")
    whole("seed", seed, 0)


@contextmanager
def _one_thread_of_algebra() -> Iterator[None]:
    """Sums of floats depend on how many threads share them; one thread gives the same digest everywhere."""
    import scipy.linalg  # noqa: F401 - only a library that is loaded can be limited, and SciPy brings its own BLAS
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield
