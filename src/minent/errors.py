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
import math
import numbers
import operator
from collections.abc import Iterable
from typing import Any


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
    near = difflib.get_close_matches(str(name), list(choices), n=1, cutoff=0.6)
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


def whole(name: str, value: Any, least: int, most: int | None = None, meaning: str = "") -> int:
    """Return a whole number of any integer type as an `int`, or refuse it by name. True and 3.0 are refused.

    Example:
        >>> whole("k", 3, least=1)
        3
        >>> whole("k", 2.5, least=1, most=9)
        Traceback (most recent call last):
        minent.errors.InputError: k is 2.5; it takes a whole number from 1 to 9.
    """
    number = value if type(value) is int else _index(value)  # the common case costs no call
    if number is None or number < least or (most is not None and number > most):
        bounds = f", {least} or more" if most is None else f" from {least} to {most}"
        raise InputError(f"{name} is {value!r}; it takes a whole number{bounds}{meaning}.")
    return number


def number(name: str, value: Any, least: float, meaning: str = "", *, above: bool = False) -> float:
    """Return a finite number of any real type as a `float`, or refuse it by name. Text and tensors are refused.

    Args:
        name: Of the argument, for the message.
        value: What was given.
        least: The smallest that will do; with `above`, the largest that will not.
        meaning: What follows the bounds in the message.
        above: Whether `least` itself is refused.

    Example:
        >>> number("tolerance", 1, least=0)
        1.0
        >>> number("tolerance", "small", least=0, above=True)
        Traceback (most recent call last):
        minent.errors.InputError: tolerance is 'small'; it takes a plain number above 0.
    """
    try:
        plain = type(value) in (float, int) or (isinstance(value, numbers.Real) and not isinstance(value, bool))
        real = float(value) if plain else math.nan
    except OverflowError:
        real = math.inf
    if not (least < real < math.inf if above else least <= real < math.inf):
        bounds = f"above {least}" if above else f"from {least} upward"
        raise InputError(f"{name} is {value!r}; it takes a plain number {bounds}{meaning}.")
    return real


def _index(value: Any) -> int | None:
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None
