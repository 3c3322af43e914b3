"""EM routing: each capsule is a Gaussian over the votes for it, and the more tightly they agree the more it is active.

Source: Hinton, Sabour and Frosst, Matrix capsules with EM routing (2018), procedure 1. All inputs are taken as active.
"""

from __future__ import annotations

import math

import torch

from minent.capsules.salience import lengths

_LEAST_VARIANCE = 1e-6  # of one coordinate: votes that all agree would have none
_LEAST_MASS = 1e-9
_LAST_TEMPER, _DECAY = 0.01, 0.95  # the inverse temperature of activation, 0.01 (1 - 0.95**round): theirs


def em(
    votes: torch.Tensor, real: torch.Tensor, rounds: int, costs: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return vectors that point along the means and are as long as the capsules are active, and the coupling.

    Args:
        votes: `(batch, n, capsules, dim)`.
        real: `(batch, n)`, 1.0 or 0.0.
        rounds: M-steps, at least 1.
        costs: `(2, capsules)`: beta_u, the cost of a share of an input, and beta_a, the bonus of being active.
    """
    capsules = votes.shape[2]
    use, bonus = votes.new_zeros(2, capsules) if costs is None else costs
    coupling = (real / capsules).unsqueeze(-1).expand(votes.shape[:3])
    for turn in range(1, rounds + 1):
        means, variances, mass = _gaussians(votes, coupling)
        cost = ((use.unsqueeze(-1) + variances.log() / 2) * mass.unsqueeze(-1)).sum(-1)
        temper = _LAST_TEMPER * (1 - _DECAY**turn)
        evidence = temper * (bonus - cost)
        if turn < rounds:
            likelihood = -((votes - means.unsqueeze(1)).square() / variances.unsqueeze(1)).sum(-1)
            likelihood = (likelihood - (math.tau * variances).log().sum(-1).unsqueeze(1)) / 2
            scores = torch.nn.functional.logsigmoid(evidence).unsqueeze(1) + likelihood
            coupling = torch.softmax(scores, -1) * real.unsqueeze(-1)
    active = torch.sigmoid(evidence) * real.any(1, keepdim=True)
    return means / lengths(means).unsqueeze(-1) * active.unsqueeze(-1), coupling


def _gaussians(votes: torch.Tensor, coupling: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The M-step: means and variances `(batch, capsules, dim)`, and the inputs that each capsule holds."""
    mass = coupling.sum(1)
    shares = coupling / mass.clamp_min(_LEAST_MASS).unsqueeze(1)
    means = torch.einsum("bnk,bnkd->bkd", shares, votes)
    variances = torch.einsum("bnk,bnkd->bkd", shares, (votes - means.unsqueeze(1)).square())
    return means, variances + _LEAST_VARIANCE, mass
