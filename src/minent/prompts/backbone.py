"""A pretrained encoder and the tokenizer that its ids come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from minent.encoders import PretrainedEncoder
from minent.errors import InputError


class Encodes(Protocol):
    """What the prompts need of a tokenizer."""

    @property
    def vocab_size(self) -> int:
        """Number of ids."""

    def encode(self, text: str) -> Sequence[int]:
        """Return the ids of a text."""


@dataclass(frozen=True)
class Backbone:
    """What prompts are tuned on. It is never changed.

    Args:
        pretrained: The encoder.
        tokenizer: Anything with `vocab_size` and `encode(text)`.

    Raises:
        InputError: The tokenizer makes other ids than the encoder knows.

    Example:
        >>> from types import SimpleNamespace
        >>> Backbone(SimpleNamespace(config=SimpleNamespace(vocab_size=9)), SimpleNamespace(vocab_size=8))
        Traceback (most recent call last):
            ...
        minent.errors.InputError: the tokenizer has 8 ids, but the encoder was pretrained with 9. Pair it with the ...
    """

    pretrained: PretrainedEncoder
    tokenizer: Encodes

    def __post_init__(self) -> None:
        ours, theirs = self.tokenizer.vocab_size, self.pretrained.config.vocab_size
        if ours != theirs:
            raise InputError(
                f"the tokenizer has {ours} ids, but the encoder was pretrained with {theirs}. Pair it with the "
                f"tokenizer that its texts were encoded with."
            )

    def encode(self, text: str) -> np.ndarray:
        """Return the ids of a text, int64."""
        return np.asarray(self.tokenizer.encode(text), dtype=np.int64)
