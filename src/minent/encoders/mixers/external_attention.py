"""External attention: tokens look at a few learned slots rather than at each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from minent.encoders.mixers.interface import Mixer
from minent.encoders.mixers.places import place_code

if TYPE_CHECKING:
    from minent.encoders.skeleton import EncoderConfig

SLOTS = 64
EPSILON = 1e-9


class ExternalAttention(Mixer):
    """The `external_attention` mixer: `A Mv`, with `A = norm((X + P) Mk^T)` over 64 learned slots.

    The variant `double` (the default, and what the authors published) takes the softmax over the tokens and then
    divides by the sum over the slots, so tokens meet through the normaliser. `slots` (the form of the article) takes
    the softmax over the slots: each token is then read alone, and only that form is causal. Neither tells places
    apart, hence the code `P`.

    Args:
        config: The encoder's config.
        layer: Which block it stands in.

    Source:
        Guo et al. (2021), arXiv 2105.02358; J. Su, kexue.fm/archives/8431.

    Example:
        >>> from minent.encoders import EncoderConfig
        >>> ExternalAttention(EncoderConfig(mixer="external_attention", vocab_size=9, dim=16)).keys.shape
        torch.Size([64, 16])
    """

    variants = ("double", "slots")
    counts_places = True

    def __init__(self, config: EncoderConfig, layer: int = 0) -> None:
        super().__init__()
        self.over_tokens = self.form(config.variant) == "double"
        self.keys = nn.Parameter(torch.randn(SLOTS, config.dim) * config.dim**-0.5)
        self.values = nn.Parameter(self.keys.detach().clone())

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        scores = (inputs + place_code(inputs.shape[1], inputs)) @ self.keys.T
        if not self.over_tokens:
            return scores.softmax(dim=-1) @ self.values
        hidden = scores.masked_fill(~mask[:, :, None], torch.finfo(scores.dtype).min)
        shares = hidden.softmax(dim=1)
        return shares / (EPSILON + shares.sum(dim=-1, keepdim=True)) @ self.values

    @classmethod
    def why_not_causal(cls, variant: str = "") -> str:
        return "" if cls.form(variant) == "slots" else "its softmax runs over all tokens (variant='slots' has none)"

    @classmethod
    def macs_per_token(cls, config: EncoderConfig) -> int:
        return 2 * SLOTS * config.dim
