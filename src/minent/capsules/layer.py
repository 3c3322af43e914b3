"""The capsule layer: a linear vote of each input for each capsule, routing, and one squash at the end."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from minent.capsules.routing import Way, check_mask, check_way, reality, run
from minent.capsules.salience import check_squash, squash
from minent.capsules.votes import GivenVotes, SharedVotes, Votes
from minent.errors import InputError, did_you_mean, listing, whole

TOTALS = {"sum": 0.0, "root": 0.5, "mean": 1.0}  # by which power of the number of inputs a sum of votes is divided
_LEAST_SHARE = 1e-30


class CapsuleOutput(NamedTuple):
    """What a capsule layer gives.

    Attributes:
        vectors: `(batch, capsules, dim)`; the length of each, below one, is its salience.
        coupling: `(batch, n, capsules)`; how much each input speaks for each capsule. Sums to one over capsules,
            zero for padding.
    """

    vectors: torch.Tensor
    coupling: torch.Tensor

    @property
    def entropy(self) -> torch.Tensor:
        """How undecided each input is, `(batch, n)`, in nats: 0 when it speaks for one capsule, or is padding."""
        return -(self.coupling * self.coupling.clamp_min(_LEAST_SHARE).log()).sum(-1)


class CapsuleLayer(nn.Module):
    """Turn any number of feature vectors into a few capsules, by clustering them.

    With shared weights the order of the inputs does not matter; padding never does. The sum over inputs grows with
    their number, so the lengths of capsules compare samples only where those have similar numbers of inputs, or where
    `total` divides it away.

    Args:
        in_dim: Size of an input vector.
        capsules: How many vectors come out.
        dim: Size of each.
        rounds: Sums taken by routing, at least 1; 3 is the article's r = 2 and its code's routings = 3. None goes on
            until nothing moves, with the implicit gradient of that point (K-Means only). Uniform and attention routing
            take one, whatever this says.
        routing: `"kmeans"`, `"sabour"`, `"em"`, `"inverted"`, `"attention"` (a learned query for each capsule), or
            `"uniform"`: every input speaks for all capsules alike, the baseline to beat. `route` tells them apart.
        shared: One transform for all inputs. False gives each position its own, up to `positions`.
        positions: The largest number of inputs, needed when `shared` is False.
        inner_dim: With `shared` False, makes the transforms factors: each position has its own to this size, and all
            share the one from there to the capsules, `positions + 1` small matrices instead of `positions` large ones.
        squashing: `"rational"`, `"exponential"`, `"root"` or `"tanh"`, as in `squash`; EM has its own activation.
        softness: The squared length that becomes one half.
        total: `"sum"` of the votes, as in the article; `"root"` divides it by the root of the number of inputs, which
            keeps sums of unrelated votes level; `"mean"` divides it by the number.
        tolerance: Of `route`, when `rounds` is None.
        seed: Of the initial weights.

    Raises:
        InputError: A size below 1, an unknown routing, squashing or total, or `positions` missing.

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
        rounds: int | None = 3,
        routing: str = "kmeans",
        shared: bool = True,
        *,
        positions: int | None = None,
        inner_dim: int | None = None,
        squashing: str = "rational",
        softness: float = 0.5,
        total: str = "sum",
        tolerance: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        sizes = {"in_dim": in_dim, "capsules": capsules, "dim": dim, "positions": positions, "inner_dim": inner_dim}
        _check_sizes(sizes, shared)
        check_way(Way(routing, rounds, tolerance=tolerance))
        check_squash(softness, squashing)
        whole("seed", seed, 0)
        if total not in TOTALS:
            raise InputError(f"total is {total!r}; it is one of {listing(TOTALS)}.{did_you_mean(str(total), TOTALS)}")
        self.in_dim, self.capsules, self.dim = in_dim, capsules, dim
        self.rounds, self.routing, self.shared, self.positions = rounds, routing, shared, positions
        self.squashing, self.softness, self.total, self.tolerance = squashing, softness, total, tolerance
        own = positions if positions is not None and inner_dim is None else 1
        self.weight = nn.Parameter(torch.empty(own, inner_dim or in_dim, capsules * dim))
        self.position_weight = None
        if positions is not None and inner_dim is not None:
            self.position_weight = nn.Parameter(torch.empty(positions, in_dim, inner_dim))
        self.queries = nn.Parameter(torch.empty(capsules, dim)) if routing == "attention" else None
        self.costs = nn.Parameter(torch.empty(2, capsules)) if routing == "em" else None
        self.reset_parameters(seed)

    def reset_parameters(self, seed: int = 0) -> None:
        """Draw the weights again, uniform with the variance of Glorot's rule; queries are normal, costs zero."""
        generator = torch.Generator(self.weight.device).manual_seed(seed)
        with torch.no_grad():
            for weight in (self.weight, self.position_weight):
                if weight is not None:
                    bound = (6 / sum(weight.shape[1:])) ** 0.5
                    weight.uniform_(-bound, bound, generator=generator)
            if self.queries is not None:
                self.queries.normal_(generator=generator)
            if self.costs is not None:
                self.costs.zero_()

    def forward(self, inputs: torch.Tensor, mask: torch.Tensor | None = None) -> CapsuleOutput:
        """Cluster each sample.

        Args:
            inputs: Floating point `(batch, n, in_dim)`, finite, any n (up to `positions`, when weights are not shared).
            mask: bool `(batch, n)`, True for a real input; None when all are. What lies under False is never read.

        Returns:
            Vectors and coupling. A sample without real inputs gives zeros.

        Raises:
            InputError: Shapes that do not fit, or, on the CPU, real inputs that are NaN or infinite.
        """
        self._check(inputs, mask)
        if mask is not None:
            inputs = inputs.masked_fill(~mask.unsqueeze(-1), 0.0)
        _check_finite(inputs)
        with torch.autocast(inputs.device.type, enabled=False):  # squared lengths of sums overflow float16
            votes = self._votes(inputs, mask)
            vectors, coupling = run(votes, self._way(inputs))
            if self.routing != "em":  # which has an activation of its own
                count = votes.real.sum(1).clamp_min(1.0)[:, None, None]
                vectors = squash(vectors / count ** TOTALS[self.total], self.softness, kind=self.squashing)
        return CapsuleOutput(vectors.to(inputs.dtype), coupling.to(inputs.dtype))

    def extra_repr(self) -> str:
        """Return what `print(layer)` shows in its parentheses."""
        rounds = "to rest" if self.rounds is None else f"rounds={self.rounds}"
        places = "shared" if self.shared else f"{self.positions} positions"
        if self.position_weight is not None:
            places += f" in {self.position_weight.shape[-1]}"
        return f"{self.in_dim} -> {self.capsules} x {self.dim}, {self.routing}, {rounds}, {places}"

    def _votes(self, inputs: torch.Tensor, mask: torch.Tensor | None) -> Votes:
        """Votes in float32 or wider, whatever the inputs are."""
        dtype = torch.float64 if inputs.dtype == torch.float64 else torch.float32
        inputs, weight = inputs.to(dtype), self.weight.to(dtype).unflatten(-1, (self.capsules, self.dim))
        real = reality(mask, inputs)
        if self.position_weight is not None:
            inputs = torch.einsum("bni,nio->bno", inputs, self.position_weight[: inputs.shape[1]].to(dtype))
        if len(weight) == 1 and (self.shared or self.position_weight is not None):
            return SharedVotes(inputs, weight[0], real)
        return GivenVotes(torch.einsum("bni,nikd->bnkd", inputs, weight[: inputs.shape[1]]), real)

    def _way(self, inputs: torch.Tensor) -> Way:
        dtype = torch.float64 if inputs.dtype == torch.float64 else torch.float32
        queries = None if self.queries is None else self.queries.to(dtype)
        costs = None if self.costs is None else self.costs.to(dtype)
        return Way(self.routing, self.rounds, 1.0, self.tolerance, queries, costs)

    def _check(self, inputs: torch.Tensor, mask: torch.Tensor | None) -> None:
        if inputs.ndim != 3 or inputs.shape[-1] != self.in_dim:
            raise InputError(f"inputs have shape {tuple(inputs.shape)}; they take (batch, n, {self.in_dim}).")
        if self.positions is not None and inputs.shape[1] > self.positions:
            raise InputError(
                f"inputs have {inputs.shape[1]} positions, but the layer has weights for {self.positions}; "
                f"make it with more positions, or with shared=True."
            )
        check_mask(mask, inputs)


def _check_sizes(sizes: dict[str, int | None], shared: bool) -> None:
    for name, value in sizes.items():
        if value is not None:
            whole(name, value, 1)
    if (sizes["positions"] is None) is not shared:
        raise InputError(
            f"shared is {shared}, but positions is {sizes['positions']}; give positions when shared is False."
        )
    if sizes["inner_dim"] is not None and shared:
        raise InputError("inner_dim is given, but shared is True; give shared=False and positions with it.")


def _check_finite(inputs: torch.Tensor) -> None:
    """Name the first input that is NaN or infinite. On a GPU the answer would have to be waited for."""
    if inputs.device.type != "cpu" or torch.compiler.is_compiling():
        return
    if not torch.isfinite(inputs.detach().sum()) and (bad := ~torch.isfinite(inputs.detach())).any():
        sample, place, feature = bad.nonzero()[0].tolist()
        raise InputError(
            f"inputs[{sample}, {place}, {feature}] is {inputs[sample, place, feature].item()} ({int(bad.sum())} of "
            f"{bad.numel()} numbers are not finite); if it is padding, say so in mask, True where an input is real."
        )
