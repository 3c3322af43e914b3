"""One fit from the door to the facts: task, plan, groundwork, climb, calibration."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minent.classifier.facts import calibrate, describe
from minent.classifier.groundwork import FEW_CLASSES_RANK, MANY_CLASSES_RANK, Groundwork, View
from minent.classifier.ladder import Climb
from minent.classifier.linear import LinearModel
from minent.classifier.members import LogisticOnDense, LogisticOnTfidf, Member, NaiveBayesEM, RidgeOnTfidf
from minent.classifier.plan import make_plan
from minent.classifier.task import Task, read_task
from minent.classifier.workbench import Workbench
from minent.errors import InputError
from minent.runtime import Reporter, thread_count

if TYPE_CHECKING:
    from minent.prompts import Backbone


@dataclass(frozen=True)
class Fitted:
    """What a fit found; see the attributes of `TextClassifier`."""

    model: LinearModel
    classes: tuple[str, ...]
    facts: dict[str, Any]
    measured: dict[str, Any]
    inputs: dict[str, str]
    climb: Climb


def fit_classifier(
    X: Iterable[str],
    y: Iterable[Any],
    unlabeled: Iterable[str] | None,
    *,
    budget_seconds: float,
    seed: int,
    backbone: Backbone | None,
    progress: Reporter,
    work_folder: str | Path | None,
    resume: bool,
    groundwork: Groundwork | None,
) -> Fitted:
    """Fit; see `TextClassifier.fit`."""
    _check(budget_seconds, seed)
    started, clock = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    task = read_task(X, y, unlabeled)
    bench = Workbench(work_folder, resume=resume)
    plan = make_plan(budget_seconds, len(task.classes), sum(map(len, task.pool)))
    task = task.limited(plan.pool_characters, seed)
    with _one_thread_of_algebra():
        work = groundwork or make_groundwork(
            [*task.pool, *task.texts], len(task.classes), seed=seed, bench=bench, progress=progress
        )
        work.prepare()
        pool, gold = _views(work, task)
        climb = Climb(
            pool,
            gold,
            task.labels,
            len(task.classes),
            seed=seed,
            repeats=plan.repeats,
            bench=bench,
            progress=progress,
            deadline=clock + budget_seconds,
        )
        climb.decision += task.notes
        shipped = climb.run(classical_members())
        model, held_out = calibrate(climb, shipped)
        facts = describe(task, climb, model, held_out)
    seconds = {**work.seconds, **climb.seconds, "total": time.monotonic() - clock}
    measured = {
        "seconds": {name: round(taken, 3) for name, taken in seconds.items()},
        "started": started,
        "machine": f"{platform.machine()}, {platform.system()}, {thread_count()} threads",
        "budget_seconds": budget_seconds,
    }
    return Fitted(model, task.classes, facts, measured, task.digests, climb)


def make_groundwork(texts: Iterable[str], classes: int, **settings: Any) -> Groundwork:
    """Learn features from texts, of a rank that suits the number of classes."""
    return Groundwork(list(texts), rank=FEW_CLASSES_RANK if classes < 5 else MANY_CLASSES_RANK, **settings)


def classical_members() -> list[Member]:
    """The rungs that every budget pays for, floors first."""
    return [
        LogisticOnTfidf(),
        RidgeOnTfidf(),
        NaiveBayesEM(),
        LogisticOnDense("lr", "logistic regression on LSA and word vectors"),
    ]


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
    if isinstance(budget_seconds, bool) or not isinstance(budget_seconds, (int, float)) or not budget_seconds > 0:
        raise InputError(f"budget_seconds is {budget_seconds!r}; it takes a number above zero, such as 300.")
    if not isinstance(seed, int) or seed < 0:
        raise InputError(f"seed is {seed!r}; it takes a whole number, 0 or more.")


@contextmanager
def _one_thread_of_algebra() -> Iterator[None]:
    """Sums of floats depend on how many threads share them; one thread gives the same digest everywhere."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield
