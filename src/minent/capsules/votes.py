"""What each input says each capsule should be, and the two things that routing asks of it.

A vote is `u_ij = W_j x_i`. Routing needs only sums of votes and their products with vectors, and with shared weights
both pass through the weights: `sum_i c_ij W_j x_i = W_j sum_i c_ij x_i`, and `<W_j x_i, v> = <x_i, W_j' v>`. So the
`(batch, n, capsules, dim)` votes, the largest tensor of a capsule layer, are never made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch


class Votes(Protocol):
    """The votes of n inputs of each sample for every capsule."""

    @property
    def real(self) -> torch.Tensor:
        """1.0 for an input that is real, 0.0 for padding, `(batch, n)`."""

    @property
    def capsules(self) -> int:
        """How many vectors come out."""

    def whole(self) -> torch.Tensor:
        """All votes, `(batch, n, capsules, dim)`."""

    def gather(self, coupling: torch.Tensor) -> torch.Tensor:
        """Sum of votes, weighted by `(batch, n, capsules)`: `(batch, capsules, dim)`."""

    def agree(self, vectors: torch.Tensor) -> torch.Tensor:
        """Products of every vote with the vector of its capsule, `(batch, n, capsules)`."""

    def detached(self) -> Votes:
        """The same votes, outside any graph."""


@dataclass(frozen=True)
class GivenVotes:
    """Votes `(batch, n, capsules, dim)` that somebody else has made."""

    votes: torch.Tensor
    real: torch.Tensor

    @property
    def capsules(self) -> int:
        return self.votes.shape[2]

    def whole(self) -> torch.Tensor:
        return self.votes

    def gather(self, coupling: torch.Tensor) -> torch.Tensor:
        return torch.einsum("bnk,bnkd->bkd", coupling, self.votes)

    def agree(self, vectors: torch.Tensor) -> torch.Tensor:
        return torch.einsum("bnkd,bkd->bnk", self.votes, vectors)

    def detached(self) -> GivenVotes:
        return GivenVotes(self.votes.detach(), self.real)


@dataclass(frozen=True)
class SharedVotes:
    """Inputs `(batch, n, in_dim)` and weights `(in_dim, capsules, dim)` that all of them share."""

    inputs: torch.Tensor
    weight: torch.Tensor
    real: torch.Tensor

    @property
    def capsules(self) -> int:
        return self.weight.shape[1]

    def whole(self) -> torch.Tensor:
        return torch.einsum("bni,ikd->bnkd", self.inputs, self.weight)

    def gather(self, coupling: torch.Tensor) -> torch.Tensor:
        return torch.einsum("bki,ikd->bkd", coupling.transpose(1, 2) @ self.inputs, self.weight)

    def agree(self, vectors: torch.Tensor) -> torch.Tensor:
        return self.inputs @ torch.einsum("ikd,bkd->bik", self.weight, vectors)

    def detached(self) -> SharedVotes:
        return SharedVotes(self.inputs.detach(), self.weight.detach(), self.real)
