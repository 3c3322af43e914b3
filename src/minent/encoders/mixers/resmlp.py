"""ResMLP: one linear map over tokens, and affine maps in place of every norm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from minent.encoders.mixers.interface import Mixer
from minent.encoders.mixers.places import PlaceLinear
from minent.encoders.mixers.toeplitz import Toeplitz

if TYPE_CHECKING:
    from minent.encoders.skeleton import EncoderConfig

INITIAL_SCALE = 0.1  # of the update of each block, up to 18 blocks


class Affine(nn.Module):
    """`weight * x + bias` for each channel: a norm without statistics.

    Args:
        dim: Channels.

    Example:
        >>> Affine(2)(torch.tensor([3.0, -1.0])).tolist()
        [3.0, -1.0]
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(dim)), nn.Parameter(torch.zeros(dim))

    def forward(self, inputs: Tensor) -> Tensor:
        """Scale and shift the last axis."""
        return self.weight * inputs + self.bias


class Scale(nn.Module):
    """`weight * x` for each channel, small at first, so that a block begins as almost nothing.

    Args:
        dim: Channels.

    Example:
        >>> Scale(2)(torch.tensor([3.0, -1.0])).tolist()
        [0.30000001192092896, -0.10000000149011612]
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((dim,), INITIAL_SCALE))

    def forward(self, inputs: Tensor) -> Tensor:
        """Scale the last axis."""
        return self.weight * inputs


class ResMLP(Mixer):
    """The `resmlp` mixer: `scale * (A affine(X))`, `A` a learned matrix over tokens.

    The variant `toeplitz` (the default) has one weight per distance and group of channels; `matrix` has one matrix for
    all channels and a bias per place, as published. The block's MLP has an affine map and a scale of its own.

    Args:
        config: The encoder's config.
        layer: Which block it stands in.

    Source:
        Touvron et al. (2021), arXiv 2105.03404.

    Example:
        >>> from minent.encoders import EncoderConfig
        >>> shape = EncoderConfig(mixer="resmlp", variant="matrix", vocab_size=9, dim=16, max_length=6)
        >>> ResMLP(shape).mix.weight.shape
        torch.Size([6, 6])
    """

    variants = ("toeplitz", "matrix")
    bounded = True

    def __init__(self, config: EncoderConfig, layer: int = 0) -> None:
        super().__init__()
        length = config.max_length
        self.mix: Toeplitz | PlaceLinear
        if self.form(config.variant) == "toeplitz":
            self.mix = Toeplitz(config.heads, length, config.causal)
        else:
            self.mix = PlaceLinear(length, length, config.causal)
        self.counts_places = isinstance(self.mix, PlaceLinear)
        self.keeps_apart = not self.counts_places
        self.scale = Scale(config.dim)

    def forward(self, inputs: Tensor, mask: Tensor, segments: Tensor | None = None) -> Tensor:
        inputs = inputs * mask[:, :, None]
        toeplitz = isinstance(self.mix, Toeplitz)
        return self.scale(self.mix(inputs, segments) if toeplitz else self.mix(inputs, inputs.shape[1]))

    @classmethod
    def token_norm(cls, config: EncoderConfig) -> nn.Module:
        return Affine(config.dim)

    @classmethod
    def channel_mlp(cls, config: EncoderConfig) -> nn.Sequential:
        _, *layers = super().channel_mlp(config)
        return nn.Sequential(Affine(config.dim), *layers, Scale(config.dim))

    @classmethod
    def macs_per_token(cls, config: EncoderConfig) -> int:
        return config.max_length * config.dim
