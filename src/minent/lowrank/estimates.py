"""How far an approximation is off, and how that is known."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from scipy.special import gammaincinv

from minent.lowrank.matrices import Array, square

PROBES = 20  # random mixtures of the rows that are kept apart to test with
_FAILURE = 1e-4  # of one bound; at most ten are looked at on the way, so all hold with probability 0.999


class ErrorKind(StrEnum):
    """How to read an error: its value says it."""

    EXACT = "exact"
    LIKELY = "exact with probability 0.999"
    UPPER = "upper bound"
    LIKELY_UPPER = "upper bound with probability 0.999"
    MEAN_UPPER = "upper bound of the root mean square over seeds"
    LOWER = "lower bound"


def bounded_squares(rows: Array) -> float:
    """Bound `||R||_F**2` from `rows = G.H @ R`, where G is a Gaussian matrix that R does not depend on.

    The squared length of the rows is a sum of `sigma_i**2 * chi2(p)`. Among all R of one length its lower tail is
    heaviest when R has rank one, so the bound is the mean over the quantile of `chi2(p) / p`.

    Source:
        Roosta-Khorasani, Szekely & Ascher (2015), extremal probabilities of linear combinations of gamma random
        variables, SIAM/ASA J. Uncertainty Quantification 3, 61-90.

    Example:
        >>> import numpy as np
        >>> residual = np.diag([3.0, 4.0])
        >>> bounded_squares(np.random.default_rng(0).standard_normal((2, 20)).T @ residual) >= 25.0
        True
    """
    count = rows.shape[0]
    quantile = 2.0 * float(gammaincinv(count / 2.0, _FAILURE)) / count
    return float(square(rows).sum()) / count / quantile


def largest(coefficients: Array) -> float:
    """`max |T|`: how much a mixture magnifies what is wrong with the columns it mixes."""
    return float(np.abs(coefficients).max(initial=0.0))
