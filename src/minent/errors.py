"""The error tree. Every error that a user can cause is a `MinentError`; anything else is our bug.

    MinentError
    ├── InputError            a value, a file or a row is not what the function takes (also a ValueError)
    ├── ArtifactError         a saved folder cannot be read or written
    │   ├── WrongKindError        it holds something else
    │   ├── NewerFormatError      a later minent wrote it
    │   ├── ChangedFileError      a file in it is missing or differs from its digest
    │   └── FolderExistsError     the target is taken and `overwrite` was not given
    └── MissingExtraError     an optional dependency is not installed (also an ImportError)

A message names the place, the value seen, what was expected and the cure, in one line. The command line catches
`MinentError` alone, prints that line and exits with code 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MinentError(Exception):
    """The root of all errors that a user can cause and cure."""


class InputError(MinentError, ValueError):
    """A value, a file or a row is not what the function takes."""


class ArtifactError(MinentError):
    """A saved folder cannot be read or written."""


class WrongKindError(ArtifactError):
    """The folder holds another kind of artifact."""


class NewerFormatError(ArtifactError):
    """A later version of minent wrote the folder."""


class ChangedFileError(ArtifactError):
    """A file of the artifact is missing or differs from the digest in the manifest."""


class FolderExistsError(ArtifactError):
    """The target folder is taken and `overwrite` was not given."""


class MissingExtraError(MinentError, ImportError):
    """An optional dependency is not installed."""


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Return `" Did you mean 'text'?"` for a near miss, and the empty string when nothing is near.

    Example:
        >>> did_you_mean("txet", ["text", "label"])
        " Did you mean 'text'?"
        >>> did_you_mean("colour", ["text", "label"])
        ''
    """
    near = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.6)
    return f" Did you mean {near[0]!r}?" if near else ""


def listing(names: Iterable[object], limit: int = 12) -> str:
    """Join names for a message, the long tail counted rather than printed.

    Example:
        >>> listing(["a", "b", "c"], limit=2)
        "'a', 'b' and 1 more"
    """
    shown = [repr(name) for name in names]
    if len(shown) <= limit:
        return ", ".join(shown)
    return f"{', '.join(shown[:limit])} and {len(shown) - limit} more"
