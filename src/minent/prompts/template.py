"""Templates: where the prompt slots, the mask and the text stand, written as one line."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from minent.encoders import EncoderConfig
from minent.errors import InputError, did_you_mean

_FIELD = re.compile(r"\{([^{}]*)\}|([{}])|([^{}]+)")
_SLOTS = re.compile(r"p(?:\*([1-9][0-9]*))?")


@dataclass(frozen=True)
class Template:
    """A parsed template.

    Attributes:
        before: What stands in front of the text: words as `str`, a run of slots as `int`, the mask as None.
        after: What stands behind it.
    """

    before: tuple[str | int | None, ...]
    after: tuple[str | int | None, ...]

    @property
    def slots(self) -> int:
        """How many prompt slots there are."""
        return sum(part for part in self.before + self.after if isinstance(part, int))


def parse(template: str) -> Template:
    """Read a template such as `"It is {mask} . {p*2}{text}"`.

    `{p}` is one trained slot and `{p*4}` four of them, `{mask}` is where the class is read, `{text}` is the text; all
    else is words. The text and the mask stand once each.

    Args:
        template: The line.

    Raises:
        InputError: A field that does not exist, a brace without its partner, or not exactly one mask and one text.

    Example:
        >>> parse("It is {mask} . {p*2}{text}").before
        ('It is ', None, ' . ', 2)
        >>> parse("{p*4}{msak}{text}")
        Traceback (most recent call last):
            ...
        minent.errors.InputError: template '{p*4}{msak}{text}': {msak} is no field; ... Did you mean 'mask'?
    """
    parts: list[str | int | None] = []
    texts = []
    for field, brace, words in _FIELD.findall(template):
        slots = _SLOTS.fullmatch(field)
        if brace:
            raise InputError(
                f"template {template!r}: a brace {brace!r} has no partner. Write {{text}}, {{mask}}, {{p*4}}."
            )
        if words:
            parts.append(words)
        elif field == "mask":
            parts.append(None)
        elif field == "text":
            texts.append(len(parts))
        elif slots:
            parts.append(int(slots[1] or 1))
        else:
            raise InputError(
                f"template {template!r}: {{{field}}} is no field; fields are {{text}}, {{mask}}, {{p}} and {{p*4}}."
                f"{did_you_mean(field, ('text', 'mask', 'p'))}"
            )
    for name, count in (("text", len(texts)), ("mask", parts.count(None))):
        if count != 1:
            raise InputError(f"template {template!r}: {{{name}}} stands {count} times in it; exactly once is needed.")
    return Template(tuple(parts[: texts[0]]), tuple(parts[texts[0] :]))


@dataclass(frozen=True)
class Assembler:
    """A template in the ids of a backbone.

    Attributes:
        before: Ids in front of the text; slot `j` is `vocab_size + 1 + j`.
        after: Ids behind it.
        room: The longest text that fits; a longer one loses its end, the prompt never.
    """

    before: np.ndarray
    after: np.ndarray
    room: int

    @classmethod
    def of(cls, template: Template, encode: Callable[[str], np.ndarray], config: EncoderConfig) -> Assembler:
        """Turn the words of a template into ids and number its slots from left to right.

        Raises:
            InputError: The template alone fills the row.
        """
        next_slot = config.vocab_size + 1
        sides = []
        for side in (template.before, template.after):
            ids = [np.zeros(0, dtype=np.int64)]
            for part in side:
                if part is None:
                    ids.append(np.array([config.vocab_size]))
                elif isinstance(part, int):
                    ids.append(np.arange(next_slot, next_slot + part))
                    next_slot += part
                else:
                    ids.append(encode(part))
            sides.append(np.concatenate(ids))
        room = config.max_length - len(sides[0]) - len(sides[1])
        if room < 1:
            raise InputError(
                f"the template takes {config.max_length - room} tokens and a row holds {config.max_length}, so no text "
                f"fits. Use fewer slots or words."
            )
        return cls(sides[0], sides[1], room)

    def rows(self, texts: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Set each text into the template.

        Returns:
            The ids of all rows end to end, int64, and their starts.
        """
        rows = [np.concatenate([self.before, text[: self.room], self.after]) for text in texts]
        starts = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        return np.concatenate(rows) if rows else np.zeros(0, dtype=np.int64), starts
