"""Where the marks of a plot stand, in pixels. The templates draw them; nothing here knows SVG."""

from __future__ import annotations

import math
from typing import Any

from minent.report.words import shorten, visible

PLOTS = ("bar_width", "learning_curve", "reliability", "whisker_reach", "word_map")
WIDTH, HEIGHT = 440, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 22, 30, 40


def reliability(bins: list[dict[str, Any]]) -> dict[str, Any]:
    """Dots of stated confidence against the share that was right; the area of a dot is how many texts it speaks for."""
    filled = [bin_ for bin_ in bins if bin_.get("count")]
    most = max((bin_["count"] for bin_ in filled), default=1)
    lowest = min([0.5, *(min(bin_["confidence"], bin_["accuracy"]) for bin_ in filled)])
    low = math.floor(lowest * 10) / 10
    x, y = _across(low, 1.0), _up(low, 1.0)
    dots = [
        {
            **bin_,
            "x": x(bin_["confidence"]),
            "y": y(bin_["accuracy"]),
            "r": _px(3 + 9 * math.sqrt(bin_["count"] / most)),
        }
        for bin_ in filled
    ]
    ticks = _ticks(low, 1.0)
    return {
        "dots": dots,
        "x_ticks": [{"at": x(tick), "text": f"{100 * tick:.0f} %"} for tick in ticks],
        "y_ticks": [{"at": y(tick), "text": f"{100 * tick:.0f} %"} for tick in ticks],
        "diagonal": (x(low), y(low), x(1.0), y(1.0)),
        **_frame(),
    }


def learning_curve(points: list[dict[str, Any]]) -> dict[str, Any]:
    """Accuracy against the number of labels, on a logarithmic axis, with a band of one spread either way."""
    points = sorted(points, key=lambda point: point["labels"])
    highs = [point["accuracy"] + (point.get("spread") or 0) for point in points]
    lows = [point["accuracy"] - (point.get("spread") or 0) for point in points]
    low, high = max(0.0, min(lows, default=0) - 0.02), min(1.0, max(highs, default=1) + 0.02)
    ticks = _ticks(low, high)
    first, last = (math.log(max(1, points[at]["labels"])) for at in (0, -1)) if points else (0.0, 1.0)
    x, y = _across(first, last, inset=18), _up(low, high)
    ats = [x(math.log(max(1, point["labels"]))) for point in points]
    upper = [(at, y(min(1.0, value))) for at, value in zip(ats, highs)]
    lower = [(at, y(max(0.0, value))) for at, value in zip(ats, lows)]
    return {
        "dots": [{**point, "x": at, "y": y(point["accuracy"])} for at, point in zip(ats, points)],
        "line": _path([(at, y(point["accuracy"])) for at, point in zip(ats, points)]),
        "band": _path([*upper, *reversed(lower)]),
        "x_ticks": _apart([{"at": at, "text": f"{point['labels']:,}"} for at, point in zip(ats, points)]),
        "y_ticks": [{"at": y(tick), "text": f"{100 * tick:.0f} %"} for tick in ticks],
        **_frame(),
    }


def word_map(spots: list[dict[str, Any]]) -> dict[str, Any]:
    """Pieces in the plane, the most frequent named; a name that would cover another gives way to a dot."""
    width, height, margin = 920, 520, 30
    xs, ys = [spot["x"] for spot in spots], [spot["y"] for spot in spots]
    x = _line(min(xs, default=0), max(xs, default=1), margin, width - margin)
    y = _line(min(ys, default=0), max(ys, default=1), height - margin, margin)
    most = max((spot["count"] for spot in spots), default=1)
    placed: list[tuple[float, float, float, float]] = []
    marks = []
    for spot in sorted(spots, key=lambda spot: (-spot["count"], spot["piece"])):
        size = _px(11 + 9 * math.sqrt(spot["count"] / max(1, most)))
        text = shorten(visible(spot["piece"], spaces=True), 16)
        wide, at_x, at_y = size * _ems(text), x(spot["x"]), y(spot["y"])
        at_x = min(max(at_x, wide / 2 + 4), width - wide / 2 - 4)
        box = (at_x - wide / 2, at_y - size * 0.62, at_x + wide / 2, at_y + size * 0.62)
        named = not any(_overlap(box, other) for other in placed)
        if named:
            placed.append(box)
        marks.append(
            {**spot, "x": _px(at_x) if named else x(spot["x"]), "y": at_y, "text": text if named else "", "size": size}
        )
    return {"marks": marks, "width": width, "height": height}


def bar_width(value: float | None, most: float) -> float:
    """How much of its track a bar fills, in percent; a little even for nothing, so that there is a bar."""
    return _px(min(100.0, max(0.5, 100 * (value or 0) / most))) if most > 0 else 0.5


def whisker_reach(accuracy: float, spread: float | None, chance: float | None, width: float = 200) -> dict[str, float]:
    """Where a bar of accuracy ends, where its whisker begins and ends, and where chance stands."""
    ends = {
        "accuracy": accuracy,
        "low": accuracy - (spread or 0),
        "high": accuracy + (spread or 0),
        "chance": chance or 0,
    }
    return {name: _px(width * min(1.0, max(0.0, share))) for name, share in ends.items()}


# --- scales -----------------------------------------------------------------------------------------------------------


def _frame() -> dict[str, Any]:
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "left": _LEFT,
        "right": WIDTH - _RIGHT,
        "top": _TOP,
        "bottom": HEIGHT - _BOTTOM,
    }


def _px(value: float) -> float:
    return round(float(value), 1)


def _line(low: float, high: float, first: float, last: float):
    """The straight line that takes `low` to `first` and `high` to `last`, or to the middle where they are equal."""
    if high <= low:
        return lambda value: _px((first + last) / 2)
    return lambda value: _px(first + (value - low) / (high - low) * (last - first))


def _across(low: float, high: float, inset: int = 0):
    return _line(low, high, _LEFT + inset, WIDTH - _RIGHT - inset)


def _up(low: float, high: float):
    return _line(low, high, HEIGHT - _BOTTOM, _TOP)


def _ticks(low: float, high: float) -> list[float]:
    """Round shares between `low` and `high`, at most six of them."""
    steps = (0.01, 0.02, 0.05, 0.1, 0.2)
    step = next((step for step in steps if (high - low) / step <= 5.5), 0.25)
    first = math.ceil(round(low / step, 6))
    return [round(at * step, 6) for at in range(first, math.floor(round(high / step, 6)) + 1)]


def _apart(ticks: list[dict[str, Any]], least: float = 34) -> list[dict[str, Any]]:
    """Drop ticks whose texts would touch, from the right, so the last one always stays."""
    kept: list[dict[str, Any]] = []
    for tick in reversed(ticks):
        if not kept or kept[-1]["at"] - tick["at"] >= least:
            kept.append(tick)
    return kept[::-1]


def _path(points: list[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)


def _ems(text: str) -> float:
    """How wide a text is, about, in units of its size: East Asian characters are square, others a little over half."""
    return sum(1.0 if ord(character) > 0x2E7F else 0.58 for character in text)


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
