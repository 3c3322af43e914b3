"""The gated MLP with a little attention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minent.encoders.mixers.gmlp import GatedMLP

if TYPE_CHECKING:
    from minent.encoders.skeleton import EncoderConfig

WIDTH = 64


class AttentiveMLP(GatedMLP):
    """The `amlp` mixer: `gmlp` with one attention head in its gate, `config.tiny_attention` or else 64 channels wide.

    Args:
        config: The encoder's config.
        layer: Which block it stands in.

    Source:
        Liu et al. (2021), arXiv 2105.08050, section 4.3.

    Example:
        >>> from minent.encoders import EncoderConfig
        >>> AttentiveMLP(EncoderConfig(mixer="amlp", vocab_size=9, dim=16)).attention.head_dim
        64
    """

    @classmethod
    def attention_width(cls, config: EncoderConfig) -> int:
        return config.tiny_attention or WIDTH
