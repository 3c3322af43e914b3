"""Where pretrained encoders lie: a folder by its path, or a shipped one by its name. Nothing is ever fetched."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from minent import artifacts
from minent.encoders.pretrained import FORMAT, KIND, TOKENIZER
from minent.errors import ArtifactError, InputError, did_you_mean, listing


def find_pretrained(name_or_folder: str | Path) -> Path:
    """Return the folder of a pretrained encoder with its tokenizer, every file checked against its digest.

    What holds a `/` or is a folder here is taken as a path. Any other name is looked for in the folder that the
    environment variable `MINENT_MODELS` names, in `models/` of the installed package, and in `share/minent/models` of
    the Python environment, where a wheel of models puts them. The encoder is `PretrainedEncoder.load(folder)`, its
    tokenizer `Tokenizer.load(folder / "tokenizer")`.

    Args:
        name_or_folder: A name such as `"minent-small"`, or a folder that `minent encoder pretrain` or `ship` wrote.

    Raises:
        InputError: No folder and no shipped encoder of that name.
        ArtifactError: The folder holds no encoder, has no tokenizer in it, or a file of it was changed.

    Example:
        >>> find_pretrained("minent-huge")
        Traceback (most recent call last):
            ...
        minent.errors.InputError: no pretrained encoder is called 'minent-huge', and no folder is. ...
    """
    folder = Path(name_or_folder)
    if not _is_path(str(name_or_folder)):
        folder = next((place / folder for place in places() if (place / folder).is_dir()), folder)
    if not folder.is_dir() and not _is_path(str(name_or_folder)):
        raise _unknown(str(name_or_folder))
    manifest = artifacts.read_manifest(folder, kind=KIND, format=FORMAT)
    if f"{TOKENIZER}/{artifacts.MANIFEST}" not in manifest.files:
        raise ArtifactError(
            f"{folder}: holds an encoder without its tokenizer, so no text can be given to it. Make the folder with "
            f"'minent encoder pretrain', or save it with PretrainedEncoder.save(folder, tokenizer=tokenizer)."
        )
    return folder


def places() -> list[Path]:
    """The folders in which a name is looked for, the first one first."""
    stated = os.environ.get("MINENT_MODELS")
    shipped = Path(__file__).resolve().parent.parent / "models"
    return [*([Path(stated)] if stated else []), shipped, Path(sys.prefix) / "share" / "minent" / "models"]


def pretrained_names() -> list[str]:
    """The names that `find_pretrained` knows on this machine, sorted.

    Example:
        >>> "minent-huge" in pretrained_names()
        False
    """
    folders = [path for place in places() if place.is_dir() for path in place.iterdir()]
    return sorted({path.name for path in folders if (path / artifacts.MANIFEST).is_file()})


def _is_path(name: str) -> bool:
    return os.sep in name or "/" in name or name in ("", ".", "..") or Path(name).is_dir()


def _unknown(name: str) -> InputError:
    known = pretrained_names()
    shipped = f"There is {listing(known)}.{did_you_mean(name, known)}" if known else "None is shipped with this minent."
    return InputError(
        f"no pretrained encoder is called {name!r}, and no folder is. {shipped} Give the folder of one, or make one "
        f"with 'minent encoder pretrain'."
    )
