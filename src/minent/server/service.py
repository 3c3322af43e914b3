"""The model behind the answers, and how a replaced folder takes its place."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from minent import artifacts, report
from minent.classifier import TextClassifier
from minent.classifier.explain import Neighbours

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """One version of the model, complete: what answers a request never changes under it.

    Attributes:
        classifier: Answers.
        neighbours: Finds labelled texts near a text.
        digest: Of the saved folder.
        report: The report as HTML.
    """

    classifier: TextClassifier
    neighbours: Neighbours
    digest: str
    report: str

    @classmethod
    def read(cls, folder: Path) -> Loaded:
        """Load and verify a saved classifier; again where the folder was replaced meanwhile."""
        manifest, before = artifacts.read_manifest(folder), ""
        while before != manifest.digest:
            before = manifest.digest
            classifier = TextClassifier.load(folder)
            manifest = artifacts.read_manifest(folder)
        texts = [text for text, _ in classifier.examples_]
        return cls(classifier, Neighbours(classifier.model_, texts), manifest.digest, report.render(manifest))


class Service:
    """A folder and the model that was last read from it.

    Args:
        folder: A saved classifier.
        on_reload: Called after a new model took the place of an old one.

    Attributes:
        folder: The folder.
        loaded: The model that answers now.
        trouble: Why the folder could not be read again, where that failed; the last good model goes on answering.

    Raises:
        ArtifactError: The folder cannot be read.
    """

    def __init__(self, folder: str | Path, on_reload: Callable[[], None] = lambda: None) -> None:
        self.folder = Path(folder)
        self.trouble = ""
        self._on_reload = on_reload
        self._seen = self._mark()
        self.loaded = Loaded.read(self.folder)

    def refresh(self) -> bool:
        """Read the folder again if it was replaced; return whether a new model answers now."""
        mark = self._mark()
        if mark == self._seen:
            self.trouble = ""  # what was moved away and is back
            return False
        try:
            loaded = Loaded.read(self.folder)
        except Exception as error:  # whatever a folder does to its reader, the last good model goes on
            # Perhaps it is only half there: the mark is not noted, so the next round tries again.
            trouble = str(error) or type(error).__name__
            if trouble != self.trouble:
                _log.warning("the model folder changed but cannot be read: %s", trouble)
            self.trouble = trouble
            return False
        self._seen, self.trouble = mark, ""
        if loaded.digest == self.loaded.digest:
            return False
        self.loaded = loaded
        self._on_reload()
        return True

    async def watch(self, every_seconds: float = 1.0) -> None:
        """Refresh again and again, until cancelled."""
        while True:
            await asyncio.sleep(every_seconds)
            await asyncio.to_thread(self.refresh)

    def _mark(self) -> tuple[int, int, int] | None:
        """What changes when the manifest is replaced."""
        try:
            found = os.stat(self.folder / artifacts.MANIFEST)
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size
