"""Matrices from fewer numbers: interpolative decomposition, SVD, pseudoinverse, CUR and CR.

For whoever wants a smaller matrix (`svd`), a smaller one made of real columns or rows (`interpolative`,
`row_interpolative`, `two_sided_interpolative`), the inverse of what has none (`pinv`), rows and columns together
(`cur`), a cheaper product (`cr`), or to know how much there is (`rank_estimate`); and for what these are good for:
`compress_embedding`, `compress_linear`, `prune_neurons`, and `select_columns`, which texts to label for one. Every
result says what error it leaves and how that is known.

    >>> import numpy as np
    >>> from minent.lowrank import interpolative
    >>> a = np.array([[1.0, 2.0, 3.0, 0.0], [2.0, 4.0, 6.0, 1.0]])
    >>> found = interpolative(a, tolerance=1e-6)
    >>> found.columns.tolist(), found.error < 1e-12, found.error_kind.value
    ([2, 3], True, 'exact')

A matrix may be a NumPy array, a scipy.sparse matrix or a torch tensor (results are tensors then). `interpolative` and
`svd` also take what does not fit in memory: a `scipy.sparse.linalg.LinearOperator`, a memory-mapped array, or a
function that returns an iterator over chunks of rows. float32, float64 and both complex dtypes stay what they are, and
the same seed gives the same result.
"""

from minent.lowrank.compression import (
    CompressedEmbedding,
    CompressedLinear,
    PrunedNeurons,
    compress_embedding,
    compress_linear,
    prune_neurons,
)
from minent.lowrank.estimates import ErrorKind
from minent.lowrank.interpolative import Interpolative, interpolative
from minent.lowrank.products import CR, cr
from minent.lowrank.pseudoinverse import RankEstimate, pinv, rank_estimate
from minent.lowrank.sided import (
    RowInterpolative,
    TwoSided,
    row_interpolative,
    select_columns,
    two_sided_interpolative,
)
from minent.lowrank.skeletons import CUR, cur
from minent.lowrank.spectral import SVD, svd

__all__ = [
    "CR",
    "CUR",
    "SVD",
    "CompressedEmbedding",
    "CompressedLinear",
    "ErrorKind",
    "Interpolative",
    "PrunedNeurons",
    "RankEstimate",
    "RowInterpolative",
    "TwoSided",
    "compress_embedding",
    "compress_linear",
    "cr",
    "cur",
    "interpolative",
    "pinv",
    "prune_neurons",
    "rank_estimate",
    "row_interpolative",
    "select_columns",
    "svd",
    "two_sided_interpolative",
]
