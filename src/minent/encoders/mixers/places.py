"""What knows places rather than distances: a linear map over tokens, and a code that tells places apart."""

from __future__ import annotations

import torch
from torch import Tensor, nn

CODE_BASE = 10_000.0


class PlaceLinear(nn.Module):
    """`outputs[i] = sum_j weight[i, j] inputs[j] + bias[i]`: a linear layer over tokens, the same for every channel.

    A shorter row takes the upper left part of the weights.

    Args:
        in_places: The longest input.
        out_places: The longest output.
        causal: Use the weights of earlier places and of the place itself alone; the map is square then.

    Source:
        J. Su, kexue.fm/archives/8431 (crop the upper left block); initialised as `torch.nn.Linear`.

    Example:
        >>> layer = PlaceLinear(3, 3)
        >>> _ = layer.weight.data.copy_(torch.ones(3, 3)), layer.bias.data.copy_(torch.tensor([0.0, 10.0, 20.0]))
        >>> layer(torch.tensor([[[1.0], [2.0]]]), 2).flatten().tolist()
        [3.0, 13.0]
    """

    def __init__(self, in_places: int, out_places: int, causal: bool = False) -> None:
        super().__init__()
        self.causal = causal
        bound = in_places**-0.5
        self.weight = nn.Parameter(torch.empty(out_places, in_places).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(out_places).uniform_(-bound, bound))

    def forward(self, inputs: Tensor, out_places: int) -> Tensor:
        """Map `inputs (batch, places, channels)` to `(batch, out_places, channels)`; padding must be zero in them."""
        weight = self.weight.tril() if self.causal else self.weight
        return weight[:out_places, : inputs.shape[1]] @ inputs + self.bias[:out_places, None]


def place_code(length: int, like: Tensor) -> Tensor:
    """Sines and cosines that tell places apart at any length, `(length, channels of like)`.

    Source:
        Vaswani et al. (2017), arXiv 1706.03762, section 3.5; the sines first, then the cosines.

    Example:
        >>> place_code(2, torch.zeros(1, 2))
        tensor([[0.0000, 1.0000],
                [0.8415, 0.5403]])
    """
    dim = like.shape[-1]
    speeds = CODE_BASE ** -(torch.arange(0, dim, 2, device=like.device) / dim)
    angles = torch.arange(length, device=like.device)[:, None] * speeds
    return torch.cat([angles.sin(), angles.cos()], dim=-1).to(like.dtype)
