"""Routing: which capsule each input speaks for, and what the votes of each capsule add up to. Six ways behind one door.

The way of this room is K-Means inside one sample. With votes `u_ij` of input i for capsule j it lowers
`L = -(1/K) sum_i log sum_j exp(K <u_ij, v_j / |v_j|>)`. Each round computes the coupling `c_ij`, the softmax over
capsules, and then `v_j = sum_i c_ij u_ij`, whose direction is the exact minimiser for that coupling; so `L` never
rises. The sum, not the mean: a capsule with many or long members is long.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch.nn import functional as F

from minent.capsules.fixed_point import fixed_point
from minent.capsules.gaussians import em
from minent.capsules.salience import lengths, squash
from minent.capsules.votes import GivenVotes, Votes
from minent.errors import InputError, did_you_mean, listing, number, whole

ROUTINGS = ("kmeans", "sabour", "em", "inverted", "attention", "uniform")


class Way(NamedTuple):
    """How to route: what `route` and the layer hand on, checked."""

    routing: str
    rounds: int | None
    sharpness: float = 1.0
    tolerance: float | None = None
    queries: torch.Tensor | None = None
    costs: torch.Tensor | None = None


def route(
    votes: torch.Tensor,
    mask: torch.Tensor | None = None,
    *,
    rounds: int | None = 3,
    routing: str = "kmeans",
    sharpness: float = 1.0,
    tolerance: float | None = None,
    queries: torch.Tensor | None = None,
    costs: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cluster the votes of each sample into its capsules.

    `rounds` counts the sums that are taken. The first takes every coupling as `1 / capsules`, so `rounds=1` is plain
    pooling, and `rounds=3` is what the article calls r = 2 and its code calls routings = 3. None goes on until no
    direction moves, and takes the gradient at that point by the implicit function theorem, without keeping the rounds.

    Args:
        votes: Floating point `(batch, n, capsules, dim)`.
        mask: bool `(batch, n)`, True for an input that is real; None when all are. What lies under False is not read.
        rounds: At least 1; None, to convergence, with `"kmeans"` only. `"uniform"` and `"attention"` always take one.
        routing: `"kmeans"`; `"sabour"`, logits that add up and a squash in every round; `"em"`, a mixture of Gaussians;
            `"inverted"`, capsules normalised as a layer; `"attention"`, one look with fixed queries; `"uniform"`.
        sharpness: K above, of K-Means; 1 suffices where a learned transform makes the votes. Towards infinity it is
            Lloyd's step.
        tolerance: Largest movement of a direction's coordinate that still counts as rest, when `rounds` is None; None
            stands for `eps**0.75` of the dtype. A sample that does not rest is left after 1000 rounds.
        queries: `(capsules, dim)`, what `"attention"` looks for; needed there.
        costs: `(2, capsules)`: with `"em"`, the cost of using and the bonus of turning on each capsule; None for zeros.

    Returns:
        Vectors `(batch, capsules, dim)`, not squashed (but with `"em"` as long as the capsule is active, below one);
        and the last coupling `(batch, n, capsules)`: it sums to one over capsules, and is zero where the mask is False.

    Raises:
        InputError: Votes that are not four-axed, a mask that does not fit, an unknown routing, fewer than one round, or
            None with a routing that lowers nothing.

    Source:
        kexue.fm/archives/5112 (kmeans); Sabour, Frosst and Hinton (2017); Hinton, Sabour and Frosst (2018), em; Tsai et
        al. (2020), inverted; Locatello et al. (2020), whose slots with one round and learned starts are attention.

    Example:
        >>> votes = torch.tensor([[4.0, 0.0], [0.0, 4.0]]).view(1, 2, 1, 2).expand(1, 2, 3, 2)
        >>> vectors, coupling = route(votes, rounds=1)
        >>> vectors[0, 0], coupling[0, 0]
        (tensor([1.3333, 1.3333]), tensor([0.3333, 0.3333, 0.3333]))
    """
    if votes.ndim != 4:
        raise InputError(f"votes have shape {tuple(votes.shape)}; they take (batch, n, capsules, dim).")
    check_mask(mask, votes)
    way = Way(routing, rounds, sharpness, tolerance, queries, costs)
    check_way(way)
    if routing == "attention" and (queries is None or queries.shape != votes.shape[2:]):
        seen = None if queries is None else f"of shape {tuple(queries.shape)}"
        raise InputError(f"queries are {seen}, but attention takes one for each capsule: {tuple(votes.shape[2:])}.")
    if costs is not None and costs.shape != (2, votes.shape[2]):
        raise InputError(f"costs have shape {tuple(costs.shape)}; they take (2, {votes.shape[2]}).")
    if mask is not None:
        votes = votes.masked_fill(~mask[:, :, None, None], 0.0)
    return run(GivenVotes(votes, reality(mask, votes)), way)


def run(votes: Votes, way: Way) -> tuple[torch.Tensor, torch.Tensor]:
    """Go the way; everything has been checked."""
    if way.routing == "em":
        return em(votes.whole(), votes.real, way.rounds or 1, way.costs)
    if way.routing == "attention" and way.queries is not None:
        scores = votes.agree(way.queries.expand(len(votes.real), -1, -1)) / math.sqrt(way.queries.shape[-1])
        return _sum(votes, torch.softmax(scores, -1))
    start = _sum(votes, torch.full_like(votes.real, 1 / votes.capsules).unsqueeze(-1).expand(-1, -1, votes.capsules))
    if way.routing == "uniform":
        return start
    if way.rounds is None:
        return _to_rest(votes, start[0], way)
    return {"kmeans": _kmeans, "sabour": _sabour, "inverted": _inverted}[way.routing](votes, start, way)


def routing_objective(
    votes: torch.Tensor, vectors: torch.Tensor, mask: torch.Tensor | None = None, *, sharpness: float = 1.0
) -> torch.Tensor:
    """Return what K-Means routing lowers, per sample: the soft distance of every vote to the nearest direction.

    Args:
        votes: Floating point `(batch, n, capsules, dim)`.
        vectors: `(batch, capsules, dim)`, as `route` returns them.
        mask: bool `(batch, n)`, True for an input that is real; None when all are.
        sharpness: As in `route`.

    Returns:
        The objective `(batch)`; more rounds never raise it.

    Raises:
        InputError: A mask that does not fit.

    Source:
        kexue.fm/archives/5112; that it never rises is majorise-minimise, with the coupling held.

    Example:
        >>> votes = torch.eye(2).view(1, 2, 1, 2).expand(1, 2, 2, 2)
        >>> routing_objective(votes, torch.eye(2).unsqueeze(0))  # -2 log(e + 1)
        tensor([-2.6265])
    """
    check_mask(mask, votes)
    agreement = GivenVotes(votes, votes[..., 0, 0]).agree(_directions(vectors))
    nearest = torch.logsumexp(sharpness * agreement, -1) / sharpness
    return -(nearest if mask is None else nearest.masked_fill(~mask, 0.0)).sum(-1)


# --- the ways ---------------------------------------------------------------------------------------------------------


def _kmeans(votes: Votes, start: tuple[torch.Tensor, torch.Tensor], way: Way) -> tuple[torch.Tensor, torch.Tensor]:
    """Normalise, couple, sum: the objective falls with every round."""
    vectors, coupling = start
    for _ in range((way.rounds or 1) - 1):
        vectors, coupling = _sum(votes, _nearest(votes, vectors, way.sharpness))
    return vectors, coupling


def _to_rest(votes: Votes, start: torch.Tensor, way: Way) -> tuple[torch.Tensor, torch.Tensor]:
    """K-Means until no direction moves."""

    def step(votes: Votes, vectors: torch.Tensor) -> torch.Tensor:
        return _sum(votes, _nearest(votes, vectors, way.sharpness))[0]

    tolerance = torch.finfo(start.dtype).eps ** 0.75 if way.tolerance is None else way.tolerance
    vectors = fixed_point(step, votes, start, _directions, tolerance)
    return vectors, _nearest(votes, vectors, way.sharpness) * votes.real.unsqueeze(-1)


def _sabour(votes: Votes, start: tuple[torch.Tensor, torch.Tensor], way: Way) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits add up, so with many rounds each input ends whole in one capsule; capsules are squashed in every round."""
    vectors, coupling = start
    logits = torch.zeros_like(coupling)
    for _ in range((way.rounds or 1) - 1):
        logits = logits + votes.agree(squash(vectors, softness=1.0))
        vectors, coupling = _sum(votes, torch.softmax(logits, -1))
    return vectors, coupling


def _inverted(votes: Votes, start: tuple[torch.Tensor, torch.Tensor], way: Way) -> tuple[torch.Tensor, torch.Tensor]:
    """As K-Means, but capsules are normalised as a layer is: centred, and of length `sqrt(dim)`."""
    vectors, coupling = start
    for _ in range((way.rounds or 1) - 1):
        dim = vectors.shape[-1:]
        scores = votes.agree(F.layer_norm(vectors, dim)) / math.sqrt(dim[0])
        vectors, coupling = _sum(votes, torch.softmax(scores, -1))
    return vectors, coupling


def _nearest(votes: Votes, vectors: torch.Tensor, sharpness: float) -> torch.Tensor:
    return torch.softmax(sharpness * votes.agree(_directions(vectors)), -1)


def _sum(votes: Votes, coupling: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    coupling = coupling * votes.real.unsqueeze(-1)
    return votes.gather(coupling), coupling


def _directions(vectors: torch.Tensor) -> torch.Tensor:
    return vectors / lengths(vectors).unsqueeze(-1)


# --- at the door ------------------------------------------------------------------------------------------------------


def reality(mask: torch.Tensor | None, inputs: torch.Tensor) -> torch.Tensor:
    """Return the mask as numbers `(batch, n)`, of the dtype and on the device of the inputs."""
    return inputs.new_ones(inputs.shape[:2]) if mask is None else mask.to(inputs.dtype)


def check_mask(mask: torch.Tensor | None, inputs: torch.Tensor) -> None:
    """Refuse a mask that is not bool or not `(batch, n)`."""
    if mask is not None and (mask.dtype != torch.bool or mask.shape != inputs.shape[:2]):
        raise InputError(
            f"mask has shape {tuple(mask.shape)} and dtype {mask.dtype}; it takes bool of shape "
            f"{tuple(inputs.shape[:2])}, True where an input is real."
        )


def check_way(way: Way) -> None:
    """Refuse an unknown routing, and numbers out of range."""
    if way.routing not in ROUTINGS:
        hint = did_you_mean(str(way.routing), ROUTINGS)
        raise InputError(f"routing is {way.routing!r}; it is one of {listing(ROUTINGS)}.{hint}")
    if way.rounds is None and way.routing not in ("kmeans", "attention", "uniform"):
        raise InputError(f"rounds is None, to rest, but {way.routing!r} lowers no objective; give a number, or kmeans.")
    if way.rounds is not None:
        whole("rounds", way.rounds, 1, meaning=" (plain pooling is 1), or None, to rest")
    number("sharpness", way.sharpness, 0, ", such as 1", above=True)
    if way.tolerance is not None:
        number("tolerance", way.tolerance, 0, ", or None", above=True)
