"""A template in the ids of a backbone, and texts set into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from minent.encoders.batches import pad
from minent.errors import InputError
from minent.prompts.backbone import AnyBackbone
from minent.prompts.template import Template

Texts = Sequence[str] | Sequence[tuple[str, str]]
_TEXTS = ("text", "text_b")


@dataclass(frozen=True)
class Batch:
    """Some rows under each other.

    Attributes:
        ids: int64 `(batch, length)`, padded on the right.
        mask: bool, True at a real token.
        places: int64 `(batch, masks)`: where the class is read.
        is_text: bool `(batch, length)`: tokens of the texts themselves.
    """

    ids: Tensor
    mask: Tensor
    places: Tensor
    is_text: Tensor


@dataclass(frozen=True)
class Rows:
    """Texts set into a template.

    Attributes:
        ids: int64, all rows end to end.
        starts: int64: where each row starts, then `len(ids)`.
        places: int64 `(rows, masks)`: where the class is read, counted from the start of the row.
        is_text: bool, one for each id.
        whole: int64 `(rows,)`: tokens of the texts before any was cut.
    """

    ids: np.ndarray
    starts: np.ndarray
    places: np.ndarray
    is_text: np.ndarray
    whole: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row."""
        return np.diff(self.starts)

    def batch(self, rows: np.ndarray) -> Batch:
        """Lay some rows under each other."""
        ids, mask = pad(self.ids, self.starts, rows)
        is_text, _ = pad(self.is_text, self.starts, rows)
        return Batch(ids, mask, torch.from_numpy(self.places[rows]), is_text.bool())


@dataclass(frozen=True)
class Assembler:
    """A template in the ids of a backbone.

    Attributes:
        parts: Ids, or the number of the text that stands there.
        anchors: For each slot the id that it starts from, or -1.
        masks: How many masks stand side by side where the class is read.
        causal: The class is read at the last token before the mask, which has no token of its own.
        room: Tokens that are left for the texts.
        spaced: Whether a space belongs before the first and the second text.
    """

    parts: tuple[np.ndarray | int, ...]
    anchors: np.ndarray
    masks: int
    causal: bool
    room: int
    spaced: tuple[bool, bool]

    @classmethod
    def of(
        cls, template: Template, backbone: AnyBackbone, *, masks: int = 1, max_length: int | None = None
    ) -> Assembler:
        """Turn the words of a template into ids and number its slots from left to right.

        Args:
            template: The template.
            backbone: The backbone.
            masks: Tokens that `{mask}` stands for.
            max_length: The longest row, where it is less than what the backbone takes.

        Raises:
            InputError: The template alone fills the row, or its mask cannot be read by this backbone.
        """
        _check_mask(template, backbone)
        body = backbone.body
        longest = min(body.max_length, max_length or body.max_length)
        kinds = [part.kind for part in template.parts]
        parts: list[np.ndarray | int] = [] if "start" in kinds else [np.array(body.opening, dtype=np.int64)]
        anchors: list[int] = []
        spaced, spaces = False, [False, False]
        for part in template.parts:
            if part.kind in _TEXTS:
                number = _TEXTS.index(part.kind)
                parts.append(number)
                spaces[number], spaced = spaced, False
            elif part.kind == "slots":
                starts = backbone.encode(" " * spaced + part.words) if part.words else np.full(part.slots, -1)
                parts.append(body.first_slot + len(anchors) + np.arange(len(starts)))
                anchors += starts.tolist()
            elif part.kind == "words":
                words = part.words.rstrip(" ") if backbone.spaces_lead else part.words
                parts.append(backbone.encode(" " * (spaced and not words.startswith(" ")) + words))
                spaced = words != part.words
            else:
                parts.append(np.array(_special(part.kind, backbone, masks), dtype=np.int64))
                spaced = False
        if "end" not in kinds:
            parts.append(np.array(body.closing, dtype=np.int64))
        room = longest - sum(len(part) for part in parts if isinstance(part, np.ndarray))
        if room < 1:
            raise InputError(
                f"the template takes {longest - room} tokens and a row holds {longest}, so no text fits. Use fewer "
                f"slots or words."
            )
        return cls(tuple(parts), np.array(anchors, dtype=np.int64), masks, body.causal, room, (spaces[0], spaces[1]))

    @property
    def slots(self) -> int:
        """How many prompt slots there are."""
        return len(self.anchors)

    def rows(self, texts: Texts, backbone: AnyBackbone, template: Template) -> Rows:
        """Set each text into the template; a text that is too long loses its end, the prompt never."""
        columns = list(zip(*texts)) if template.takes_pairs else [texts]
        encoded = []
        for column, spaced in zip(columns, self.spaced):
            encoded.append(backbone.encode_batch([" " * spaced + str(text) for text in column]))
        rows, flags, places = [], [], []
        mask_part = self._mask_part(template)
        for each in zip(*encoded):
            segments = [_shortened(each, self.room)[part] if isinstance(part, int) else part for part in self.parts]
            rows.append(np.concatenate(segments))
            flags.append(np.repeat([isinstance(part, int) for part in self.parts], [len(part) for part in segments]))
            if mask_part is not None:
                first = sum(map(len, segments[:mask_part])) - self.causal
                places.append(np.arange(first, first + self.masks))
        starts = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        return Rows(
            np.concatenate([np.zeros(0, dtype=np.int64), *rows]),
            starts,
            np.array(places, dtype=np.int64).reshape(len(rows), self.masks if mask_part is not None else 0),
            np.concatenate([np.zeros(0, dtype=bool), *flags]),
            np.array([sum(map(len, each)) for each in zip(*encoded)], dtype=np.int64),
        )

    def _mask_part(self, template: Template) -> int | None:
        kinds = [part.kind for part in template.parts]
        return kinds.index("mask") + ("start" not in kinds) if "mask" in kinds else None


def _special(kind: str, backbone: AnyBackbone, masks: int) -> tuple[int, ...]:
    body = backbone.body
    if kind != "mask":
        return body.opening if kind == "start" else body.closing
    return () if body.mask_id is None else (body.mask_id,) * masks


def _shortened(texts: tuple[np.ndarray, ...], room: int) -> tuple[np.ndarray, ...]:
    """Cut one text to the room there is; of two, the longer one first."""
    if len(texts) == 1:
        return (texts[0][:room],)
    first, second = texts
    share = room // 2
    if len(first) + len(second) <= room:
        return texts
    if len(second) <= share:
        return first[: room - len(second)], second
    if len(first) <= share:
        return first, second[: room - len(first)]
    return first[: room - share], second[:share]


def _check_mask(template: Template, backbone: AnyBackbone) -> None:
    """Say where a mask cannot be read."""
    kinds = [part.kind for part in template.parts if part.kind != "end"]
    body = backbone.body
    if "mask" not in kinds:
        return
    if body.causal and kinds[-1] != "mask":
        raise InputError(
            f"template {template.line!r}: {backbone.name} reads from left to right, so {{mask}} has to stand last, "
            f"such as '{{p*4}}{{text}}{{p*4}}{{mask}}'."
        )
    if body.causal and not body.opening and not {"slots", "words"} & set(kinds):
        raise InputError(
            f"template {template.line!r}: an empty text leaves nothing that {backbone.name} could read the class from. "
            f"Put a slot {{p}} or a word into the template."
        )
    if not body.causal and body.mask_id is None:
        raise InputError(
            f"template {template.line!r}: {backbone.name} has no mask token. Leave {{mask}} out and choose "
            f"head='pooled'."
        )
