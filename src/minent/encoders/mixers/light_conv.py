"""Light convolution: each token is a weighted mean of its neighbours, the weights shared by a group of channels."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minent.encoders.mixers.interface import Mixer

if TYPE_CHECKING:
    from minent.encoders.skeleton import EncoderConfig


class Convolution(Mixer):
    """What the convolutional mixers share: `GLU(X U)` in, the convolution, `V` out.

    Args:
        config: The encoder's config.
        layer: Which block it stands in.
    """

    keeps_apart = True

    def __init__(self, config: EncoderConfig, layer: int = 0) -> None:
        super().__init__()
        self.heads, self.width, self.causal = config.heads, config.kernel_size, config.causal
        self.enter, self.leave = nn.Linear(config.dim, 2 * config.dim), nn.Linear(config.dim, config.dim)

    def forward(self, inputs: Tensor, mask: Tensor, segments: Tensor | None = None) -> Tensor:
        return self.leave(self.convolve(F.glu(self.enter(inputs)) * mask[:, :, None], segments))

    @abstractmethod
    def convolve(self, values: Tensor, segments: Tensor | None) -> Tensor:
        """Mix `values (batch, length, dim)`, zero at padding, within each document."""

    def depthwise(self, values: Tensor, kernels: Tensor, dilation: int, segments: Tensor | None) -> Tensor:
        """Slide a kernel for each channel, `kernels (dim, width)`, over the values.

        Taps that reach into another document count nothing: with several in a row, each tap is a shifted product.
        """
        padded, length = self.padded(values, dilation), values.shape[1]
        if segments is None:
            mixed = F.conv1d(padded.transpose(1, 2), kernels[:, None], dilation=dilation, groups=values.shape[2])
            return mixed.transpose(1, 2)
        numbers = self.padded(segments[:, :, None], dilation)[:, :, 0]  # a number at padding meets values of zero
        summed = torch.zeros_like(values)
        for tap in range(self.width):
            there = slice(tap * dilation, tap * dilation + length)
            same = (numbers[:, there] == segments)[:, :, None]
            summed = summed + padded[:, there] * kernels[:, tap] * same
        return summed

    def padded(self, values: Tensor, dilation: int = 1) -> Tensor:
        """`values` with zeros around the tokens, so that a kernel never runs out of them."""
        reach = dilation * (self.width - 1)
        before = reach if self.causal else reach // 2
        return F.pad(values, (0, 0, before, reach - before))

    @classmethod
    def macs_per_token(cls, config: EncoderConfig) -> int:
        return 3 * config.dim**2 + config.kernel_size * config.dim


class LightConv(Convolution):
    """The `light_conv` mixer: `y[i] = sum_t softmax(w)[t] x[i + t - p]`, `p` half a kernel, or all of it when causal.

    Each of `config.heads` groups of channels has one kernel of `config.kernel_size` weights, normalised by softmax.

    Args:
        config: The encoder's config.
        layer: Which block it stands in.

    Source:
        Wu et al. (2019), arXiv 1901.10430, section 3; Tay et al. (2021), arXiv 2105.03322 (pretrained).

    Example:
        >>> from minent.encoders import EncoderConfig
        >>> LightConv(EncoderConfig(mixer="light_conv", vocab_size=9, dim=16, kernel_size=7)).kernels.shape
        torch.Size([4, 7])
    """

    def __init__(self, config: EncoderConfig, layer: int = 0) -> None:
        super().__init__(config, layer)
        self.kernels = nn.Parameter(torch.randn(self.heads, self.width))

    def convolve(self, values: Tensor, segments: Tensor | None) -> Tensor:
        kernels = self.kernels.softmax(dim=1).repeat_interleave(values.shape[2] // self.heads, dim=0)
        return self.depthwise(values, kernels, 1, segments)
