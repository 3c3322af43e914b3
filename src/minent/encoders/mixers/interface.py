"""What a token mixer is, and what it may say about itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor, nn

if TYPE_CHECKING:
    from minent.encoders.skeleton import EncoderConfig


class Mixer(nn.Module, ABC):
    """The part of a block that looks at other tokens.

    A subclass mixes `inputs (batch, length, dim)` over the tokens that `mask (batch, length)` calls real, and returns
    the update of the residual stream. It hides padded tokens right where it mixes, so padding never changes a result.
    It is built from the encoder's config and the number of its block, from 0.

    Attributes:
        variants: The forms that `config.variant` may name; the first is the default.
        mixes_channels: It mixes channels too, so the block has no MLP beside it.
        channels_first: The block's MLP comes before it.
        gates_attention: The tiny attention stands inside it, rather than beside it.
        counts_places: It knows places rather than distances, so a row must begin with its first real token.
        bounded: It has weights for each place or distance, so no row may be longer than `max_length`.
        keeps_statistics: It carries running statistics from batch to batch.
        keeps_apart: Its `forward` takes the numbers of documents, `segments`, and mixes no token with those of others.
    """

    variants: ClassVar[tuple[str, ...]] = ()
    mixes_channels: ClassVar[bool] = False
    channels_first: ClassVar[bool] = False
    gates_attention: ClassVar[bool] = False
    counts_places: bool = False
    bounded: ClassVar[bool] = False
    keeps_statistics: ClassVar[bool] = False
    keeps_apart: bool = False

    @abstractmethod
    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """Return the update of the residual stream, `(batch, length, dim)`."""

    def folded(self) -> Mixer:
        """The same function in its cheapest form for use after training."""
        return self

    @classmethod
    def form(cls, variant: str) -> str:
        """The variant that is meant: the named one, or the first."""
        return variant or (cls.variants[0] if cls.variants else "")

    @classmethod
    def why_not_causal(cls, variant: str = "") -> str:
        """Why a token cannot be kept from seeing later ones here; empty where it can."""
        return ""

    @classmethod
    def token_norm(cls, config: EncoderConfig) -> nn.Module:
        """What the block applies before the mixer."""
        return nn.LayerNorm(config.dim)

    @classmethod
    def channel_mlp(cls, config: EncoderConfig) -> nn.Sequential:
        """The block's mixing of channels, its own norm first."""
        inner = config.expansion * config.dim
        return nn.Sequential(
            nn.LayerNorm(config.dim), nn.Linear(config.dim, inner), nn.GELU(), nn.Linear(inner, config.dim)
        )

    @classmethod
    def macs_per_token(cls, config: EncoderConfig) -> int:
        """Multiply-adds of one forward pass per token, at full length."""
        raise NotImplementedError  # not abstract: what `folded` returns is not counted
