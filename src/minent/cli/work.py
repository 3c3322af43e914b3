"""The folder beside an output that holds unfinished work."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from minent.errors import InputError, listing

# What a kill left of something that was being written or replaced.
_LEFT = re.compile(r"\.(.+)\.writing-(?:old-)?\d+")


def clear(folder: Path, names: set[str]) -> None:
    """Remove unfinished work, and nothing else.

    Raises:
        InputError: The folder holds something that is not of `names`.
    """
    from minent import artifacts

    refuse_foreign(folder, names.__contains__)
    artifacts.remove(folder)  # where it cannot be removed, writing there is refused by name


def refuse_foreign(folder: Path, is_ours: Callable[[str], bool]) -> None:
    """Refuse a folder with files that no unfinished work left there: it would be cleared.

    Raises:
        InputError: One has a name that is not ours.
    """
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    foreign = [name for name in names if not is_ours(_LEFT.sub(r"\1", name))]
    if foreign:
        raise InputError(
            f"{folder}: unfinished work goes there, but it holds {listing(foreign, limit=3)}. Move that away, or "
            f"choose another --output."
        )
