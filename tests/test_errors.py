"""The error tree and the two helpers that make its messages kind."""

from __future__ import annotations

import pytest

from minent import errors


def test_every_error_is_a_minent_error() -> None:
    kinds = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert len(kinds) >= 8
    assert all(issubclass(kind, errors.MinentError) for kind in kinds)
    assert issubclass(errors.InputError, ValueError)
    assert issubclass(errors.MissingExtraError, ImportError)


@pytest.mark.parametrize(
    ("name", "choices", "hint"),
    [("lable", ["text", "label"], " Did you mean 'label'?"), ("zzz", ["text"], ""), ("text", [], "")],
)
def test_did_you_mean(name: str, choices: list[str], hint: str) -> None:
    assert errors.did_you_mean(name, choices) == hint


def test_listing_counts_what_it_leaves_out() -> None:
    assert errors.listing(["a", "b"]) == "'a', 'b'"
    assert errors.listing(range(5), limit=2) == "0, 1 and 3 more"
