"""The folder beside an output that holds unfinished work."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from minent.errors import InputError, listing


def clear(folder: Path, names: set[str]) -> None:
    """Remove unfinished work, and nothing else.

    Raises:
        InputError: The folder holds something that is not of `names`.
    """
    refuse_foreign(folder, names.__contains__)
    shutil.rmtree(folder, ignore_errors=True)  # where it cannot be removed, writing there is refused by name


def refuse_foreign(folder: Path, is_ours: Callable[[str], bool]) -> None:
    """Refuse a folder with files that no unfinished work left there: it would be cleared.

    Raises:
        InputError: One has a name that is not ours.
    """
    foreign = [path.name for path in folder.iterdir() if not is_ours(path.name)] if folder.is_dir() else []
    if foreign:
        raise InputError(
            f"{folder}: unfinished work goes there, but it holds {listing(foreign, limit=3)}. Move that away, or "
            f"choose another --output."
        )
