"""The capsule layer: a linear vote of each input for each capsule, routing, and one squash at the end."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from minent.capsules.routing import check_mask, route
from minent.capsules.salience import squash
from minent.errors import InputError, did_you_mean

ROUTINGS = ("kmeans", "uniform")


class CapsuleOutput(NamedTuple):
    """What a capsule layer gives.

    Attributes:
        vectors: `(batch, capsules, dim)`; the length of each, below one, is its salience.
        coupling: `(batch, n, capsules)`; how much each input speaks for each capsule. Sums to one over capsules,
            zero for padding.
    """

    vectors: torch.Tensor
    coupling: torch.Tensor


class CapsuleLayer(nn.Module):
    """Turn any number of feature vectors into a few capsules, by clustering them.

    With shared weights the order of the inputs does not matter; padding never does. The sum over inputs grows with
    their number, so the lengths of capsules compare samples only where those have similar numbers of inputs.

    Args:
        in_dim: Size of an input vector.
        capsules: How many vectors come out.
        dim: Size of each.
        rounds: Sums taken by K-Means routing, at least 1; 3 is the article's r = 2 and its code's routings = 3. Uniform
            routing takes one, whatever this says.
        routing: `"kmeans"`, or `"uniform"`: every input speaks for all capsules alike, the baseline to beat.
        shared: One transform for all inputs. False gives each position its own, up to `positions`.
        positions: The largest number of inputs, needed when `shared` is False.
        seed: Of the initial weights.

    Raises:
        InputError: A size below 1, an unknown routing, or `positions` missing.

    Source:
        kexue.fm/archives/5112; the transforms and the squash are Sabour, Frosst and Hinton's (2017).

    Example:
        >>> layer = CapsuleLayer(in_dim=8, capsules=3, dim=4)
        >>> mask = torch.tensor([[True, True, False], [True, False, False]])
        >>> layer(torch.ones(2, 3, 8), mask).vectors.shape
        torch.Size([2, 3, 4])
    """

    def __init__(
        self,
        in_dim: int,
        capsules: int,
        dim: int,
        rounds: int = 3,
        routing: str = "kmeans",
        shared: bool = True,
        *,
        positions: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        for name, value in {"in_dim": in_dim, "capsules": capsules, "dim": dim, "rounds": rounds}.items():
            if value < 1:
                raise InputError(f"{name} is {value!r}; it takes a whole number above zero.")
        if routing not in ROUTINGS:
            hint = did_you_mean(str(routing), ROUTINGS)
            raise InputError(f"routing is {routing!r}; it is 'kmeans' or 'uniform'.{hint}")
        if (positions is None) is not shared:
            raise InputError(f"shared is {shared}, but positions is {positions}; give positions when shared is False.")
        self.in_dim, self.capsules, self.dim = in_dim, capsules, dim
        self.rounds, self.routing, self.shared = rounds, routing, shared
        self.weight = nn.Parameter(torch.empty(1 if positions is None else positions, in_dim, capsules * dim))
        self.reset_parameters(seed)

    def reset_parameters(self, seed: int = 0) -> None:
        """Draw the weights again, uniform with the variance of Glorot's rule."""
        bound = (6 / (self.in_dim + self.capsules * self.dim)) ** 0.5
        with torch.no_grad():
            self.weight.uniform_(-bound, bound, generator=torch.Generator(self.weight.device).manual_seed(seed))

    def forward(self, inputs: torch.Tensor, mask: torch.Tensor | None = None) -> CapsuleOutput:
        """Cluster each sample.

        Args:
            inputs: Floating point `(batch, n, in_dim)`, any n (up to `positions`, when weights are not shared).
            mask: bool `(batch, n)`, True for a real input; None when all are. What lies under False is never read.

        Returns:
            Vectors and coupling. A sample without real inputs gives zeros.

        Raises:
            InputError: Shapes that do not fit.
        """
        self._check(inputs, mask)
        if mask is not None:
            inputs = inputs.masked_fill(~mask.unsqueeze(-1), 0.0)
        votes = self._votes(inputs)
        if votes.dtype in (torch.float16, torch.bfloat16):
            votes = votes.float()  # squared lengths of sums overflow float16
        vectors, coupling = route(votes, mask, rounds=self.rounds if self.routing == "kmeans" else 1)
        return CapsuleOutput(squash(vectors).to(inputs.dtype), coupling.to(inputs.dtype))

    def extra_repr(self) -> str:
        """Return what `print(layer)` shows in its parentheses."""
        positions = "shared" if self.shared else f"{len(self.weight)} positions"
        return f"{self.in_dim} -> {self.capsules} x {self.dim}, {self.routing}, rounds={self.rounds}, {positions}"

    def _votes(self, inputs: torch.Tensor) -> torch.Tensor:
        batch, n, _ = inputs.shape
        votes = inputs @ self.weight[0] if self.shared else torch.einsum("bni,nio->bno", inputs, self.weight[:n])
        return votes.view(batch, n, self.capsules, self.dim)

    def _check(self, inputs: torch.Tensor, mask: torch.Tensor | None) -> None:
        if inputs.ndim != 3 or inputs.shape[-1] != self.in_dim:
            raise InputError(f"inputs have shape {tuple(inputs.shape)}; they take (batch, n, {self.in_dim}).")
        if not self.shared and inputs.shape[1] > len(self.weight):
            raise InputError(
                f"inputs have {inputs.shape[1]} positions, but the layer has weights for {len(self.weight)}; "
                f"make it with more positions, or with shared=True."
            )
        check_mask(mask, inputs)
