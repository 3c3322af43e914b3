"""A weighted sum over tokens whose weights know distances, not places."""

from __future__ import annotations

import torch
from torch import Tensor, nn

INITIAL_SCALE = 0.05


def same_document(segments: Tensor) -> Tensor:
    """Which tokens of a row have the same number, bool `(batch, length, length)`."""
    return segments[:, :, None] == segments[:, None, :]


class Toeplitz(nn.Module):
    """`outputs[i] = sum_j weight[j - i] inputs[j]`, with one set of weights for each group of channels.

    A matrix over tokens fixes the length; its Toeplitz form has one weight per distance, so every length up to
    `max_length` takes a slice of the same `2 * max_length - 1` weights, and a shifted text gives a shifted result.
    The weights start small and fall with the distance, so the layer begins as a faint local convolution.

    Args:
        heads: Groups of channels, each with its own weights.
        max_length: The longest input.
        causal: Use the weights of earlier tokens and of the token itself alone.

    Source:
        J. Su, kexue.fm/archives/8431 (token mixing by a learned matrix); Liu et al. (2021), arXiv 2105.08050.

    Example:
        >>> layer = Toeplitz(heads=1, max_length=4)
        >>> _ = layer.weight.data.copy_(torch.tensor([[0, 0, 0, 0, 1, 0, 0]]))  # only the next token counts
        >>> layer(torch.tensor([[[1.0], [2.0], [3.0]]])).flatten().tolist()
        [2.0, 3.0, 0.0]
    """

    def __init__(self, heads: int, max_length: int, causal: bool = False) -> None:
        super().__init__()
        self.heads, self.max_length, self.causal = heads, max_length, causal
        self.weight = nn.Parameter(torch.empty(heads, 2 * max_length - 1))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        distance = torch.arange(1 - self.max_length, self.max_length).abs()
        with torch.no_grad():
            self.weight.normal_().mul_(INITIAL_SCALE / (1 + distance))

    def forward(self, inputs: Tensor, segments: Tensor | None = None) -> Tensor:
        """Mix `inputs (batch, length, channels)`; padded tokens must be zero in it already.

        With `segments (batch, length)` a token is mixed with those of its own number alone.
        """
        batch, length, channels = inputs.shape
        grouped = inputs.view(batch, length, self.heads, channels // self.heads)
        if segments is None:
            mixed = torch.einsum("hij,bjhc->bihc", self.matrix(length), grouped)
        else:
            matrices = self.matrix(length) * same_document(segments)[:, None]
            mixed = torch.einsum("bhij,bjhc->bihc", matrices, grouped)
        return mixed.reshape(batch, length, channels)

    def matrix(self, length: int) -> Tensor:
        """The weights as `(heads, length, length)`: row `i` is the slice of weights that starts at distance `-i`."""
        window = self.weight[:, self.max_length - length : self.max_length + length - 1]
        square = window.unfold(1, length, 1).flip(1)
        return square.tril() if self.causal else square
