"""Matrices from fewer numbers: interpolative decomposition, SVD, pseudoinverse, CUR and CR.

For whoever wants a smaller matrix (`svd`), a smaller one made of real columns (`interpolative`: which words, which
neurons, which texts to label), the inverse of what has none (`pinv`), rows and columns together (`cur`), or a cheaper
product (`cr`). Every result says what error it leaves.

    >>> import numpy as np
    >>> from minent.lowrank import interpolative
    >>> a = np.array([[1.0, 2.0, 3.0, 0.0], [2.0, 4.0, 6.0, 1.0]])
    >>> found = interpolative(a, tolerance=1e-6)
    >>> found.columns.tolist(), found.error < 1e-12
    ([2, 3], True)

Dense arrays and scipy.sparse matrices are taken alike, float32 stays float32, and the same seed gives the same result.
"""

from minent.lowrank.interpolative import Interpolative, interpolative
from minent.lowrank.products import CR, CUR, cr, cur
from minent.lowrank.spectral import SVD, pinv, svd

__all__ = ["CR", "CUR", "SVD", "Interpolative", "cr", "cur", "interpolative", "pinv", "svd"]
