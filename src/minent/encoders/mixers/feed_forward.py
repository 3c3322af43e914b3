"""Feed-forward layers alone: channels first, then tokens, each under its own LayerNorm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minent.encoders.mixers.interface import Mixer
from minent.encoders.mixers.places import PlaceLinear

if TYPE_CHECKING:
    from minent.encoders.skeleton import EncoderConfig

EPSILON = 1e-5


class FeedForward(Mixer):
    """The `feed_forward` mixer: `W2 gelu(W1 norm(X) + b1) + b2` with the norm over the tokens of each channel.

    The hidden layer is `expansion * max_length` wide, and the block mixes channels before tokens.

    Args:
        config: The encoder's config.
        layer: Which block it stands in.

    Source:
        Melas-Kyriazi (2021), arXiv 2105.02723.

    Example:
        >>> from minent.encoders import EncoderConfig
        >>> FeedForward(EncoderConfig(mixer="feed_forward", vocab_size=9, dim=16, max_length=6)).enter.weight.shape
        torch.Size([24, 6])
    """

    channels_first = True
    counts_places = True
    bounded = True

    def __init__(self, config: EncoderConfig, layer: int = 0) -> None:
        super().__init__()
        length, hidden = config.max_length, config.expansion * config.max_length
        self.scale, self.shift = nn.Parameter(torch.ones(length)), nn.Parameter(torch.zeros(length))
        self.enter, self.leave = PlaceLinear(length, hidden), PlaceLinear(hidden, length)

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        length, real = inputs.shape[1], mask[:, :, None]
        hidden = F.gelu(self.enter(self.normalised(inputs, real) * real, len(self.enter.bias)))
        return self.leave(hidden, length)

    def normalised(self, inputs: Tensor, real: Tensor) -> Tensor:
        """LayerNorm over the real tokens of each channel, its weights cut to the length."""
        count = real.sum(dim=1, keepdim=True).clamp_min(1)
        centred = inputs - (inputs * real).sum(dim=1, keepdim=True) / count
        variance = (centred.square() * real).sum(dim=1, keepdim=True) / count
        length = inputs.shape[1]
        return centred * (variance + EPSILON).rsqrt() * self.scale[:length, None] + self.shift[:length, None]

    @classmethod
    def why_not_causal(cls, variant: str = "") -> str:
        return "its norm over the tokens tells each of them about all later ones"

    @classmethod
    def token_norm(cls, config: EncoderConfig) -> nn.Module:
        return nn.Identity()

    @classmethod
    def macs_per_token(cls, config: EncoderConfig) -> int:
        return 2 * config.expansion * config.max_length * config.dim
