"""The gated MLP: token mixing and channel mixing in one block, without attention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional as F

from minent.encoders.mixers.attention import SelfAttention
from minent.encoders.mixers.toeplitz import Toeplitz

if TYPE_CHECKING:
    from minent.encoders.skeleton import EncoderConfig


class GatedMLP(nn.Module):
    """The `gmlp` mixer: `(Z1 * (mix(norm(Z2)) + 1)) V` with `[Z1, Z2] = gelu(X U)`.

    Half of the channels gate the other half, and only the gate looks at other tokens. It starts near one, so that the
    block starts as a plain MLP. `config.tiny_attention > 0` adds a single attention head of that width to the gate
    (aMLP), which helps where two sentences must be compared.

    Args:
        config: The encoder's config.

    Source:
        Liu et al. (2021), arXiv 2105.08050; J. Su, kexue.fm/archives/8431. Here with Toeplitz weights.

    Example:
        >>> from minent.encoders import EncoderConfig
        >>> GatedMLP(EncoderConfig(vocab_size=9, dim=16, expansion=4)).enter.out_features
        64
    """

    mixes_channels = True

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        half = config.expansion * config.dim // 2
        self.enter = nn.Linear(config.dim, 2 * half)
        self.norm = nn.LayerNorm(half)
        self.mix = Toeplitz(config.heads, config.max_length)
        self.bias = nn.Parameter(self.norm.weight.new_ones(half))
        self.leave = nn.Linear(half, config.dim)
        self.attention = None
        if config.tiny_attention:
            self.attention = SelfAttention(config.dim, half, heads=1, head_dim=config.tiny_attention)

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """Mix `inputs (batch, length, dim)` over the tokens that `mask (batch, length)` calls real."""
        kept, gate = F.gelu(self.enter(inputs)).chunk(2, dim=-1)
        gate = self.mix(self.norm(gate) * mask[:, :, None]) + self.bias
        if self.attention is not None:
            gate = gate + self.attention(inputs, mask)
        return self.leave(kept * gate)

    @staticmethod
    def macs_per_token(config: EncoderConfig) -> int:
        """Multiply-adds of one forward pass per token, at full length."""
        half = config.expansion * config.dim // 2
        dense = 3 * config.dim * half + config.max_length * half
        tiny = config.tiny_attention
        return dense + (tiny * (3 * config.dim + half + 2 * config.max_length) if tiny else 0)
