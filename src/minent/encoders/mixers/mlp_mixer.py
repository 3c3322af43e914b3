"""The MLP-Mixer: a two-layer perceptron over the tokens of each channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional as F

from minent.encoders.mixers.interface import Mixer
from minent.encoders.mixers.places import PlaceLinear

if TYPE_CHECKING:
    from minent.encoders.skeleton import EncoderConfig


class MLPMixer(Mixer):
    """The `mlp_mixer` mixer: `W2 gelu(W1 X + b1) + b2`, with `W1 (dim / 2, max_length)` shared by all channels.

    A shorter row uses the first columns of `W1` and the first rows of `W2`. The causal form has one hidden unit for
    each place instead: it sees the tokens up to there, and only that token and later ones see it.

    Args:
        config: The encoder's config.
        layer: Which block it stands in.

    Source:
        Tolstikhin et al. (2021), arXiv 2105.01601.

    Example:
        >>> from minent.encoders import EncoderConfig
        >>> MLPMixer(EncoderConfig(mixer="mlp_mixer", vocab_size=9, dim=16, max_length=6)).enter.weight.shape
        torch.Size([8, 6])
    """

    counts_places = True
    bounded = True

    def __init__(self, config: EncoderConfig, layer: int = 0) -> None:
        super().__init__()
        length = config.max_length
        hidden = length if config.causal else config.dim // 2
        self.enter = PlaceLinear(length, hidden, config.causal)
        self.leave = PlaceLinear(hidden, length, config.causal)

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        hidden = F.gelu(self.enter(inputs * mask[:, :, None], len(self.enter.bias)))
        return self.leave(hidden, inputs.shape[1])

    @classmethod
    def macs_per_token(cls, config: EncoderConfig) -> int:
        return 2 * config.dim * (config.max_length if config.causal else config.dim // 2)
