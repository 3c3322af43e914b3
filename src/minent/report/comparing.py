"""Several classifiers side by side: what each is right on, and whether the difference is more than chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from minent.artifacts import Manifest
from minent.report.views import margin, shipped
from minent.report.words import count, percent, points

SHOWN_TEXTS = 500


@dataclass(frozen=True)
class Run:
    """One classifier of a comparison.

    Attributes:
        name: What it is called on the page.
        manifest: Its manifest, of kind `"classifier"`.
        said: The label it gives each of the test texts; none without a test.
    """

    name: str
    manifest: Manifest
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trial:
    """Test texts that every run of a comparison answered; none where there was no test.

    Attributes:
        source: Where they come from.
        texts: The texts.
        labels: What is right.
    """

    source: str = ""
    texts: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


def headline(runs: Sequence[Run], trial: Trial) -> tuple[str, str]:
    """Who is right most often, and how far to trust that."""
    scored = sorted(((accuracy(run, trial), run) for run in runs), key=lambda pair: -(pair[0] or 0))
    (best, first), (next_best, second) = scored[0], scored[1]
    if best is None or next_best is None:
        return "How often they are right was not measured.", "Give a test file, or more labels, before you choose."
    where = f"of {count(len(trial.labels))} test texts" if trial.labels else "of its labels, each held out in turn"
    if best == next_best:
        said = f"{first.name} and {second.name} are right equally often: on {percent(best)} {where}."
        return said, _tie(first, second, trial) if trial.labels else _doubt(runs)
    ahead = points(best - next_best)
    ahead = "less than 0.1" if ahead == "0.0" else ahead
    said = f"{first.name} is right most often: on {percent(best)} {where}, {ahead} points above {second.name}."
    if not trial.labels:
        return said, _doubt(runs)
    only, other = disagreement(first, second, trial)
    coin = chance_of(only, other)
    coin_says = "less than 0.1\u202f%" if coin < 0.001 else percent(coin)
    verdict = "That may well be chance." if coin > 0.05 else "That is more than chance."
    return said, (
        f"Where one of the two is right and the other wrong, it is right on {count(only)} and wrong on {count(other)}; "
        f"a coin falls as far apart in {coin_says} of trials. {verdict}"
    )


def _tie(first: Run, second: Run, trial: Trial) -> str:
    """What there is to tell of two runs that are right equally often."""
    if first.said == second.said:
        return "They give each of these texts the same answer."
    only = count(disagreement(first, second, trial)[0])
    return f"Each is right on {only} that the other gets wrong, so these texts do not tell which is better."


def _doubt(runs: Sequence[Run]) -> str:
    """Why the figures of several folders may not be set against each other."""
    labelled = [(run.manifest.facts.get("task") or {}).get("labelled") or 0 for run in runs]
    reach = points(margin(0.8, min(labelled)))
    same = len({run.manifest.inputs.get("labelled") for run in runs}) == 1
    other = "" if same else " They learned from different labels, so each was judged on its own."
    return f"So few labels fix this only to about ±{reach} points.{other} A test file tells more."


def accuracy(run: Run, trial: Trial) -> float | None:
    """The share of test texts that a run is right on, else what cross-validation of the shipped rung says."""
    if trial.labels:
        return sum(said == label for said, label in zip(run.said, trial.labels)) / len(trial.labels)
    return shipped(run.manifest.facts).get("cv_accuracy")


def disagreement(first: Run, second: Run, trial: Trial) -> tuple[int, int]:
    """How many test texts the first alone is right on, and how many the second alone."""
    right = [(a == label, b == label) for a, b, label in zip(first.said, second.said, trial.labels)]
    return right.count((True, False)), right.count((False, True))


def chance_of(one: int, other: int) -> float:
    """How often a fair coin, thrown for each text that one alone is right on, falls at least as far apart.

    Source:
        McNemar (1947), in its exact form: the two-sided binomial test.

    Example:
        >>> chance_of(5, 0), chance_of(3, 3)
        (0.0625, 1.0)
    """
    n, few = one + other, min(one, other)
    return min(1.0, 2 * sum(math.comb(n, k) for k in range(few + 1)) / 2**n)


# --- tables: a row for each run, rung, label or text ------------------------------------------------------------------


def run_rows(runs: Sequence[Run], trial: Trial) -> list[dict[str, Any]]:
    """What each run is and reaches."""
    rows = []
    for run in runs:
        facts, measured = run.manifest.facts, run.manifest.measured
        rung = shipped(facts)
        reached = accuracy(run, trial)
        rows.append(
            {
                "name": run.name,
                "rung": rung.get("title") or rung.get("name"),
                "accuracy": reached,
                "spread": margin(reached or 0, len(trial.labels)) if trial.labels else rung.get("cv_spread"),
                "test": facts.get("test") or {},
                "calibration": facts.get("calibration") or {},
                "task": facts.get("task") or {},
                "sizes": facts.get("sizes") or {},
                "seconds": (measured.get("seconds") or {}).get("total"),
                "digest": run.manifest.digest[:12],
            }
        )
    return rows


def pair_rows(runs: Sequence[Run], trial: Trial) -> list[dict[str, Any]]:
    """Every two runs: how many texts one alone is right on, and how often a coin does as much."""
    rows = []
    for at, first in enumerate(runs):
        for second in runs[at + 1 :]:
            only, other = disagreement(first, second, trial)
            same = sum(a == b for a, b in zip(first.said, second.said)) / max(1, len(trial.labels))
            chance = chance_of(only, other)
            rows.append({"first": first.name, "second": second.name, "only": only, "other": other})
            rows[-1] |= {"agree": same, "chance": chance}
    return rows


def rung_rows(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Every rung that any run measured, with what it reached in each; in the order of the first ladder that has it."""
    titles: dict[str, str] = {}
    ladders = []
    for run in runs:
        ladder = {rung.get("name"): rung for rung in run.manifest.facts.get("ladder") or []}
        ladders.append(ladder)
        for name, rung in ladder.items():
            if rung.get("cv_accuracy") is not None:
                titles.setdefault(name, rung.get("title") or name)
    return [{"title": title, "rungs": [ladder.get(name) for ladder in ladders]} for name, title in titles.items()]


def label_rows(runs: Sequence[Run], trial: Trial) -> list[dict[str, Any]]:
    """For each label of the test: how many texts have it, and the share of them that each run found."""
    rows = []
    for label in sorted(set(trial.labels)):
        at = [place for place, true in enumerate(trial.labels) if true == label]
        found = [sum(run.said[place] == label for place in at) / len(at) for run in runs]
        rows.append({"label": label, "texts": len(at), "found": found})
    return rows


def text_rows(runs: Sequence[Run], trial: Trial) -> list[dict[str, Any]]:
    """The test texts that some run got wrong: those that fewest runs got right first."""
    rows = []
    for place, (text, label) in enumerate(zip(trial.texts, trial.labels)):
        said = [run.said[place] for run in runs]
        wrong = sum(one != label for one in said)
        if wrong:
            rows.append({"text": text, "label": label, "said": said, "wrong": wrong})
    return sorted(rows, key=lambda row: -row["wrong"])
