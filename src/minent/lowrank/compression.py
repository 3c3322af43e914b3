"""Smaller layers: embeddings, linear layers and neurons, by the decompositions of this room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minent.errors import InputError, number
from minent.lowrank.estimates import ErrorKind
from minent.lowrank.interpolative import interpolative
from minent.lowrank.matrices import Array, check_goal, check_matrix, column_squares, dense, length, square
from minent.lowrank.orthogonal import triangle
from minent.lowrank.products import check_choice
from minent.lowrank.sided import row_interpolative
from minent.lowrank.spectral import svd
from minent.lowrank.tensors import like, to_numpy


@dataclass(frozen=True, eq=False)
class CompressedEmbedding:
    """A table of embeddings that is near `left @ right`.

    Attributes:
        left: (vocab, k).
        right: (k, dim); real rows of the table under `"interpolative"`.
        rows: int64 (k,), which rows those are; None under `"svd"`.
        numbers: How many numbers must be stored; `left` on `rows` is the identity and need not be.
        error: Frobenius norm of what is left.
        relative_error: `error` over the Frobenius norm of the table.
        error_kind: How the error is known.
        largest_coefficient: `max |left|`.
    """

    left: Array
    right: Array
    rows: NDArray[np.int64] | None
    numbers: int
    error: float
    relative_error: float
    error_kind: ErrorKind
    largest_coefficient: float

    def lookup(self, ids: Any) -> Array:
        """Return the embeddings of some tokens.

        Args:
            ids: int, any shape.

        Returns:
            `ids.shape + (dim,)`.
        """
        return self.left[ids] @ self.right


def compress_embedding(
    table: ArrayLike | Any,
    *,
    rank: int | None = None,
    tolerance: float | None = None,
    method: str = "interpolative",
    seed: int = 0,
) -> CompressedEmbedding:
    """Write a table of embeddings by two thin matrices.

    Args:
        table: (vocab, dim), real; an array or a torch tensor.
        rank: How many rows of the second matrix, from 0 to `min(vocab, dim)`.
        tolerance: Or else, the largest error allowed, relative to the Frobenius norm of the table.
        method: `"svd"`, the least error, `rank * (vocab + dim)` numbers; `"interpolative"`, all tokens as mixtures of
            a few, whose rows stay what they are: `rank * (vocab + dim - rank)` numbers.
        seed: Of the random mixtures.

    Returns:
        The two matrices, how many numbers they need and the error; tensors for a tensor.

    Raises:
        InputError: Neither or both of `rank` and `tolerance`, one out of range, an unknown method, or a table that is
            empty, not numeric or not finite.

    Source:
        J. Su, kexue.fm/archives/10501.

    Example:
        >>> import numpy as np
        >>> table = np.random.default_rng(0).standard_normal((50, 3)) @ np.random.default_rng(1).standard_normal((3, 8))
        >>> small = compress_embedding(table, tolerance=1e-6)
        >>> small.right.shape, small.numbers, bool(np.allclose(small.lookup([4, 7]), table[[4, 7]]))
        ((3, 8), 165, True)
    """
    check_choice("method", method, ("interpolative", "svd"))
    matrix = dense(check_matrix(to_numpy(table, "table"), "table"))
    _check_one_goal(rank, tolerance)
    vocab, dim = matrix.shape
    if method == "svd":
        parts = svd(matrix, rank=rank, tolerance=tolerance, seed=seed)
        left, right, kept = parts.u * parts.s, parts.vt, None
        error, kind, most, spared = parts.error, parts.error_kind, float(np.abs(left).max(initial=0.0)), 0
    else:
        found = row_interpolative(matrix, rank=rank, tolerance=tolerance, seed=seed)
        left, right, kept = found.coefficients, matrix[found.rows], found.rows
        error, kind, most, spared = found.error, found.error_kind, found.largest_coefficient, len(kept)
    size, k = length(matrix), right.shape[0]
    numbers = k * (vocab + dim - spared)
    relative = error / size if size else 0.0
    return like(CompressedEmbedding(left, right, kept, numbers, error, relative, kind, most), table)


@dataclass(frozen=True, eq=False)
class CompressedLinear:
    """A weight that is near `up @ down`, so that two thin layers replace one.

    Attributes:
        up: (out, k), orthonormal columns.
        down: (k, in).
        error: Frobenius norm of what the outputs on the calibration inputs lose; without them, of what the weight
            loses.
        relative_error: `error` over the Frobenius norm of those outputs, or of the weight.
        error_kind: Always `"exact"`.
    """

    up: Array
    down: Array
    error: float
    relative_error: float
    error_kind: ErrorKind


def compress_linear(
    weight: ArrayLike | Any,
    inputs: ArrayLike | Any | None = None,
    *,
    rank: int | None = None,
    tolerance: float | None = None,
    ridge: float = 1e-6,
) -> CompressedLinear:
    """Replace a linear layer by two thinner ones that do the same to the inputs it really sees.

    With `L L.H = X.H X + ridge`, the weight of a rank with the least `||(W - W') L||` is `U U.H W`, where U are the
    leading left singular vectors of `W L`. No inverse is needed.

    Args:
        weight: (out, in), as `torch.nn.Linear.weight`: outputs are `inputs @ weight.T`.
        inputs: (samples, in), activations to calibrate on; None for all directions alike.
        rank: The width in between, from 0 to `min(out, in)`.
        tolerance: Or else, the largest error of the outputs allowed, relative to their Frobenius norm.
        ridge: How much directions that the inputs do not show count, relative to the mean of those they do. It bends
            which directions are kept; the error and what `tolerance` allows know none.

    Returns:
        The two layers and the error; tensors for a tensor.

    Raises:
        InputError: Neither or both of `rank` and `tolerance`, one out of range, `ridge < 0`, inputs of another width,
            or a matrix that is empty, not numeric or not finite.

    Source:
        Wang, Zheng, Wan & Zhang (2024), SVD-LLM, arXiv:2403.07378; here without its inverse.

    Example:
        >>> import numpy as np
        >>> weight, inputs = np.diag([1.0, 2.0, 3.0]), np.array([[1.0, 1.0, 0.0], [1.0, -1.0, 0.0]])
        >>> small = compress_linear(weight, inputs, rank=2)
        >>> bool(np.allclose(inputs @ (small.up @ small.down).T, inputs @ weight.T, atol=1e-5))
        True
    """
    matrix = dense(check_matrix(to_numpy(weight, "weight"), "weight"))
    _check_one_goal(rank, tolerance)
    check_goal(rank, tolerance, matrix.shape)
    ridge = number("ridge", ridge, 0, ": a share, such as 1e-6")
    if inputs is None:
        seen = np.eye(matrix.shape[1], dtype=matrix.dtype)
    else:
        rows = dense(check_matrix(to_numpy(inputs, "inputs"), "inputs"))
        if rows.shape[1] != matrix.shape[1]:
            raise InputError(f"inputs have {rows.shape[1]} columns, but weight takes {matrix.shape[1]}; they must fit.")
        seen = _root(rows, ridge)
    u, s, _ = np.linalg.svd(matrix @ seen, full_matrices=False)
    u = u.astype(matrix.dtype, copy=False)
    real = seen if inputs is None else rows.conj().T
    outputs = matrix @ real
    whole = length(outputs)
    allowed = np.inf if tolerance is None else tolerance
    k = _enough(u, outputs, allowed) if rank is None else rank
    while True:
        up, down = u[:, :k], u[:, :k].conj().T @ matrix
        error = length((matrix - up @ down) @ real)
        relative = error / whole if whole else 0.0
        if relative <= allowed or k == len(s):
            return like(CompressedLinear(up, down, error, relative, ErrorKind.EXACT), weight)
        k += 1  # for what rounding took


def _enough(u: Array, outputs: Array, tolerance: float) -> int:
    """How many of the directions leave no more than that of the outputs, which know no ridge."""
    said = column_squares((u.conj().T @ outputs).T)
    left = np.sqrt(np.append(np.cumsum(said[::-1])[::-1], 0.0))
    return int(np.argmax(left <= tolerance * left[0]))


def _root(rows: Array, ridge: float) -> Array:
    """L with `L L.H = X.T conj(X) + ridge * mean`, from the triangle of X with the ridge below it."""
    width = rows.shape[1]
    mean = float(square(rows).sum()) / width
    below = np.sqrt(ridge * mean) * np.eye(width, dtype=rows.dtype)
    return triangle(np.vstack([rows, below]))[:width].conj().T


@dataclass(frozen=True, eq=False)
class PrunedNeurons:
    """Fewer neurons, with a next layer that knows what the others would have said.

    Attributes:
        neurons: int64 (k,), those that are kept, rising.
        next_weight: (out, k): the weight of the next layer on them.
        mixture: (k, neurons): all activations are near those of the kept ones times this.
        error: Frobenius norm of what the activations lose.
        relative_error: `error` over the Frobenius norm of the activations.
        error_kind: How the error is known.
        largest_coefficient: `max |mixture|`.
    """

    neurons: NDArray[np.int64]
    next_weight: Array
    mixture: Array
    error: float
    relative_error: float
    error_kind: ErrorKind
    largest_coefficient: float


def prune_neurons(
    activations: ArrayLike | Any,
    next_weight: ArrayLike | Any,
    *,
    rank: int | None = None,
    tolerance: float | None = None,
    method: str = "sketch",
    seed: int = 0,
) -> PrunedNeurons:
    """Drop the neurons that are mixtures of others, and fold the mixtures into the next layer.

    With `H` near `H[:, J] T`, the next layer's `H W.T` is near `H[:, J] (W T.T).T`. Neurons that never fire go free.

    Args:
        activations: (samples, neurons), after the nonlinearity; may be anything that `interpolative` takes.
        next_weight: (out, neurons), of the layer that reads them.
        rank: How many neurons to keep.
        tolerance: Or else, the largest error of the activations allowed, relative to their Frobenius norm.
        method: As in `interpolative`.
        seed: As in `interpolative`.

    Returns:
        The neurons, the new weight and the error; tensors for a tensor weight.

    Raises:
        InputError: As `interpolative`, and a weight of another width.

    Source:
        Chee, Flynn, Damle & De Sa (2022), "Model preserving compression for neural networks", arXiv:2108.00065.

    Example:
        >>> import numpy as np
        >>> fired = np.abs(np.random.default_rng(0).standard_normal((20, 3)))
        >>> fired = np.hstack([fired, fired[:, :1] * 0.5])
        >>> small = prune_neurons(fired, np.ones((2, 4)), tolerance=1e-6)
        >>> small.neurons.tolist(), small.next_weight.round(6).tolist()
        ([0, 1, 2], [[1.5, 1.0, 1.0], [1.5, 1.0, 1.0]])
    """
    weight = dense(check_matrix(to_numpy(next_weight, "next_weight"), "next_weight"))
    _check_width(weight, getattr(activations, "shape", weight.shape)[-1])
    found = interpolative(
        to_numpy(activations, "activations"), rank=rank, tolerance=tolerance, method=method, seed=seed
    )
    _check_width(weight, found.coefficients.shape[1])  # of chunks, known only now
    order = np.argsort(found.columns, kind="stable")
    neurons, mixture = found.columns[order], found.coefficients[order]
    folded = (weight @ mixture.T).astype(weight.dtype, copy=False)
    pruned = PrunedNeurons(
        neurons,
        folded,
        mixture,
        found.error,
        found.relative_error,
        found.error_kind,
        found.largest_coefficient,
    )
    return like(pruned, next_weight)


def _check_width(weight: Array, neurons: int) -> None:
    if neurons != weight.shape[1]:
        raise InputError(f"next_weight has {weight.shape[1]} columns, but there are {neurons} neurons; they must fit.")


def _check_one_goal(rank: int | None, tolerance: float | None) -> None:
    if (rank is None) == (tolerance is None):
        raise InputError(f"rank is {rank} and tolerance is {tolerance}; give one of them, the other follows from it.")
