"""Roots of functions at any order of convergence, with brackets.

For whoever has a function of one variable and can say more of it than its value: the search uses as many Taylor
coefficients as it is given, and is never slower than bisection plus a constant.

    >>> import numpy as np
    >>> from minent.roots import find_root, taylor_of
    >>> root = find_root(taylor_of(lambda x: np.cos(x) - x), bracket=(0, 1), order=4)
    >>> round(root.value, 12), root.status.value
    (0.739085133215, 'the root was found within the tolerance')

`find_root` takes one function, `find_root_array` an array of them, `find_root_mp` any number of digits. The step
formulas and `Series` use plain operators only, so they serve floats, arrays, tensors, mpmath numbers and Fractions.
"""

from minent.roots.arrays import find_root_array
from minent.roots.certificates import Certificate, certify_interval, certify_sign, certify_smale
from minent.roots.inverses import InverseFunction, inverse_function, kepler, lambert_w, normal_quantile
from minent.roots.precise import find_root_mp
from minent.roots.result import Root, Status
from minent.roots.scalar import find_root
from minent.roots.series import Series, taylor_of
from minent.roots.steps import householder_step, inverse_taylor_step, invert_scaled, invert_series, take_root
from minent.roots.sums import exponential_sum, power_sum, root_derivative

__all__ = [
    "Certificate",
    "InverseFunction",
    "Root",
    "Series",
    "Status",
    "certify_interval",
    "certify_sign",
    "certify_smale",
    "exponential_sum",
    "find_root",
    "find_root_array",
    "find_root_mp",
    "householder_step",
    "inverse_function",
    "inverse_taylor_step",
    "invert_scaled",
    "invert_series",
    "kepler",
    "lambert_w",
    "normal_quantile",
    "power_sum",
    "root_derivative",
    "take_root",
    "taylor_of",
]
