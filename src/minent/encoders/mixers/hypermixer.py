"""HyperMixer: the weights of the token MLP are made from the tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional as F

from minent.encoders.mixers.interface import Mixer
from minent.encoders.mixers.places import place_code

if TYPE_CHECKING:
    from minent.encoders.skeleton import EncoderConfig


class HyperMixer(Mixer):
    """The `hypermixer` mixer: `norm(W2 gelu(W1^T X))`, with `W1 = mlp1(X + P)` and `W2 = mlp2(X + P)`.

    Two small networks make the rows of `W1` and `W2` from each token and the code `P` of its place, so the cost is
    linear in the length and no length is too long.

    Args:
        config: The encoder's config.
        layer: Which block it stands in.

    Source:
        Mai et al. (2022), arXiv 2203.03691.

    Example:
        >>> from minent.encoders import EncoderConfig
        >>> HyperMixer(EncoderConfig(mixer="hypermixer", vocab_size=9, dim=16)).first[0].out_features
        16
    """

    counts_places = True

    def __init__(self, config: EncoderConfig, layer: int = 0) -> None:
        super().__init__()
        dim = config.dim
        self.first = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, dim))
        self.second = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, dim))
        self.leave = nn.LayerNorm(dim)

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        placed = inputs + place_code(inputs.shape[1], inputs)
        first = self.first(placed) * mask[:, :, None]
        hidden = F.gelu(first.transpose(1, 2) @ inputs)
        return self.leave(self.second(placed) @ hidden)

    @classmethod
    def why_not_causal(cls, variant: str = "") -> str:
        return "its hidden layer is a sum over all tokens"

    @classmethod
    def macs_per_token(cls, config: EncoderConfig) -> int:
        return 4 * config.dim**2 + 2 * config.dim**2
