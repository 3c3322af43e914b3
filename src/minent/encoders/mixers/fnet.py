"""FNet: a Fourier transform in place of learned mixing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from minent.encoders.mixers.interface import Mixer

if TYPE_CHECKING:
    from minent.encoders.skeleton import EncoderConfig


class FNet(Mixer):
    """The `fnet` mixer: the real part of the Fourier transform over tokens and channels, of each row's own length.

    Full rows go through the fast transform. Padded ones are transformed exactly at their true lengths, by real
    matrices: `Re(F X F) = C X C - S X S`, `C` and `S` holding cosines and sines. The result is divided by
    `sqrt(length * dim)`, which leaves the size of the vectors as it was: the published form is not scaled, and its
    post-norm hides that; here it would drown the residual stream.

    Args:
        config: The encoder's config.
        layer: Which block it stands in.

    Source:
        Lee-Thorp et al. (2021), arXiv 2105.03824; the real form: J. Su, kexue.fm/archives/8431.

    Example:
        >>> from minent.encoders import EncoderConfig
        >>> mixer = FNet(EncoderConfig(mixer="fnet", vocab_size=9, dim=8))
        >>> inputs = torch.randn(1, 3, 8, generator=torch.Generator().manual_seed(0))
        >>> found = mixer(inputs, torch.ones(1, 3, dtype=torch.bool)) * (3 * 8) ** 0.5
        >>> bool(torch.allclose(found, torch.fft.fft2(inputs).real, atol=1e-5))
        True
    """

    counts_places = True

    def __init__(self, config: EncoderConfig, layer: int = 0) -> None:
        super().__init__()

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        wide = inputs if inputs.dtype == torch.float64 else inputs.float()  # no transform is made for half precision
        lengths = mask.sum(dim=1)
        if bool(mask.all()):
            mixed = torch.fft.fft2(wide).real
        else:
            mixed = real_transform(wide * mask[:, :, None], lengths)
        size = (lengths.clamp_min(1) * inputs.shape[2]).to(wide.dtype)
        return mixed * size.rsqrt()[:, None, None]

    @classmethod
    def why_not_causal(cls, variant: str = "") -> str:
        return "every output of a Fourier transform depends on every input"

    @classmethod
    def macs_per_token(cls, config: EncoderConfig) -> int:
        """Multiply-adds of the fast transform, `2.5 log2(length * dim)` per number."""
        return round(2.5 * config.dim * math.log2(config.max_length * config.dim))


def real_transform(inputs: Tensor, lengths: Tensor) -> Tensor:
    """The real part of the transform of each row at its own length.

    Args:
        inputs: float `(batch, length, dim)`, zero behind the end of each row.
        lengths: int64 `(batch,)`.

    Returns:
        float `(batch, length, dim)`, zero behind the end of each row.
    """
    places = torch.arange(inputs.shape[1], device=inputs.device)
    channels = torch.arange(inputs.shape[2], device=inputs.device)
    inside = places < lengths[:, None]
    cosine, sine = (table * inside[:, :, None] for table in _tables(places, lengths.clamp_min(1), inputs.dtype))
    (channel_cosine,), (channel_sine,) = _tables(channels, lengths.new_tensor([len(channels)]), inputs.dtype)
    return cosine @ (inputs @ channel_cosine) - sine @ (inputs @ channel_sine)


def _tables(places: Tensor, lengths: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and sines of `2 pi i j / length`, `(batch, places, places)`; the product is reduced while still whole."""
    turns = (places[:, None] * places)[None] % lengths[:, None, None]
    angles = turns.to(dtype) * (2 * math.pi / lengths.to(dtype))[:, None, None]
    return angles.cos(), angles.sin()
