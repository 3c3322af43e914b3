"""Routing as K-Means inside one sample: which of the capsules each input speaks for, and what they add up to.

With votes `u_ij` of input i for capsule j, routing lowers `L = -(1/K) sum_i log sum_j exp(K <u_ij, v_j / |v_j|>)`. Each
round computes the coupling `c_ij`, the softmax over capsules, and then `v_j = sum_i c_ij u_ij`, the exact minimiser for
that coupling; so `L` never rises. The sum, not the mean: a capsule with many or long members is long.
"""

from __future__ import annotations

import torch

from minent.capsules.salience import lengths
from minent.errors import InputError


def route(
    votes: torch.Tensor, mask: torch.Tensor | None = None, *, rounds: int = 3, sharpness: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cluster the votes of each sample into its capsules.

    `rounds` counts the sums that are taken. The first takes every coupling as `1 / capsules`, so `rounds=1` is plain
    pooling, and `rounds=3` is what the article calls r = 2 and its code calls routings = 3.

    Args:
        votes: Floating point `(batch, n, capsules, dim)`.
        mask: bool `(batch, n)`, True for an input that is real; None when all are.
        rounds: At least 1.
        sharpness: K above; 1 suffices where a learned transform makes the votes. Towards infinity it is Lloyd's step.

    Returns:
        Vectors `(batch, capsules, dim)`, not squashed, and the last coupling `(batch, n, capsules)`: it sums to one
        over capsules, and is zero where the mask is False.

    Raises:
        InputError: Votes that are not four-axed, a mask that does not fit, or fewer than one round.

    Source:
        kexue.fm/archives/5112.

    Example:
        >>> votes = torch.tensor([[4.0, 0.0], [0.0, 4.0]]).view(1, 2, 1, 2).expand(1, 2, 3, 2)
        >>> vectors, coupling = route(votes, rounds=1)
        >>> vectors[0, 0], coupling[0, 0]
        (tensor([1.3333, 1.3333]), tensor([0.3333, 0.3333, 0.3333]))
    """
    if votes.ndim != 4:
        raise InputError(f"votes have shape {tuple(votes.shape)}; they take (batch, n, capsules, dim).")
    check_mask(mask, votes)
    if rounds < 1:
        raise InputError(f"rounds is {rounds}; it takes 1 (plain pooling) or more.")
    real = torch.ones_like(votes[..., 0, 0]) if mask is None else mask.to(votes.dtype)
    coupling = (real / votes.shape[2]).unsqueeze(-1).expand(votes.shape[:3])
    vectors = _gather(coupling, votes)
    for _ in range(rounds - 1):
        coupling = torch.softmax(sharpness * _agreement(votes, vectors), -1) * real.unsqueeze(-1)
        vectors = _gather(coupling, votes)
    return vectors, coupling


def routing_objective(
    votes: torch.Tensor, vectors: torch.Tensor, mask: torch.Tensor | None = None, *, sharpness: float = 1.0
) -> torch.Tensor:
    """Return what routing lowers, per sample: the soft distance of every vote to the nearest capsule direction.

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
    nearest = torch.logsumexp(sharpness * _agreement(votes, vectors), -1) / sharpness
    return -(nearest if mask is None else nearest.masked_fill(~mask, 0.0)).sum(-1)


def check_mask(mask: torch.Tensor | None, inputs: torch.Tensor) -> None:
    """Refuse a mask that is not bool or not `(batch, n)`."""
    if mask is not None and (mask.dtype != torch.bool or mask.shape != inputs.shape[:2]):
        raise InputError(
            f"mask has shape {tuple(mask.shape)} and dtype {mask.dtype}; it takes bool of shape "
            f"{tuple(inputs.shape[:2])}, True where an input is real."
        )


def _agreement(votes: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    return torch.einsum("bnkd,bkd->bnk", votes, vectors / lengths(vectors).unsqueeze(-1))


def _gather(coupling: torch.Tensor, votes: torch.Tensor) -> torch.Tensor:
    return torch.einsum("bnk,bnkd->bkd", coupling, votes)
