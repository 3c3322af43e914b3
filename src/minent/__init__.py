"""minent: raw text and a handful of labels to a small, fast, calibrated classifier, on an ordinary CPU.

    >>> import minent
    >>> "tokenizer" in minent.__all__
    True

The folder listing is the architecture: each room below is a library of its own, and the classifier climbs through all
of them. Nothing heavy is imported here: a room loads when it is first named.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minent.errors import MinentError

if TYPE_CHECKING:
    from minent.classifier import TextClassifier as TextClassifier

__version__ = "0.1.0"

ROOMS = (
    "capsules",
    "classifier",
    "corpus",
    "encoders",
    "lowrank",
    "prompts",
    "report",
    "roots",
    "samples",
    "server",
    "simplex",
    "tokenizer",
    "vectors",
)

# What a manifest may call itself, and the class whose `load` reads it.
KINDS = {
    "capsules": "minent.capsules:SoftKMeans",
    "classifier": "minent.classifier:TextClassifier",
    "encoder": "minent.encoders:PretrainedEncoder",
    "prompts": "minent.prompts:PromptTuner",
    "tokenizer": "minent.tokenizer:Tokenizer",
    "vectors": "minent.vectors:Vectors",
}

__all__ = [*ROOMS, "MinentError", "TextClassifier", "load"]


def load(folder: str | Path) -> Any:
    """Load whatever a saved folder holds: a classifier, a tokenizer, vectors, an encoder or prompts.

    Args:
        folder: A folder that some `save` of this package wrote.

    Returns:
        The object that was saved; its class follows from the `kind` in `manifest.json`.

    Raises:
        ArtifactError: No folder, no manifest, an unknown kind, a newer format, or a changed or missing file.

    Example:
        >>> import minent
        >>> minent.load("no-such-folder")
        Traceback (most recent call last):
            ...
        minent.errors.ArtifactError: no-such-folder: there is no such folder. Check the path.
    """
    from minent import artifacts

    manifest = artifacts.read_manifest(folder)
    if manifest.kind not in KINDS:
        raise artifacts.unknown_kind(folder, manifest.kind, sorted(KINDS))
    module, _, name = KINDS[manifest.kind].partition(":")
    return getattr(importlib.import_module(module), name).load(folder)


def __getattr__(name: str) -> Any:
    if name in ROOMS:
        return importlib.import_module(f"minent.{name}")
    if name == "TextClassifier":
        from minent.classifier import TextClassifier

        return TextClassifier
    raise AttributeError(f"module 'minent' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
