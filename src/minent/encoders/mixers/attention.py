"""Multi-head attention, the baseline that every other mixer is measured against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minent.encoders.mixers.interface import Mixer
from minent.encoders.mixers.toeplitz import same_document

if TYPE_CHECKING:
    from minent.encoders.skeleton import EncoderConfig

ROTARY_BASE = 10_000.0


class SelfAttention(nn.Module):
    """Scaled dot-product attention with rotary positions, from `in_dim` to `out_dim` channels.

    Positions enter as rotations, so a score depends on the distance of two tokens alone: no table bounds the length,
    and padding on either side changes nothing.

    Args:
        in_dim: Channels in.
        out_dim: Channels out.
        heads: Number of heads.
        head_dim: Channels of one head, even.
        causal: Hide later tokens from earlier ones.

    Source:
        Vaswani et al. (2017), arXiv 1706.03762; J. Su et al. (2021), arXiv 2104.09864 (rotary positions).

    Example:
        >>> layer = SelfAttention(8, 6, heads=1, head_dim=4)
        >>> layer(torch.zeros(2, 3, 8), torch.ones(2, 3, dtype=torch.bool)).shape
        torch.Size([2, 3, 6])
    """

    def __init__(self, in_dim: int, out_dim: int, heads: int, head_dim: int, causal: bool = False) -> None:
        super().__init__()
        self.heads, self.head_dim, self.causal = heads, head_dim, causal
        self.project = nn.Linear(in_dim, 3 * heads * head_dim, bias=False)
        self.out = nn.Linear(heads * head_dim, out_dim, bias=False)

    def forward(self, inputs: Tensor, mask: Tensor, segments: Tensor | None = None) -> Tensor:
        """Mix `inputs (batch, length, in_dim)` over the tokens that `mask (batch, length)` calls real.

        With `segments (batch, length)` a token sees those of its own number alone.
        """
        batch, length, _ = inputs.shape
        split = self.project(inputs).view(batch, length, 3, self.heads, self.head_dim)
        queries, keys, values = split.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(
            rotate(queries), rotate(keys), values, attn_mask=visible(mask, self.causal, segments)
        )
        return self.out(mixed.transpose(1, 2).reshape(batch, length, -1))


def attention_macs(in_dim: int, out_dim: int, width: int, length: int) -> int:
    """Multiply-adds of one forward pass per token, `width` being that of all heads together."""
    return width * (3 * in_dim + out_dim + 2 * length)


def visible(mask: Tensor, causal: bool, segments: Tensor | None = None) -> Tensor:
    """Which tokens each one sees, bool, to be broadcast to `(batch, heads, length, length)`.

    What would see nothing sees something harmless, and stays finite: padding itself, or all of a row without a token.

    Example:
        >>> visible(torch.tensor([[True, True, False]]), causal=True)[0, 0].int().tolist()
        [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
        >>> visible(torch.tensor([[True] * 3]), causal=False, segments=torch.tensor([[4, 4, 7]]))[0, 0].int().tolist()
        [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    """
    if not causal and segments is None:
        return (mask | ~mask.any(dim=1, keepdim=True))[:, None, None, :]
    places = torch.arange(mask.shape[1], device=mask.device)
    seen = mask[:, None, :].expand(-1, len(places), -1)
    if causal:
        seen = seen & (places[None, :] < places[:, None])
    if segments is not None:
        seen = seen & same_document(segments)
    return (seen | (places[None, :] == places[:, None]))[:, None]


def rotate(vectors: Tensor) -> Tensor:
    """Turn each pair of channels by an angle that grows with the position."""
    length, dim = vectors.shape[-2:]
    exponents = torch.arange(0, dim, 2, device=vectors.device) / dim
    angles = torch.arange(length, device=vectors.device)[:, None] * ROTARY_BASE**-exponents
    cosine, sine = angles.cos().to(vectors.dtype), angles.sin().to(vectors.dtype)
    first, second = vectors.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)


class Attention(SelfAttention, Mixer):
    """The `attention` mixer: `config.heads` heads that share `config.dim` channels.

    Args:
        config: The encoder's config.
        layer: Which block it stands in.

    Source:
        See `SelfAttention`.

    Example:
        >>> from minent.encoders import EncoderConfig
        >>> Attention(EncoderConfig(mixer="attention", vocab_size=9, dim=16, heads=2)).head_dim
        8
    """

    keeps_apart = True

    def __init__(self, config: EncoderConfig, layer: int = 0) -> None:
        super().__init__(config.dim, config.dim, config.heads, config.dim // config.heads, config.causal)

    @classmethod
    def macs_per_token(cls, config: EncoderConfig) -> int:
        return attention_macs(config.dim, config.dim, config.dim, config.max_length)
