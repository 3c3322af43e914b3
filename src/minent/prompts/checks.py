"""What a tuner refuses to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minent.errors import InputError, listing
from minent.prompts.rows import Texts


def check_texts(texts: Texts, name: str, *, pairs: bool) -> None:
    """Refuse what is no list of texts, or of pairs of texts where the template takes two."""
    if isinstance(texts, str):
        raise InputError(f"{name} is one str; it takes a list of texts. Put it in brackets.")
    for place, value in enumerate(texts):
        if pairs and not (isinstance(value, (tuple, list)) and len(value) == 2 and all(map(_is_str, value))):
            raise InputError(f"{name}[{place}] is {value!r}; the template has {{text_b}}, so two strings are needed.")
        if not pairs and not _is_str(value):
            raise InputError(f"{name}[{place}] is {value!r} ({type(value).__name__}); strings are needed.")


def check_labelled(texts: Texts, labels: Sequence[str]) -> None:
    """Refuse labels that are not one string for each text, or name fewer than two classes."""
    if len(texts) != len(labels):
        raise InputError(f"there are {len(texts)} texts and {len(labels)} labels; each text needs one label.")
    for place, value in enumerate(labels):
        if not _is_str(value):
            raise InputError(f"labels[{place}] is {value!r} ({type(value).__name__}); strings are needed.")
    if len(set(labels)) < 2:
        raise InputError(f"the labels name {len(set(labels))} class ({listing(set(labels))}); two or more are needed.")


def check_unlabelled(unlabeled: Texts | None, *, calibrates: bool, trains: bool, pairs: bool) -> None:
    """Refuse unlabelled texts that nothing reads, and their absence where calibration is to read them."""
    if unlabeled is None or not len(unlabeled):
        if calibrates:
            raise InputError("calibration is 'unlabeled', but no unlabeled texts were given to fit.")
        return
    if not calibrates and not trains:
        raise InputError(
            "unlabeled texts were given, but nothing reads them. Set auxiliary or adversarial above 0, or "
            "calibration='unlabeled'."
        )
    check_texts(unlabeled, "unlabeled", pairs=pairs)


def _is_str(value: Any) -> bool:
    return isinstance(value, str)
