"""A pretrained model and the tokenizer that its ids come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from minent import artifacts, load
from minent.encoders import PretrainedEncoder, find_pretrained
from minent.encoders.pretrained import TOKENIZER
from minent.errors import InputError
from minent.prompts.body import Body, EncoderBody


class Encodes(Protocol):
    """What the prompts need of a tokenizer."""

    @property
    def vocab_size(self) -> int:
        """Number of ids."""

    def encode(self, text: str) -> Sequence[int]:
        """Return the ids of a text."""


class AnyBackbone(Protocol):
    """What prompts are tuned on, whatever it is made of. It is never changed.

    Attributes:
        name: For people.
        digest: SHA-256 of the weights: the name by which prompts know it.
        body: The model.
        spaces_lead: Whether a word and the space before it are one token.
    """

    @property
    def name(self) -> str: ...

    @property
    def digest(self) -> str: ...

    @property
    def body(self) -> Body: ...

    @property
    def spaces_lead(self) -> bool: ...

    def encode(self, text: str) -> np.ndarray:
        """Return the ids of a text without any special token, int64."""

    def encode_batch(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Return the ids of each text."""

    def piece(self, token: int) -> str:
        """Return what an id says, as text."""


@dataclass(frozen=True)
class Backbone:
    """An encoder of ours, for prompts to be tuned on. It is never changed.

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

    spaces_lead = False

    @property
    def name(self) -> str:
        """What it is, for people."""
        shape = self.pretrained.config
        return f"minent {shape.mixer} {shape.layers}x{shape.dim}"

    @property
    def digest(self) -> str:
        """SHA-256 of the weights."""
        return self.pretrained.digest

    @cached_property
    def body(self) -> Body:
        """The encoder as the prompts see it."""
        return EncoderBody(self.pretrained.encoder, self.pretrained.facts.get("prompt_length", 0)).eval()

    def encode(self, text: str) -> np.ndarray:
        """Return the ids of a text, int64."""
        own_specials = getattr(self.tokenizer, "specials", ())  # a text that names one means no more than it says
        encode: Any = self.tokenizer.encode
        ids = encode(text, disallowed_special=()) if own_specials else encode(text)
        return np.asarray(ids, dtype=np.int64)

    def encode_batch(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Return the ids of each text, int64."""
        return [self.encode(text) for text in texts]

    def piece(self, token: int) -> str:
        """Return what an id says, as text; its number where the tokenizer has no `decode`."""
        decode = getattr(self.tokenizer, "decode", None)
        return str(token) if decode is None else decode([token])


def load_backbone(name_or_folder: str | Path, tokenizer: str | Path | None = None) -> AnyBackbone:
    """Load a backbone of this machine: nothing is fetched, and no code of a folder is run.

    Args:
        name_or_folder: An encoder of ours by its folder or by the name it was shipped under, see
            `minent.encoders.find_pretrained`; or the folder of a Hugging Face transformers model (a masked or a causal
            language model, or an encoder without output words) with its tokenizer.
        tokenizer: The tokenizer of an encoder of ours, where the folder holds none.

    Raises:
        InputError: No such folder or name, a folder without tokenizer, or a model that prompts cannot be tuned on.
        ArtifactError: A damaged folder of ours, or one without tokenizer.
        MissingExtraError: transformers is not installed.

    Example:
        >>> load_backbone("models/none")
        Traceback (most recent call last):
            ...
        minent.errors.InputError: models/none: there is no such folder. A backbone is a folder from ...
    """
    folder = Path(name_or_folder)
    if (folder / "config.json").is_file() and not (folder / artifacts.MANIFEST).is_file():
        from minent.prompts.huggingface import HuggingFaceBackbone

        return HuggingFaceBackbone.load(folder)
    if not folder.is_dir() and len(folder.parts) > 1:
        raise InputError(
            f"{folder}: there is no such folder. A backbone is a folder from 'minent encoder pretrain', or a local "
            f"folder of a transformers model; nothing is fetched from the network."
        )
    if folder.is_dir() and not (folder / artifacts.MANIFEST).is_file():
        raise InputError(f"{folder}: holds neither a manifest.json of minent nor a config.json of transformers.")
    if tokenizer is None:
        folder = find_pretrained(name_or_folder)
    return Backbone(PretrainedEncoder.load(folder), load(folder / TOKENIZER if tokenizer is None else tokenizer))
