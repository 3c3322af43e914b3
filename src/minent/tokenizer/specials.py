"""Special tokens in text: strings that become one id where the caller allows it, and an error where he does not.

Text that a user wrote must not be able to speak as the system does. So a special string in a text is refused unless it
is allowed (it becomes its id) or no longer refused (it is text like any other). Strings are looked for in the text as
given, before it is normalised, from the front, and of those that begin at one place the longest is taken.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from minent.errors import InputError, did_you_mean, listing


class Rule(NamedTuple):
    """What a call does with special strings."""

    allowed: re.Pattern[str] | None  # what becomes an id; None for nothing
    refused: re.Pattern[str] | None  # what is an error
    begins: frozenset[str]  # the first characters of both: where none of them stands, nothing need be looked for


def rule(specials: tuple[str, ...], allowed: Collection[str] | str, disallowed: Collection[str] | str) -> Rule | None:
    """The rule of a call, or None where nothing is special.

    Raises:
        InputError: A name that is no special token.
    """
    allowing = _names("allowed_special", allowed, specials)
    refusing = set(specials) - allowing if disallowed == "all" else _names("disallowed_special", disallowed, specials)
    refusing -= allowing
    if not (allowing or refusing):
        return None
    return Rule(pattern(allowing), pattern(refusing), frozenset(string[0] for string in allowing | refusing))


def are_in(texts: list[str], rule: Rule) -> bool:
    """Whether one of the texts may hold a special token: False is certain, and found faster than by `split`."""
    try:
        joined = "".join(texts)
    except TypeError:
        return True  # what is no text is named by who goes through the texts
    if not any(begin in joined for begin in rule.begins):
        return False
    return any(pattern.search(joined) for pattern in (rule.allowed, rule.refused) if pattern)


def pattern(strings: Collection[str]) -> re.Pattern[str] | None:
    """What finds any of the strings, of those at one place the longest; None for no strings."""
    longest_first = sorted(strings, key=lambda string: (-len(string), string))
    return re.compile("|".join(map(re.escape, longest_first))) if strings else None


def _names(name: str, given: Collection[str] | str, specials: tuple[str, ...]) -> set[str]:
    if given == "all":
        return set(specials)
    if isinstance(given, str):
        raise InputError(f"{name} is {given!r}; it takes 'all' or a set of special tokens. Write {{{given!r}}}.")
    for special in given:
        if special not in specials:
            known = f"there is {listing(specials)}" if specials else "this tokenizer has none"
            hint = did_you_mean(str(special), specials)
            raise InputError(f"{name} holds {special!r}, which is no special token; {known}.{hint}")
    return set(given)


def split(text: str, rule: Rule, place: str = "text") -> list[str]:
    """Cut a text into text and allowed special tokens, in turn: every other part is a special token.

    Raises:
        InputError: A special token that is refused; its position is named.

    Example:
        >>> split("a<s>b", Rule(pattern(["<s>"]), None, frozenset("<")))
        ['a', '<s>', 'b']
    """
    parts, begin = [], 0
    for found in rule.allowed.finditer(text) if rule.allowed else ():
        parts += [text[begin : found.start()], found.group()]
        begin = found.end()
    parts.append(text[begin:])
    if rule.refused:
        at = 0
        for number, part in enumerate(parts):
            found_here = None if number % 2 else rule.refused.search(part)
            if found_here:
                raise InputError(
                    f"{place}[{at + found_here.start()}] begins the special token {found_here.group()!r}. Give "
                    f"allowed_special={{{found_here.group()!r}}} to make it one id, or disallowed_special=() to take "
                    f"it as text."
                )
            at += len(part)
    return parts
