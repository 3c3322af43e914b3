"""The gated MLP: token mixing and channel mixing in one block, without attention or with one small head of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minent.encoders.mixers.attention import SelfAttention, attention_macs
from minent.encoders.mixers.interface import Mixer
from minent.encoders.mixers.places import PlaceLinear
from minent.encoders.mixers.toeplitz import Toeplitz

if TYPE_CHECKING:
    from minent.encoders.skeleton import EncoderConfig


class GatedMLP(Mixer):
    """The `gmlp` mixer: `(Z1 * (mix(norm(Z2)) + 1)) V` with `[Z1, Z2] = gelu(X U)`.

    Half of the channels gate the other half, and only the gate looks at other tokens. It starts near one, so that the
    block starts as a plain MLP. `config.tiny_attention > 0` adds a single attention head of that width to the gate
    (aMLP), which helps where two sentences must be compared. The variant `toeplitz` (the default) has one weight per
    distance and group of channels; `matrix` has one matrix for all channels and a bias per place, as published.

    Args:
        config: The encoder's config.
        layer: Which block it stands in.

    Source:
        Liu et al. (2021), arXiv 2105.08050; J. Su, kexue.fm/archives/8431.

    Example:
        >>> from minent.encoders import EncoderConfig
        >>> GatedMLP(EncoderConfig(vocab_size=9, dim=16, expansion=4)).enter.out_features
        64
    """

    variants = ("toeplitz", "matrix")
    mixes_channels = True
    gates_attention = True
    bounded = True

    def __init__(self, config: EncoderConfig, layer: int = 0) -> None:
        super().__init__()
        half, length = config.expansion * config.dim // 2, config.max_length
        self.enter = nn.Linear(config.dim, 2 * half)
        self.norm = nn.LayerNorm(half)
        self.mix: Toeplitz | PlaceLinear
        if self.form(config.variant) == "toeplitz":
            self.mix = Toeplitz(config.heads, length, config.causal)
            self.bias = nn.Parameter(torch.ones(half))
        else:
            self.mix = PlaceLinear(length, length, config.causal)
            nn.init.normal_(self.mix.weight, std=1e-6)
            nn.init.ones_(self.mix.bias)
        self.counts_places = isinstance(self.mix, PlaceLinear)
        self.keeps_apart = not self.counts_places
        self.leave = nn.Linear(half, config.dim)
        self.attention = None
        if width := self.attention_width(config):
            self.attention = SelfAttention(config.dim, half, 1, width, config.causal)

    def forward(self, inputs: Tensor, mask: Tensor, segments: Tensor | None = None) -> Tensor:
        kept, gate = F.gelu(self.enter(inputs)).chunk(2, dim=-1)
        gate = self.norm(gate) * mask[:, :, None]
        toeplitz = isinstance(self.mix, Toeplitz)
        gate = self.mix(gate, segments) + self.bias if toeplitz else self.mix(gate, gate.shape[1])
        if self.attention is not None:
            gate = gate + self.attention(inputs, mask, segments)
        return self.leave(kept * gate)

    @classmethod
    def attention_width(cls, config: EncoderConfig) -> int:
        """Channels of the attention head in the gate; 0 for no head."""
        return config.tiny_attention

    @classmethod
    def macs_per_token(cls, config: EncoderConfig) -> int:
        half, width = config.expansion * config.dim // 2, cls.attention_width(config)
        tiny = attention_macs(config.dim, half, width, config.max_length)
        return 3 * config.dim * half + config.max_length * half + tiny
