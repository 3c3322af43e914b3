"""The temperature at which softmax has a stated entropy: calibration and neighbourhood sizes, solved per row."""

from __future__ import annotations

import math

import torch

from minent.errors import InputError
from minent.simplex.balance import falling_root
from minent.simplex.rows import open_rows


def temperature_for_entropy(scores: torch.Tensor, entropy: float | torch.Tensor) -> torch.Tensor:
    """Find for each row the temperature at which `softmax(scores / temperature)` has the stated entropy.

    The unknown is the logarithm of `1 / temperature`, in which the entropy falls; its two derivatives come from the
    cumulants of the scores, so a few Halley steps suffice. Computed in float64 whatever the scores are.

    Args:
        scores: Floating point `(..., d)`; `-inf` masks an entry.
        entropy: Target in nats, one number or a tensor of shape `(...)`. Each must lie strictly between
            `log(m)` and `log(n)` of its row: m scores tie for the largest and n are unmasked.

    Returns:
        Temperatures above zero, shape `(...)`, dtype of `scores`, without gradient.

    Raises:
        InputError: A target that no temperature reaches, named with its row and range; scores that hold NaN or `+inf`.

    Source:
        van der Maaten and Hinton (2008) for the target, as perplexity; they halve, where this needs few steps.

    Example:
        >>> scores = torch.tensor([[3.0, 1.0, 0.0]], dtype=torch.float64)
        >>> temperature = temperature_for_entropy(scores, 0.5)
        >>> p = torch.softmax(scores / temperature, -1)
        >>> round(float(torch.special.entr(p).sum()), 12)
        0.5
    """
    rows = open_rows(scores).detach().double()
    target = _targets(rows, entropy)
    real = rows != -math.inf
    peak = rows.amax(-1, keepdim=True)
    _refuse_unreachable(rows, real, peak, target)
    s = torch.where(real, rows - peak, 0.0)
    spread = -s.amin(-1, keepdim=True)

    def taylor(log_b: torch.Tensor) -> list[torch.Tensor]:
        """Entropy less its target, with derivatives in log b: `-b^2 k2` and `-2 b^2 k2 - b^3 k3`, `k` the cumulants."""
        b = torch.exp(log_b)
        log_p = torch.log_softmax(torch.where(real, b * s, -math.inf), -1)
        p = torch.exp(log_p)
        value = -(p * torch.where(real, log_p, 0.0)).sum(-1, keepdim=True) - target
        centred = b * (s - (p * s).sum(-1, keepdim=True))
        second, third = ((p * centred**n).sum(-1, keepdim=True) for n in (2, 3))
        return [value, -second, -second - 0.5 * third]

    # Entropy lies within b^2 spread^2 / 8 of log n, and reaches log m in float64 once b times the gap exceeds 800.
    missing = (torch.log(real.sum(-1, keepdim=True).double()) - target).clamp(min=1e-300)
    low = 0.5 * torch.log(8.0 * missing) - torch.log(spread)
    gap = -torch.where(s < 0, s, -math.inf).amax(-1, keepdim=True)
    high = torch.maximum(math.log(800.0) - torch.log(gap), low)
    start = torch.minimum(low + 0.5, high)
    return torch.exp(-falling_root(taylor, low, high, start)).squeeze(-1).to(scores.dtype)


def _targets(rows: torch.Tensor, entropy: float | torch.Tensor) -> torch.Tensor:
    target = torch.as_tensor(entropy, dtype=rows.dtype, device=rows.device)
    if target.ndim and target.shape != rows.shape[:-1]:
        raise InputError(
            f"entropy has shape {tuple(target.shape)}, but the rows of scores have shape {tuple(rows.shape[:-1])}; "
            f"give one number, or one per row."
        )
    return target.detach().expand(rows.shape[:-1]).unsqueeze(-1)


def _refuse_unreachable(rows: torch.Tensor, real: torch.Tensor, peak: torch.Tensor, target: torch.Tensor) -> None:
    wrong = (rows.isnan() | (rows == math.inf)).any(-1)
    if wrong.any():
        raise InputError(f"scores[{_first(wrong)}] holds NaN or +inf, so its entropy is undefined; clean the row.")
    floor = torch.log(((rows == peak) & real).sum(-1, keepdim=True).double())
    ceiling = torch.log(real.sum(-1, keepdim=True).double())
    unreachable = ~((target > floor) & (target < ceiling)).squeeze(-1)
    if unreachable.any():
        row = int(unreachable.flatten().nonzero()[0])
        seen, least, most = (float(values.flatten()[row]) for values in (target, floor, ceiling))
        raise InputError(
            f"entropy {seen:g} of scores[{_first(unreachable)}] is out of reach ({int(unreachable.sum())} of "
            f"{unreachable.numel()} rows); softmax of that row has entropy strictly between {least:g} and {most:g}."
        )


def _first(wrong: torch.Tensor) -> str:
    """Return the index of the first true entry, as it is written in brackets."""
    return ", ".join(str(int(i)) for i in wrong.nonzero()[0]) if wrong.ndim else "..."
