"""How numbers and texts are shown to a person. An absent value is a dash, and a text never breaks the page."""

from __future__ import annotations

import unicodedata
from typing import Any

FILTERS = ("bytes_", "count", "counted", "decimal", "duration", "percent", "points", "shorten", "visible")
ABSENT = "–"
_NARROW = "\u202f"  # a narrow space that does not break


def percent(share: Any, digits: int = 1) -> str:
    """Show a share between 0 and 1.

    Example:
        >>> percent(0.8984), percent(None)
        ('89.8\u202f%', '–')
    """
    return f"{100 * share:.{digits}f}{_NARROW}%" if _is_number(share) else ABSENT


def points(share: Any) -> str:
    """Show a difference of shares in percentage points, without unit.

    Example:
        >>> points(0.0213)
        '2.1'
    """
    return f"{100 * share:.1f}" if _is_number(share) else ABSENT


def count(number: Any) -> str:
    """Show a whole number with thousands apart.

    Example:
        >>> count(8000)
        '8,000'
    """
    return f"{number:,.0f}" if _is_number(number) else ABSENT


def counted(number: Any, name: str) -> str:
    """Show how many there are of something.

    Example:
        >>> counted(1, "text"), counted(1200, "text")
        ('1 text', '1,200 texts')
    """
    return f"{count(number)} {name}{'' if number == 1 else 's'}"


def decimal(number: Any, digits: int = 3) -> str:
    """Show a number with `digits` decimals."""
    return f"{number:.{digits}f}" if _is_number(number) else ABSENT


def duration(seconds: Any) -> str:
    """Show seconds as a person would say them.

    Example:
        >>> duration(0.42), duration(72.3), duration(300), duration(7320)
        ('0.42 s', '1 min 12 s', '5 min', '2 h 2 min')
    """
    if not _is_number(seconds):
        return ABSENT
    if seconds < 10:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" + f" {rest} s" * (rest > 0) if minutes else f"{rest} s"


def bytes_(number: Any) -> str:
    """Show a size in bytes.

    Example:
        >>> bytes_(812), bytes_(3_400_000)
        ('812 B', '3.4 MB')
    """
    if not _is_number(number):
        return ABSENT
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.1f} {unit}" if unit != "B" else f"{number:.0f} B"
        number /= 1000
    return f"{number:.1f} GB"


def shorten(text: Any, limit: int = 140) -> str:
    """Return a text whole, or its first `limit` characters and an ellipsis."""
    text = str(text)
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def visible(text: Any, spaces: bool = False) -> str:
    """Return a text with its control characters written out and its lone surrogates replaced.

    Args:
        text: Anything; its `str` is shown.
        spaces: Show spaces and line ends too, for pieces and n-grams.

    Example:
        >>> visible("a\\x00b"), visible(" new\\n", spaces=True)
        ('a\\\\x00b', '␣new\\\\n')
    """
    shown = str(text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    kept = "" if spaces else "\t\n"
    shown = "".join(repr(c)[1:-1] if unicodedata.category(c) == "Cc" and c not in kept else c for c in shown)
    return shown.replace(" ", "␣") if spaces else shown


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
