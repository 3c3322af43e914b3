"""Dynamic convolution: each token predicts the weights of its own neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from minent.encoders.mixers.light_conv import Convolution

if TYPE_CHECKING:
    from minent.encoders.skeleton import EncoderConfig


class DynamicConv(Convolution):
    """The `dynamic_conv` mixer: light convolution with kernels `softmax(x[i] Wk)` predicted by the token itself.

    Args:
        config: The encoder's config.
        layer: Which block it stands in.

    Source:
        Wu et al. (2019), arXiv 1901.10430, section 4; Tay et al. (2021), arXiv 2105.03322 (pretrained).

    Example:
        >>> from minent.encoders import EncoderConfig
        >>> DynamicConv(EncoderConfig(mixer="dynamic_conv", vocab_size=9, dim=16, kernel_size=7)).predict.out_features
        28
    """

    def __init__(self, config: EncoderConfig, layer: int = 0) -> None:
        super().__init__(config, layer)
        self.predict = nn.Linear(config.dim, self.heads * self.width, bias=False)

    def convolve(self, values: Tensor, segments: Tensor | None) -> Tensor:
        batch, length, channels = values.shape
        kernels = self.predict(values).view(batch, length, self.heads, self.width).softmax(dim=-1)
        if segments is not None:
            numbers = self.padded(segments[:, :, None])[:, :, 0].unfold(1, self.width, 1)
            kernels = kernels * (numbers == segments[:, :, None])[:, :, None]
        windows = self.padded(values).unfold(1, self.width, 1)  # (batch, length, channels, width)
        grouped = windows.view(batch, length, self.heads, channels // self.heads, self.width)
        return torch.einsum("bnhck,bnhk->bnhc", grouped, kernels).reshape(batch, length, channels)

    @classmethod
    def macs_per_token(cls, config: EncoderConfig) -> int:
        return super().macs_per_token(config) + config.dim * config.heads * config.kernel_size
