"""Templates: where the prompt slots, the mask and the text stand, written as one line."""

from __future__ import annotations

import re
from dataclasses import dataclass

from minent.errors import InputError, did_you_mean

_FIELD = re.compile(r"\{([^{}]*)\}|([{}])|([^{}]+)")
_SLOTS = re.compile(r"p(?:\*([1-9][0-9]*))?")
_ANCHOR = "p:"
FIELDS = ("text", "text_b", "mask", "start", "end")


@dataclass(frozen=True)
class Part:
    """One part of a template.

    Attributes:
        kind: `"words"`, `"slots"`, or the name of a field.
        words: The words, or those that the slots start from; empty for all else.
        slots: The number of slots; 0 where `words` decide it, and for all else.
    """

    kind: str
    words: str = ""
    slots: int = 0


@dataclass(frozen=True)
class Template:
    """A parsed template.

    Attributes:
        line: What was parsed.
        parts: From left to right.
    """

    line: str
    parts: tuple[Part, ...]

    def count(self, kind: str) -> int:
        """How often a kind of part stands in it."""
        return sum(part.kind == kind for part in self.parts)

    @property
    def takes_pairs(self) -> bool:
        """Whether each text is a pair."""
        return bool(self.count("text_b"))


def parse(template: str) -> Template:
    """Read a template such as `"It is {mask} . {p*2}{text}"`.

    `{p}` is one trained slot and `{p*4}` four of them; `{p:It was}` is a slot for each token of these words, which
    starts as that token. `{mask}` is where the class is read. `{text}` is the text, and `{text_b}` the second one of a
    pair. The backbone's own opening and closing tokens stand at both ends, unless `{start}` and `{end}` say where. All
    else is words, left as they are.

    Args:
        template: The line.

    Raises:
        InputError: A field that does not exist, a brace without its partner, no text, or something that stands twice.

    Example:
        >>> [part.kind for part in parse("It is {mask} . {p*2}{text}").parts]
        ['words', 'mask', 'words', 'slots', 'text']
        >>> parse("{p*4}{msak}{text}")
        Traceback (most recent call last):
            ...
        minent.errors.InputError: template '{p*4}{msak}{text}': {msak} is no field; ... Did you mean 'mask'?
    """
    found = Template(template, tuple(_part(template, *match) for match in _FIELD.findall(template)))
    for name in FIELDS:
        count = found.count(name)
        if count > 1 or (name == "text" and not count):
            wanted = "exactly once is needed" if name == "text" else "once at most is possible"
            raise InputError(f"template {template!r}: {{{name}}} stands {count} times in it; {wanted}.")
    return found


def _part(template: str, field: str, brace: str, words: str) -> Part:
    if words:
        return Part("words", words)
    slots = _SLOTS.fullmatch(field)
    if slots:
        return Part("slots", slots=int(slots[1] or 1))
    if field.startswith(_ANCHOR) and field[len(_ANCHOR) :].strip():
        return Part("slots", field[len(_ANCHOR) :])
    if field in FIELDS and not brace:
        return Part(field)
    if brace:
        raise InputError(f"template {template!r}: a brace {brace!r} has no partner. Write {{text}}, {{mask}}, {{p*4}}.")
    raise InputError(
        f"template {template!r}: {{{field}}} is no field; fields are {{p}}, {{p*4}}, {{p:words}} and "
        f"{', '.join(f'{{{name}}}' for name in FIELDS)}.{did_you_mean(field, ('p', *FIELDS))}"
    )
