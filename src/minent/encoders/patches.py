"""The image stem: a picture as a row of patches, which every mixer reads as it reads tokens."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from minent.errors import InputError, whole


class Patches(nn.Module):
    """Square images to embeddings of their patches, row by row from the upper left.

    The result goes straight into an `Encoder` whose `max_length` is at least `count`.

    Args:
        image_size: Height and width, in pixels.
        patch_size: Height and width of a patch, in pixels; divides `image_size`.
        channels: 1 for grey, 3 for colours.
        dim: Channels of the embeddings.

    Raises:
        InputError: A size below 1, or patches that do not fill the image.

    Source:
        Dosovitskiy et al. (2020), arXiv 2010.11929; J. Su, kexue.fm/archives/8431.

    Example:
        >>> from minent.encoders import Encoder, EncoderConfig
        >>> stem = Patches(28, 7, channels=1, dim=16)
        >>> encoder = Encoder(EncoderConfig(mixer="mlp_mixer", vocab_size=4, dim=16, layers=1, max_length=stem.count))
        >>> encoder(*stem(torch.zeros(2, 1, 28, 28))).shape
        torch.Size([2, 16, 16])
    """

    def __init__(self, image_size: int, patch_size: int, channels: int = 3, dim: int = 128) -> None:
        super().__init__()
        sizes = {"image_size": image_size, "patch_size": patch_size, "channels": channels, "dim": dim}
        for name, size in sizes.items():
            whole(name, size, 1)
        if image_size % patch_size:
            raise InputError(
                f"image_size is {image_size} and patch_size {patch_size}; choose a patch_size that divides image_size."
            )
        self.shape = (channels, image_size, image_size)
        self.count = (image_size // patch_size) ** 2
        self.project = nn.Conv2d(channels, dim, patch_size, stride=patch_size)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Embed `images`, float `(batch, channels, image_size, image_size)`.

        Returns:
            Embeddings, float `(batch, count, dim)`, and a mask, bool `(batch, count)`, all True.

        Raises:
            InputError: Images of another shape.
        """
        if images.ndim != 4 or images.shape[1:] != self.shape:
            raise InputError(
                f"images have shape {tuple(images.shape)}; (batch, {', '.join(map(str, self.shape))}) is needed."
            )
        embeddings = self.project(images).flatten(2).transpose(1, 2)
        return embeddings, torch.ones(embeddings.shape[:2], dtype=torch.bool, device=images.device)
