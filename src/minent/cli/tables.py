"""Tables as lines of text, for a terminal and for a pipe alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def ladder(rungs: Sequence[dict[str, Any]]) -> list[str]:
    """The rungs of a fit, the shipped one marked.

    Example:
        >>> rung = {"name": "nb", "title": "naive Bayes", "cv_accuracy": 0.8125, "cv_spread": 0.0765, "agreement": None}
        >>> print("\\n".join(ladder([rung | {"in_fusion": True, "shipped": False, "note": ""}])))
        rung         accuracy  spread  agreement
        naive Bayes     81.2%     7.6          -  in the fusion
    """
    rows = [["rung", "accuracy", "spread", "agreement", ""]]
    for rung in rungs:
        marks = (
            ["shipped"] * rung["shipped"] + ["in the fusion"] * rung["in_fusion"] + [rung["note"]] * bool(rung["note"])
        )
        spread = "-" if rung["cv_spread"] is None else f"{100 * rung['cv_spread']:.1f}"
        rows.append(
            [rung["title"], _percent(rung["cv_accuracy"]), spread, _percent(rung["agreement"]), ", ".join(marks)]
        )
    return aligned(rows, left={0, 4})


def weights(parts: Sequence[dict[str, Any]]) -> list[str]:
    """Which weights of a tuning were trained, and how fast.

    Example:
        >>> part = {"name": "prompts.table", "arrays": 1, "numbers": 3072, "state": "trained at 0.01"}
        >>> print("\\n".join(weights([part])))
        weights        arrays  numbers  state
        prompts.table       1    3,072  trained at 0.01
    """
    rows = [[part["name"], f"{part['arrays']:,}", f"{part['numbers']:,}", part["state"]] for part in parts]
    return aligned([["weights", "arrays", "numbers", "state"], *rows], left={0, 3})


def scores(found: dict[str, Any]) -> list[str]:
    """What `minent test` measured."""
    totals = {"accuracy": "accuracy", "macro F1": "macro_f1", "calibration error": "ece"}
    overall = [["texts", f"{found['texts']:,}"], *([title, _percent(found[key])] for title, key in totals.items())]
    lines = [*aligned(overall, left={0}), ""]
    rows = [["class", "precision", "recall", "F1", "texts"]]
    for name, one in found["classes"].items():
        rows.append([name, *(_percent(one[key]) for key in ("precision", "recall", "f1")), f"{one['texts']:,}"])
    lines += aligned(rows, left={0})
    if found["unseen"]:
        named = ", ".join(f"{name!r} ({count})" for name, count in found["unseen"].items())
        lines += ["", f"training never saw the labels {named}: these texts count as wrong."]
    return lines


def sizes(found: dict[str, Any]) -> str:
    """What `minent compress` saved, and at which cost.

    Example:
        >>> found = {"bytes_before": 9000, "bytes": 1200, "agreement": 0.997, "accuracy_before": 0.9, "accuracy": 0.898}
        >>> sizes(found)
        '9,000 -> 1,200 bytes, 99.7% of answers stay, accuracy 90.0% -> 89.8%'
    """
    parts = [f"{found['bytes_before']:,} -> {found['bytes']:,} bytes"]
    shared = found["agreement"]
    parts.append("agreement not measured" if shared is None else f"{shared:.1%} of answers stay")
    if found["accuracy"] is not None:
        parts.append(f"accuracy {found['accuracy_before']:.1%} -> {found['accuracy']:.1%}")
    return ", ".join(parts)


def aligned(rows: Sequence[Sequence[str]], left: set[int]) -> list[str]:
    """Set columns below one another; a wide character takes two places.

    Example:
        >>> aligned([["价格", "1"], ["a", "12"]], left={0})
        ['价格   1', 'a     12']
    """
    rows = [[visible(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*rows)]
    lines = []
    for row in rows:
        cells = [
            cell + " " * (width - cell_len(cell)) if i in left else " " * (width - cell_len(cell)) + cell
            for i, (cell, width) in enumerate(zip(row, widths))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def visible(text: str) -> str:
    """Write control characters as escapes, so that they end no line, part no field and colour no terminal.

    Example:
        >>> visible("new\\nline")
        'new\\\\nline'
    """
    return _CONTROLS.sub(lambda found: repr(found[0])[1:-1], text)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
