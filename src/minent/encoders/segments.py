"""Documents that share a row, each set into a row of its own and back: any mixer keeps them apart so."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Segments:
    """Where each token of a packed batch stands when every document has its own row.

    Attributes:
        mask: bool `(documents, longest)`, True at a real token.
        places: Which of the flattened tokens of the packed batch are real, in their order.
        shape: `(rows, length)` of the packed batch.
    """

    mask: Tensor
    places: Tensor
    shape: tuple[int, int]

    @classmethod
    def of(cls, mask: Tensor, segments: Tensor) -> Segments:
        """Find the documents: runs of real tokens of one row with the same number.

        Args:
            mask: bool `(rows, length)`.
            segments: Number of the document of each token, `(rows, length)`; what stands at padding does not matter.

        Example:
            >>> Segments.of(torch.tensor([[True, True, True, False]]), torch.tensor([[4, 4, 7, 7]])).mask.int().tolist()
            [[1, 1], [1, 0]]
        """
        rows, length = mask.shape
        places = mask.flatten().nonzero().flatten()
        row, number = places // length, segments.flatten()[places]
        begins = torch.ones_like(places, dtype=torch.bool)
        begins[1:] = (row[1:] != row[:-1]) | (number[1:] != number[:-1])
        lengths = torch.diff(begins.nonzero().flatten(), append=torch.tensor([len(places)], device=places.device))
        longest = int(lengths.max()) if len(lengths) else 0
        return cls(torch.arange(longest, device=places.device) < lengths[:, None], places, (rows, length))

    def rows(self, packed: Tensor) -> Tensor:
        """`packed (rows, length, channels)` as `(documents, longest, channels)`, zero at padding."""
        apart = packed.new_zeros(*self.mask.shape, packed.shape[2])
        return apart.masked_scatter(self.mask[:, :, None], packed.flatten(0, 1)[self.places])

    def back(self, apart: Tensor) -> Tensor:
        """The inverse of `rows`."""
        rows, length = self.shape
        packed = apart.new_zeros(rows * length, apart.shape[2])
        return packed.index_copy(0, self.places, apart[self.mask]).view(rows, length, -1)
