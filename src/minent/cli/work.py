"""The folder beside an output that holds unfinished work."""

from __future__ import annotations

import shutil
from pathlib import Path

from minent.errors import InputError, listing


def clear(folder: Path, names: set[str]) -> None:
    """Remove unfinished work, and nothing else.

    Raises:
        InputError: The folder holds something that is not of `names`.
    """
    foreign = [path.name for path in folder.iterdir() if path.name not in names] if folder.is_dir() else []
    if foreign:
        raise InputError(
            f"{folder}: unfinished work goes there, but it holds {listing(foreign, limit=3)}. Move that away, or "
            f"choose another --output."
        )
    shutil.rmtree(folder, ignore_errors=True)
