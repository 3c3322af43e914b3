"""Dilated convolution: kernels whose taps stand further apart in each block, so that the reach grows fast."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from minent.encoders.mixers.light_conv import Convolution

if TYPE_CHECKING:
    from minent.encoders.skeleton import EncoderConfig


class DilatedConv(Convolution):
    """The `dilated_conv` mixer: `y[i] = sum_t w[t] x[i + (t - p) d]` with a kernel for each channel.

    The distance `d` of the taps is 1, 2, 4, ... from block to block, and begins again where the kernel would be longer
    than `max_length`.

    Args:
        config: The encoder's config.
        layer: Which block it stands in.

    Source:
        Tay et al. (2021), arXiv 2105.03322; Yu & Koltun (2015), arXiv 1511.07122 (dilation).

    Example:
        >>> from minent.encoders import EncoderConfig
        >>> shape = EncoderConfig(mixer="dilated_conv", vocab_size=9, dim=16, kernel_size=7, max_length=32)
        >>> [DilatedConv(shape, layer).dilation for layer in range(4)]
        [1, 2, 4, 1]
    """

    def __init__(self, config: EncoderConfig, layer: int = 0) -> None:
        super().__init__(config, layer)
        fitting = max(1, (config.max_length - 1) // (self.width - 1)) if self.width > 1 else 1
        self.dilation = 2 ** (layer % fitting.bit_length())
        self.kernels = nn.Parameter(torch.randn(config.dim, self.width) * self.width**-0.5)

    def convolve(self, values: Tensor, segments: Tensor | None) -> Tensor:
        return self.depthwise(values, self.kernels, self.dilation, segments)
