"""What the prompts need of a model, whatever its family: embeddings in, hidden states out, and its output words."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from minent.encoders import Encoder


class Body(nn.Module, ABC):
    """A pretrained model behind one small interface. Rows are padded on the right.

    Attributes:
        dim: Width of the input embeddings.
        hidden_dim: Width of the hidden states.
        max_length: Tokens that a row may have.
        first_slot: Ids below this one are rows of the embedding; slot `j` of a template is `first_slot + j`.
        mask_id: The id that asks for a word; None where there is none, as in a causal model.
        causal: No token sees a later one.
        speaks: Whether it has a trained output that says words.
        mute: Why it says none, where it does not.
        rate: The learning rate that suits its weights.
        opening: Ids that it expects before a row.
        closing: Ids that it expects behind a row.
    """

    dim: int
    hidden_dim: int
    max_length: int
    first_slot: int
    mask_id: int | None
    causal: bool
    speaks: bool
    mute: str = ""
    rate: float
    opening: tuple[int, ...] = ()
    closing: tuple[int, ...] = ()

    @abstractmethod
    def lookup(self, ids: Tensor) -> Tensor:
        """Input embeddings of ids below `first_slot`, `(..., dim)`."""

    @abstractmethod
    def forward(self, embeddings: Tensor, mask: Tensor) -> Tensor:
        """Hidden states `(batch, length, hidden_dim)` of embeddings `(batch, length, dim)` and a bool mask."""

    @abstractmethod
    def features(self, hidden: Tensor) -> Tensor:
        """Hidden states as they meet the output words, `(..., features)`; only where it speaks."""

    @abstractmethod
    def output(self) -> tuple[Tensor, Tensor | None]:
        """The output words `(vocabulary, features)` and their bias; only where it speaks."""

    @abstractmethod
    def layers(self) -> Sequence[nn.Module]:
        """Its blocks from the first to the last; empty where they cannot be told apart."""

    def slots(self) -> Tensor:
        """Vectors that pretraining made for prompts, `(k, dim)`; k may be 0."""
        return torch.zeros(0, self.dim)

    def logits(self, features: Tensor) -> Tensor:
        """Scores of every word, `(..., vocabulary)`."""
        return nn.functional.linear(features, *self.output())


class EncoderBody(Body):
    """An encoder of ours.

    Args:
        encoder: The encoder.
        known_slots: How many of its slots pretraining has trained.
    """

    speaks = True
    rate = 5e-4

    def __init__(self, encoder: Encoder, known_slots: int) -> None:
        super().__init__()
        self.encoder, self._known_slots = encoder, known_slots
        shape = encoder.config
        self.dim = self.hidden_dim = shape.dim
        self.max_length, self.causal = shape.max_length, shape.causal
        self.first_slot = encoder.mask_id + 1
        self.mask_id = None if shape.causal else encoder.mask_id
        listen_for_deep_prompts(self.layers())

    def lookup(self, ids: Tensor) -> Tensor:
        """See `Body.lookup`."""
        return self.encoder.embedding(ids)

    def forward(self, embeddings: Tensor, mask: Tensor) -> Tensor:
        """See `Body.forward`."""
        return self.encoder(embeddings, mask)

    def features(self, hidden: Tensor) -> Tensor:
        """See `Body.features`."""
        return hidden

    def output(self) -> tuple[Tensor, Tensor]:
        """See `Body.output`."""
        return self.encoder.embedding.weight[: self.encoder.config.vocab_size], self.encoder.output_bias

    def layers(self) -> list[nn.Module]:
        """See `Body.layers`."""
        return list(self.encoder.blocks)

    def slots(self) -> Tensor:
        """See `Body.slots`."""
        return self.encoder.embedding.weight.detach()[self.first_slot :][: self._known_slots]


# --- deep prompts -----------------------------------------------------------------------------------------------------
#
# A hook before each block but the first puts other vectors into the places of the slots. It asks the thread that runs
# the forward pass for them, so batches side by side do not meet, and it does nothing where there are none.

_thread = threading.local()


def listen_for_deep_prompts(layers: Sequence[nn.Module]) -> None:
    """Let the blocks take what `deep_prompts` and `listening` give; done once, when a body is made."""
    for place, layer in enumerate(layers[1:]):
        layer.register_forward_pre_hook(_Hook(place), with_kwargs=True)


class _Hook:
    def __init__(self, place: int) -> None:
        self.place = place

    def __call__(self, layer: nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]] | None:
        swap = getattr(_thread, "swap", None)
        if swap is None:
            return None
        if args:
            return (swap(self.place, args[0]), *args[1:]), kwargs
        return args, kwargs | {"hidden_states": swap(self.place, kwargs["hidden_states"])}


@contextmanager
def deep_prompts(vectors: Tensor, where: Tensor, numbers: Tensor) -> Iterator[None]:
    """Set vectors into the slots before every block but the first, for the forward passes of this thread.

    Args:
        vectors: `(layers - 1, slots, hidden_dim)`.
        where: bool `(batch, length)`: the places of the slots.
        numbers: int64: which slot each place of `where` is, in the order of the places.
    """

    def swap(place: int, hidden: Tensor) -> Tensor:
        return hidden.index_put((where,), vectors[place][numbers])

    _thread.swap = swap
    try:
        yield
    finally:
        _thread.swap = None


@contextmanager
def listening(where: Tensor) -> Iterator[list[Tensor]]:
    """Collect what stands in the slots before every block but the first, `(places, hidden_dim)` each."""
    heard: list[Tensor] = []

    def listen(place: int, hidden: Tensor) -> Tensor:
        heard.append(hidden[where])
        return hidden

    _thread.swap = listen
    try:
        yield heard
    finally:
        _thread.swap = None
