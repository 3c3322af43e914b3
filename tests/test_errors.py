"""The error tree, the helpers that make its messages kind, and the two checks that every door shares."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
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
    [
        ("lable", ["text", "label"], " Did you mean 'label'?"),
        ("zzz", ["text"], ""),
        ("text", [], ""),
        (1.5, ["text"], ""),
    ],
)
def test_did_you_mean(name: Any, choices: list[str], hint: str) -> None:
    assert errors.did_you_mean(name, choices) == hint


def test_listing_counts_what_it_leaves_out() -> None:
    assert errors.listing(["a", "b"]) == "'a', 'b'"
    assert errors.listing(range(5), limit=2) == "0, 1 and 3 more"


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3), np.array(3)])
def test_whole_takes_every_type_of_whole_number(value: Any) -> None:
    assert type(errors.whole("k", value, 3, 3)) is int


@pytest.mark.parametrize("value", [2, 10, 3.0, "3", None, True, np.float64(3), [3]])
def test_whole_refuses_by_name(value: Any) -> None:
    with pytest.raises(errors.InputError, match=r"^k is .*; it takes a whole number from 3 to 9 of them\.$"):
        errors.whole("k", value, 3, 9, " of them")


@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), np.int16(1), Fraction(1)])
def test_number_takes_every_type_of_real_number(value: Any) -> None:
    assert type(errors.number("a", value, 1)) is float
    with pytest.raises(errors.InputError, match=r"^a is .*; it takes a plain number above 1, such as 2\.$"):
        errors.number("a", value, 1, ", such as 2", above=True)


@pytest.mark.parametrize("value", [0.5, float("nan"), float("inf"), 10**400, "1", None, True, 1j, [1.0]])
def test_number_refuses_by_name(value: Any) -> None:
    with pytest.raises(errors.InputError, match=r"^a is .*; it takes a plain number from 1 upward\.$"):
        errors.number("a", value, 1)
