"""What the page says in sentences and in rows, worked out from the facts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from minent.report.words import count, percent, points, shorten

VIEWS = ("chance", "confused_pairs", "confusion_rows", "largest", "piece_rows", "time_rows", "total_seconds")
TOTAL = "total"
MOST_CLASSES = 24  # shown at once


@dataclass(frozen=True)
class Summary:
    """The three sentences on top: what it is, how good it is, how far to trust that."""

    what: str
    quality: str
    caution: str


def summary(facts: dict[str, Any]) -> Summary:
    """Say the whole report in three sentences."""
    return Summary(_what(facts.get("task") or {}), *_quality(facts))


def _what(task: dict[str, Any]) -> str:
    classes = task.get("classes", [])
    names = ", ".join(classes[:6]) + (f" and {len(classes) - 6} more" if len(classes) > 6 else "")
    what = f"Sorts texts into {len(classes)} classes ({names})" if classes else "A text classifier"
    learned = f", learned from {count(task['labelled'])} labelled texts" if "labelled" in task else ""
    pool = f" and {count(task['unlabelled'])} without a label" if task.get("unlabelled") else ""
    return f"{what}{learned}{pool}."


def _quality(facts: dict[str, Any]) -> tuple[str, str]:
    """The best evidence there is: a test set, else cross-validation on the labels, else none."""
    test = facts.get("test") or {}
    if test.get("accuracy") is not None:
        rest = f"A test of this size fixes that to about ±{points(margin(test['accuracy'], test['n']))} points."
        trust = (
            f" Its stated probabilities are off by {points(test['ece'])} points on average." if "ece" in test else ""
        )
        said = f"Right on {percent(test['accuracy'])} of {count(test['n'])} test texts it never saw."
        return said, (rest + trust).strip()
    labelled = (facts.get("task") or {}).get("labelled", 0)
    accuracy = shipped(facts).get("cv_accuracy")
    if accuracy is not None and labelled:
        said = f"Right on {percent(accuracy)} of the labelled texts when they were held out in turn."
        about = points(margin(accuracy, labelled))
        return said, f"No test texts were given, and {labelled} labels fix this only to about ±{about} points."
    return (
        "How often it is right was not measured.",
        "Give a test file, or more labels, before you rely on it.",
    )


def shipped(facts: dict[str, Any]) -> dict[str, Any]:
    """The rung that was shipped; an empty one where none is known."""
    return next((rung for rung in facts.get("ladder") or [] if rung.get("shipped")), {})


def margin(share: float, n: int) -> float:
    """Half the width of Wilson's 95 % interval of a share seen in `n` draws.

    Example:
        >>> round(margin(0.9, 100), 3)
        0.06
    """
    z = 1.96
    return z * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2) / (1 + z * z / n) if n else 0.5


def chance(facts: dict[str, Any]) -> float | None:
    """How often one is right who always names the most frequent class of the labels."""
    counts = ((facts.get("task") or {}).get("class_counts") or {}).values()
    return max(counts) / sum(counts) if counts and sum(counts) else None


def largest(rows: list[dict[str, Any]], name: str) -> float:
    """The largest size among `rows[...][name]`, at least a little, to scale bars by."""
    return max([abs(row.get(name) or 0) for row in rows], default=0) or 1.0


def confusion_rows(confusion: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of the confusion table: the label, its cells with their share of the row, and how many were right."""
    rows = []
    for at, (label, counts) in enumerate(zip(confusion.get("labels", []), confusion.get("counts", []))):
        total = sum(counts)
        cells = [{"count": n, "share": n / total if total else 0.0, "right": at == j} for j, n in enumerate(counts)]
        rows.append({"label": label, "cells": cells, "total": total, "recall": counts[at] / total if total else None})
    return rows


def confused_pairs(confusion: dict[str, Any], most: int = 20) -> list[dict[str, Any]]:
    """The most frequent mistakes, for when there are too many classes for a table."""
    labels = confusion.get("labels", [])
    pairs = [
        {"name": f"{shorten(labels[i], 18)} → {shorten(labels[j], 18)}", "count": n}
        for i, row in enumerate(confusion.get("counts", []))
        for j, n in enumerate(row)
        if i != j and n
    ]
    return sorted(pairs, key=lambda pair: (-pair["count"], pair["name"]))[:most]


def piece_rows(entries: list[str]) -> list[dict[str, Any]]:
    """Pieces with their counts, as `tokenizer stats` says them.

    Example:
        >>> piece_rows([" in (a) (12)"])
        [{'piece': ' in (a)', 'count': 12}]
    """
    parted = [entry.rpartition(" (") for entry in entries]
    return [{"piece": piece, "count": int(number.removesuffix(")"))} for piece, _, number in parted]


def time_rows(measured: dict[str, Any], ladder: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Stages and what they took, the longest first, then what they leave of the total."""
    titles = {rung.get("name"): rung.get("title") for rung in ladder or []}
    seconds = {name: taken for name, taken in (measured.get("seconds") or {}).items() if name != TOTAL}
    rows = [{"title": titles.get(name) or name, "seconds": taken} for name, taken in seconds.items()]
    rest = total_seconds(measured) - sum(seconds.values())
    others = [{"title": "all else", "seconds": rest}] if rows and rest > 0.005 else []
    return sorted(rows, key=lambda row: (-row["seconds"], row["title"])) + others


def total_seconds(measured: dict[str, Any]) -> float:
    """What all took together: as it was measured, else the sum of the stages."""
    seconds = measured.get("seconds") or {}
    return float(seconds.get(TOTAL, sum(seconds.values())))
