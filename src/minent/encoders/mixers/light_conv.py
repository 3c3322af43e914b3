"""Light convolution: each token is a weighted mean of its neighbours, the weights shared by a group of channels."""

from __future__ import annotations

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

    def __init__(self, config: EncoderConfig, layer: int = 0) -> None:
        super().__init__()
        self.heads, self.width, self.causal = config.heads, config.kernel_size, config.causal
        self.enter, self.leave = nn.Linear(config.dim, 2 * config.dim), nn.Linear(config.dim, config.dim)

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        return self.leave(self.convolve(F.glu(self.enter(inputs)) * mask[:, :, None]))

    def convolve(self, values: Tensor) -> Tensor:
        """Mix `values (batch, length, dim)`, zero at padding."""
        raise NotImplementedError

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

    def convolve(self, values: Tensor) -> Tensor:
        channels = values.shape[2]
        kernels = self.kernels.softmax(dim=1).repeat_interleave(channels // self.heads, dim=0)
        return F.conv1d(self.padded(values).transpose(1, 2), kernels[:, None], groups=channels).transpose(1, 2)
