"""Files of other libraries.

One file is one format. A format that is written says first where its ids may `differ` from ours (then it is written
only on demand) and what its `limits` are (then it is written, and they are stated).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from minent.errors import InputError, did_you_mean, listing
from minent.tokenizer.formats import bytepiece, gguf, huggingface, imported, sentencepiece, vocabulary
from minent.tokenizer.formats.table import table

if TYPE_CHECKING:
    from minent.tokenizer.model import Tokenizer

__all__ = ["EXPORTS", "bytepiece", "export", "imported", "paths", "table", "vocabulary"]


class _Format(Protocol):
    def paths(self, path: Path) -> list[Path]: ...
    def differences(self, tokenizer: Tokenizer) -> list[str]: ...
    def limits(self, tokenizer: Tokenizer) -> list[str]: ...
    def write(self, tokenizer: Tokenizer, path: Path) -> None: ...


EXPORTS: dict[str, _Format] = {
    "huggingface": huggingface,
    "sentencepiece": sentencepiece,
    "gguf": gguf,
    "bytepiece": bytepiece,
}


def paths(path: Path, format: str) -> list[Path]:
    """The files that an export to `path` writes."""
    return _format(format).paths(path)


def export(tokenizer: Tokenizer, path: Path, format: str, accept_differences: bool) -> list[str]:
    """Write the tokenizer in a format of `EXPORTS`; return what its user must know."""
    found = _format(format)
    differences = found.differences(tokenizer)
    if differences and not accept_differences:
        raise InputError(
            f"{path}: {format} may give other ids than this tokenizer ({'; '.join(differences)}). To write it all the "
            f"same, give --accept-differences (accept_differences=True)."
        )
    found.write(tokenizer, path)
    return [*differences, *found.limits(tokenizer)]


def _format(name: str) -> _Format:
    if name not in EXPORTS:
        raise InputError(f"format is {name!r}; there is {listing(EXPORTS)}.{did_you_mean(str(name), EXPORTS)}")
    return EXPORTS[name]
