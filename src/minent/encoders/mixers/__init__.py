"""Token mixers: one file each, one table of names.

A mixer is a module built from an `EncoderConfig`, with `forward(inputs, mask)`: normalised `(batch, length, dim)` in,
the update of the residual stream out. It hides padded tokens right where it mixes, so that padding never changes a
result, and it knows only distances between tokens, so that the same weights serve any length up to `max_length`.
"""

from __future__ import annotations

from minent.encoders.mixers.attention import Attention
from minent.encoders.mixers.gmlp import GatedMLP

MIXERS: dict[str, type[Attention] | type[GatedMLP]] = {
    "attention": Attention,
    "gmlp": GatedMLP,
}
