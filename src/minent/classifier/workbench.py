"""Finished stages on disk, so that a run that was killed goes on where it stopped.

Each stage is kept under its name and a key: the digest of everything it was made from. A stage that is found is loaded,
one that is not is made and kept; files are written beside and renamed, so a half-written stage is never found.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from minent import artifacts
from minent.errors import ArtifactError

Stage = TypeVar("Stage", bound=Any)


class Workbench:
    """A folder of finished stages; without a folder nothing is kept.

    Args:
        folder: Where to keep them, or None.
        resume: Go on from what is there; else it is cleared first.

    Raises:
        ArtifactError: The folder cannot be written.
    """

    def __init__(self, folder: str | Path | None = None, *, resume: bool = False) -> None:
        self.folder = Path(folder) if folder is not None else None
        if self.folder is None:
            return
        try:
            if not resume:
                self.clear()
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArtifactError(
                f"{self.folder}: cannot keep unfinished work there ({error.strerror}). Choose another folder."
            ) from error

    def arrays(self, name: str, key: str, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Return the named arrays of a stage, from disk or from `make`."""
        if self.folder is None:
            return make()
        path = self.folder / f"{name}-{key[:16]}.safetensors"
        with suppress(ArtifactError):  # not there yet, or damaged: then it is made
            return artifacts.load_arrays(path)
        artifacts.write_whole(path, artifacts.pack_arrays(make()))
        return artifacts.load_arrays(path)  # in the memory layout of a resumed run: sums end in the same bits

    def artifact(self, name: str, key: str, load: Callable[[Path], Stage], make: Callable[[], Stage]) -> Stage:
        """Return an artifact of another room, from disk or from `make`; it knows itself how to be saved whole."""
        if self.folder is None:
            return make()
        path = self.folder / f"{name}-{key[:16]}"
        with suppress(ArtifactError):
            return load(path)
        make().save(path, overwrite=True)
        return load(path)

    def path(self, name: str, key: str) -> Path | None:
        """A place for a stage that keeps checkpoints of its own, or None."""
        return None if self.folder is None else self.folder / f"{name}-{key[:16]}"

    def clear(self) -> None:
        """Remove the folder and all that it keeps."""
        if self.folder is not None:
            artifacts.remove(self.folder)
