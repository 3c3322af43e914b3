"""RepMLP: a matrix over windows trained beside small convolutions, all of them one matrix when training is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minent.encoders.mixers.interface import Mixer

if TYPE_CHECKING:
    from minent.encoders.skeleton import EncoderConfig

WINDOW = 32  # tokens that the matrix sees at once
KERNELS = (1, 3, 7)
EPSILON, MOMENTUM = 1e-5, 0.1


class RepMLP(Mixer):
    """The `repmlp` mixer: `gate(mean(X)) * (bn(A X) + sum_k bn(conv_k(X)))` on windows of 32 tokens.

    Each group of channels shares one matrix `A` and one kernel of each size; each branch has a batch norm over real
    tokens. The gate, one share per channel, is made from the mean over the row: it alone reaches past a window.
    `folded()` gives the same function with one matrix and one bias.

    Args:
        config: The encoder's config.
        layer: Which block it stands in.

    Source:
        Ding et al. (2021), arXiv 2105.01883 and 2112.11081 (RepMLPNet), here for one axis.

    Example:
        >>> from minent.encoders import EncoderConfig
        >>> mixer = RepMLP(EncoderConfig(mixer="repmlp", vocab_size=9, dim=8)).eval()
        >>> inputs, mask = torch.ones(1, 5, 8), torch.ones(1, 5, dtype=torch.bool)
        >>> bool(torch.allclose(mixer(inputs, mask), mixer.folded()(inputs, mask), atol=1e-6))
        True
    """

    counts_places = True
    keeps_statistics = True

    def __init__(self, config: EncoderConfig, layer: int = 0) -> None:
        super().__init__()
        self.heads, self.window = config.heads, min(WINDOW, config.max_length)
        bound = self.window**-0.5
        self.matrix = nn.Parameter(torch.empty(self.heads, self.window, self.window).uniform_(-bound, bound))
        self.matrix_norm = TokenBatchNorm(self.heads, self.window)
        self.kernels = nn.ParameterList(nn.Parameter(torch.randn(self.heads, k) * k**-0.5) for k in KERNELS)
        self.kernel_norms = nn.ModuleList(TokenBatchNorm(self.heads, 1) for _ in KERNELS)
        inner = max(1, config.dim // 4)
        self.gate = nn.Sequential(nn.Linear(config.dim, inner), nn.ReLU(), nn.Linear(inner, config.dim), nn.Sigmoid())

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        tiles, real = tiled(inputs * mask[:, :, None], mask, self.heads, self.window)
        mixed = self.matrix_norm(torch.einsum("hij,bthjc->bthic", self.matrix, tiles), real)
        for kernel, norm in zip(self.kernels, self.kernel_norms):
            mixed = mixed + norm(torch.einsum("hij,bthjc->bthic", band(kernel, self.window), tiles), real)
        return untiled(mixed, inputs) * row_gate(self.gate, inputs, mask)

    @torch.no_grad()
    def folded(self) -> FoldedRepMLP:
        weight, bias = self.matrix_norm.fold(self.matrix)
        for kernel, norm in zip(self.kernels, self.kernel_norms):
            assert isinstance(norm, TokenBatchNorm)
            more = norm.fold(band(kernel, self.window))
            weight, bias = weight + more[0], bias + more[1]
        return FoldedRepMLP(weight, bias, self.gate)

    @classmethod
    def why_not_causal(cls, variant: str = "") -> str:
        return "its gate is made from the whole row"

    @classmethod
    def macs_per_token(cls, config: EncoderConfig) -> int:
        return (1 + len(KERNELS)) * min(WINDOW, config.max_length) * config.dim


class FoldedRepMLP(Mixer):
    """RepMLP after training: one matrix over windows, one bias, the gate.

    Args:
        weight: float `(heads, window, window)`.
        bias: float `(heads, window)`.
        gate: From the mean of a row to one share per channel.
    """

    counts_places = True

    def __init__(self, weight: Tensor, bias: Tensor, gate: nn.Module) -> None:
        super().__init__()
        self.weight, self.bias, self.gate = nn.Parameter(weight), nn.Parameter(bias), gate

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        heads, window, _ = self.weight.shape
        tiles, _ = tiled(inputs * mask[:, :, None], mask, heads, window)
        mixed = torch.einsum("hij,bthjc->bthic", self.weight, tiles) + self.bias[:, :, None]
        return untiled(mixed, inputs) * row_gate(self.gate, inputs, mask)


class TokenBatchNorm(nn.Module):
    """Batch norm over real tokens, with statistics for each group of channels and, if wanted, each place of a window.

    Args:
        heads: Groups of channels.
        places: Places with statistics of their own, or 1 where all share them.

    Source:
        Ioffe & Szegedy (2015), arXiv 1502.03167.

    Example:
        >>> norm = TokenBatchNorm(1, 1)
        >>> inputs, real = torch.tensor([1.0, 3.0, 99.0]), torch.tensor([True, True, False])
        >>> norm(inputs.view(1, 1, 1, 3, 1), real.view(1, 1, 1, 3, 1)).flatten()[:2].round(decimals=3).tolist()
        [-1.0, 1.0]
    """

    running_mean: Tensor
    running_variance: Tensor

    def __init__(self, heads: int, places: int) -> None:
        super().__init__()
        shape = (heads, places, 1)
        self.weight, self.bias = nn.Parameter(torch.ones(shape)), nn.Parameter(torch.zeros(shape))
        self.register_buffer("running_mean", torch.zeros(shape))
        self.register_buffer("running_variance", torch.ones(shape))

    def forward(self, inputs: Tensor, real: Tensor) -> Tensor:
        """Normalise `(batch, windows, heads, window, channels)`; `real` has one channel."""
        mean, variance = self.running_mean, self.running_variance
        if self.training:
            mean, variance = self.measure(inputs, real)
        return (inputs - mean) * (variance + EPSILON).rsqrt() * self.weight + self.bias

    def measure(self, inputs: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance over real tokens; the running ones follow. A place without a token keeps the old ones."""
        axes = (0, 1, 4) if self.weight.shape[1] > 1 else (0, 1, 3, 4)
        places = real.expand(-1, -1, inputs.shape[2], -1, inputs.shape[4])
        count = places.sum(dim=axes, keepdim=True)[0, 0].to(inputs.dtype)
        some = count.clamp_min(1)
        mean = (inputs * real).sum(dim=axes, keepdim=True)[0, 0] / some
        variance = ((inputs - mean).square() * real).sum(dim=axes, keepdim=True)[0, 0] / some
        with torch.no_grad():
            rate = MOMENTUM * (count > 0)
            self.running_mean += rate * (mean - self.running_mean)
            self.running_variance += rate * (variance - self.running_variance)
        return mean, variance

    def fold(self, matrix: Tensor) -> tuple[Tensor, Tensor]:
        """The matrix and the bias, `(heads, window, window)` and `(heads, window)`, that do what it does after it."""
        gain = self.weight * (self.running_variance + EPSILON).rsqrt()
        bias = (self.bias - gain * self.running_mean).expand(-1, matrix.shape[1], -1)
        return matrix * gain, bias[:, :, 0]


def tiled(inputs: Tensor, mask: Tensor, heads: int, window: int) -> tuple[Tensor, Tensor]:
    """Rows as `(batch, windows, heads, window, channels)`, filled up with zeros, and which of their places are real."""
    batch, length, dim = inputs.shape
    missing = -length % window
    tiles = F.pad(inputs, (0, 0, 0, missing)).view(batch, -1, window, heads, dim // heads)
    return tiles.transpose(2, 3), F.pad(mask, (0, missing)).view(batch, -1, 1, window, 1)


def untiled(tiles: Tensor, like: Tensor) -> Tensor:
    """The inverse of `tiled`."""
    return tiles.transpose(2, 3).reshape(like.shape[0], -1, like.shape[2])[:, : like.shape[1]]


def band(kernel: Tensor, window: int) -> Tensor:
    """A convolution inside a window as a matrix: `(heads, size)` to `(heads, window, window)`.

    Example:
        >>> band(torch.tensor([[1.0, 2.0, 3.0]]), 3)[0].tolist()
        [[2.0, 3.0, 0.0], [1.0, 2.0, 3.0], [0.0, 1.0, 2.0]]
    """
    half = kernel.shape[1] // 2
    weights = F.pad(kernel, (window - 1, window - 1))[:, half : half + 2 * window - 1]
    return weights.unfold(1, window, 1).flip(1)


def row_gate(gate: nn.Module, inputs: Tensor, mask: Tensor) -> Tensor:
    """One share per channel from the mean over the real tokens of each row, `(batch, 1, dim)`."""
    real = mask[:, :, None]
    return gate((inputs * real).sum(dim=1) / real.sum(dim=1).clamp_min(1))[:, None]
