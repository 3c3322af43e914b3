"""Synthesizer: attention whose weights are learned or predicted, instead of compared from queries and keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minent.encoders.mixers.attention import visible
from minent.encoders.mixers.interface import Mixer

if TYPE_CHECKING:
    from minent.encoders.skeleton import EncoderConfig

RANK = 8


class Synthesizer(Mixer):
    """The `synthesizer` mixer: `softmax(B) X Wv` for each head, then an output projection.

    The variants differ in the scores `B`, whose columns are cut to the length:

    - `dense`: `relu(X W1 + b1) W2 + b2`, one score per place, from the token itself;
    - `random`: a learned matrix, whatever the tokens;
    - `factorised_dense`: two short rows of scores, `a b >= max_length`, multiplied so that column `j` is
      `B1[j mod a] B2[j // a]`;
    - `factorised_random`: `R1 R2^T` of rank 8;
    - `mixture`: a weighted mean of `dense`, `random` and dot-product scores, the weights learned.

    Args:
        config: The encoder's config.
        layer: Which block it stands in.

    Source:
        Tay et al. (2020), arXiv 2005.00743; J. Su, kexue.fm/archives/7430.

    Example:
        >>> from minent.encoders import EncoderConfig
        >>> shape = EncoderConfig(mixer="synthesizer", variant="random", vocab_size=9, dim=16, max_length=6)
        >>> Synthesizer(shape).scores[0].weight.shape
        torch.Size([4, 6, 6])
    """

    variants = ("dense", "random", "factorised_dense", "factorised_random", "mixture")
    counts_places = True
    bounded = True

    def __init__(self, config: EncoderConfig, layer: int = 0) -> None:
        super().__init__()
        dim, form = config.dim, self.form(config.variant)
        self.heads, self.causal = config.heads, config.causal
        self.value, self.leave = nn.Linear(dim, dim, bias=False), nn.Linear(dim, dim, bias=False)
        members = ("dense", "random", "dot") if form == "mixture" else (form,)
        self.scores = nn.ModuleList(SCORES[member](dim, config.heads, config.max_length) for member in members)
        self.shares = nn.Parameter(torch.zeros(len(members))) if len(members) > 1 else None

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        batch, length, dim = inputs.shape
        values = self.value(inputs).view(batch, length, self.heads, dim // self.heads).transpose(1, 2)
        scores, *others = (score(inputs) for score in self.scores)
        if self.shares is not None:
            first, *rest = self.shares.softmax(dim=0)
            scores = first * scores + sum(share * other for share, other in zip(rest, others))
        hidden = scores.masked_fill(~visible(mask, self.causal), torch.finfo(scores.dtype).min)
        return self.leave((hidden.softmax(dim=-1) @ values).transpose(1, 2).reshape(batch, length, dim))

    @classmethod
    def macs_per_token(cls, config: EncoderConfig) -> int:
        dim, length, form = config.dim, config.max_length, cls.form(config.variant)
        short = sum(factors(length))
        costs = {
            "dense": dim * (dim + length),
            "random": 0,
            "factorised_dense": dim * (dim + short) + length * config.heads,
            "factorised_random": RANK * length * config.heads,
            "mixture": dim * (dim + length) + 2 * dim**2 + length * dim,
        }
        return 2 * dim**2 + length * dim + costs[form]


class DenseScores(nn.Module):
    """`relu(X W1 + b1) W2 + b2`, cut to the length.

    Args:
        dim: Channels.
        heads: Heads, each with a share of the hidden channels.
        length: The longest row.
    """

    def __init__(self, dim: int, heads: int, length: int) -> None:
        super().__init__()
        self.heads, self.enter = heads, nn.Linear(dim, dim)
        self.weight = nn.Parameter(torch.randn(heads, dim // heads, length) * (dim // heads) ** -0.5)
        self.bias = nn.Parameter(torch.zeros(heads, length))

    def forward(self, inputs: Tensor) -> Tensor:
        """Scores `(batch, heads, length, length)` of `inputs (batch, length, dim)`."""
        return self.columns(inputs, inputs.shape[1])

    def columns(self, inputs: Tensor, count: int) -> Tensor:
        """The first `count` columns of the scores."""
        batch, length, _ = inputs.shape
        hidden = F.relu(self.enter(inputs)).view(batch, length, self.heads, -1).transpose(1, 2)
        return hidden @ self.weight[:, :, :count] + self.bias[:, None, :count]


class RandomScores(nn.Module):
    """A learned matrix, cut to the length.

    Args:
        dim: Channels; not used.
        heads: Heads, each with a matrix.
        length: The longest row.
    """

    def __init__(self, dim: int, heads: int, length: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(heads, length, length))

    def forward(self, inputs: Tensor) -> Tensor:
        """Scores `(1, heads, length, length)`, whatever the inputs."""
        length = inputs.shape[1]
        return self.weight[None, :, :length, :length]


class FactorisedDenseScores(nn.Module):
    """`B1[j mod a] B2[j // a]`: two short rows of dense scores, one tiled in blocks and one interleaved.

    Args:
        dim: Channels.
        heads: Heads.
        length: The longest row.
    """

    def __init__(self, dim: int, heads: int, length: int) -> None:
        super().__init__()
        self.inner, self.outer = (DenseScores(dim, heads, size) for size in factors(length))

    def forward(self, inputs: Tensor) -> Tensor:
        """Scores `(batch, heads, length, length)` of `inputs (batch, length, dim)`."""
        inner, outer = (part.columns(inputs, part.bias.shape[1]) for part in (self.inner, self.outer))
        product = outer[..., :, None] * inner[..., None, :]
        return product.flatten(-2)[..., : inputs.shape[1]]


class FactorisedRandomScores(nn.Module):
    """`R1 R2^T`, cut to the length.

    Args:
        dim: Channels; not used.
        heads: Heads, each with a pair of factors.
        length: The longest row.
    """

    def __init__(self, dim: int, heads: int, length: int) -> None:
        super().__init__()
        self.left, self.right = (nn.Parameter(torch.randn(heads, length, RANK) * RANK**-0.25) for _ in range(2))

    def forward(self, inputs: Tensor) -> Tensor:
        """Scores `(1, heads, length, length)`, whatever the inputs."""
        length = inputs.shape[1]
        return (self.left[:, :length] @ self.right[:, :length].transpose(1, 2))[None]


class DotScores(nn.Module):
    """Scaled dot products of queries and keys.

    Args:
        dim: Channels.
        heads: Heads, each with a share of the channels.
        length: The longest row; not used.
    """

    def __init__(self, dim: int, heads: int, length: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key = nn.Linear(dim, dim, bias=False), nn.Linear(dim, dim, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Scores `(batch, heads, length, length)` of `inputs (batch, length, dim)`."""
        batch, length, dim = inputs.shape
        shape = (batch, length, self.heads, dim // self.heads)
        query, key = (part(inputs).view(shape).transpose(1, 2) for part in (self.query, self.key))
        return query @ key.transpose(2, 3) * (dim // self.heads) ** -0.5


SCORES: dict[str, Callable[[int, int, int], nn.Module]] = {
    "dense": DenseScores,
    "random": RandomScores,
    "factorised_dense": FactorisedDenseScores,
    "factorised_random": FactorisedRandomScores,
    "dot": DotScores,
}


def factors(length: int) -> tuple[int, int]:
    """Two sizes, as equal as can be, whose product is the length or just above it.

    Example:
        >>> factors(128), factors(7)
        ((12, 11), (3, 3))
    """
    first = round(length**0.5 + 0.4999)
    return first, -(-length // first)
