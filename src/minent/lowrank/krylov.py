"""The leading singular values and vectors in a block Krylov space that grows until it is good enough."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import linalg

from minent.lowrank.matrices import Array, square
from minent.lowrank.orthogonal import cholesky_step, orthonormal, qr
from minent.lowrank.sources import Source, gaussian, precision

_MOST_ROUNDS = 12
_SETTLED = 3e-4  # of the squared error: what further rounds are expected to gain when they stop
_NEIGHBOURS = (
    2  # blocks that `A.H A` times a block is in, beside the new one: with all others its products are rounding
)
_UNKNOWN_ERROR = 1e-6  # of the squared length: stands for the error where the length of the matrix is not known


def block_krylov(source: Source, rank: int, width: int, draw: np.random.Generator) -> tuple[Array, Array, Array]:
    """Return `u`, `s` and `vt` of rank `rank`.

    With V an orthonormal basis of `span(A.H X, (A.H A) A.H X, ..)` for Gaussian X, the singular values of `A V` are
    found from its Gram matrix, which grows by a block a round. The gains of the squared length that the leading ones
    capture fall about geometrically; the rounds end when what is left of that series is small beside the error.
    """
    forward, backward = _sides(source)
    wide = source.shape[1] > source.shape[0]
    space = _Space(forward, source.dtype)
    space.grow(orthonormal(backward(gaussian(draw, max(source.shape), width, source.dtype))))
    captured = [space.captured(rank)]
    for _ in range(_MOST_ROUNDS):
        if not space.grow(space.fresh(backward(space.images[-1]))):
            break
        captured.append(space.captured(rank))
        if _settled(captured, source):
            break
    left, s, right = space.leading(rank)
    return (right, s, left.conj().T) if wide else (left, s, right.conj().T)


def _sides(source: Source) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """Products with A and A.H, or the other way round, so that the space lies on the shorter side."""

    def adjoint(y: Array) -> Array:
        return source.rows_on(y).conj().T

    if source.shape[1] > source.shape[0]:
        return adjoint, source.times
    return source.times, adjoint


def _settled(captured: list[float], source: Source) -> bool:
    gain = captured[-1] - captured[-2]
    if source.total is None:
        error = _UNKNOWN_ERROR * captured[-1]
    else:
        error = max(source.total - captured[-1], 1e2 * precision(source.dtype) * source.total)
    if gain <= 1e-2 * _SETTLED * error:
        return True
    if len(captured) < 3:
        return False
    ratio = min(max(gain / (captured[-2] - captured[-3]), 0.0), 0.9) if captured[-2] > captured[-3] else 0.9
    return gain * ratio / (1 - ratio) <= _SETTLED * error


class _Space:
    """An orthonormal basis, its images, and their Gram matrix."""

    def __init__(self, forward: Callable[[Array], Array], dtype: np.dtype) -> None:
        self._forward, self._blocks, self.images = forward, list[Array](), list[Array]()
        self._gram = np.zeros((0, 0), dtype=np.result_type(dtype, np.float64))

    def grow(self, block: Array) -> bool:
        """Take a block in, if there is anything in it."""
        if not block.shape[1]:
            return False
        image = self._forward(block)
        self._blocks.append(block)
        self.images.append(image)
        beside = np.concatenate([each.conj().T @ image for each in self.images[-_NEIGHBOURS:]])
        old = len(self._gram)
        side = old + image.shape[1]
        first = side - len(beside)
        gram = np.zeros((side, side), dtype=self._gram.dtype)
        gram[:old, :old] = self._gram
        gram[first:, old:] = beside
        gram[old:, first:old] = beside[: old - first].conj().T
        self._gram = gram
        return True

    def fresh(self, block: Array) -> Array:
        """What of a block is new to the basis, orthonormal; it may be fewer columns, or none."""
        room = block.shape[0] - sum(each.shape[1] for each in self._blocks)
        scale = float(np.sqrt(square(block).sum(axis=0).max()))
        block = self._apart(block, _NEIGHBOURS)
        found = cholesky_step(block) if block.shape[1] <= room else None
        if found is None or (np.abs(np.diag(found[1])) <= 1e2 * precision(block.dtype) * scale).any():
            q, r, _ = linalg.qr(self._apart(block), mode="economic", pivoting=True, check_finite=False)
            q = q[:, : min(room, int((np.abs(np.diag(r)) > 1e2 * precision(block.dtype) * scale).sum()))]
        else:
            q = found[0]
        q = self._apart(q)  # what was nearly in the space has lost its right angle
        found = cholesky_step(q)
        return orthonormal(q) if found is None else found[0]

    def _apart(self, block: Array, last: int = 0) -> Array:
        """What of a block is perpendicular to the last so many blocks, or to all."""
        for each in self._blocks[-last:]:
            block = block - each @ (each.conj().T @ block)
        return block

    def captured(self, rank: int) -> float:
        """The squared length of the leading `rank` singular values of all images."""
        return float(np.linalg.eigvalsh(self._gram)[::-1][:rank].clip(0).sum())

    def leading(self, rank: int) -> tuple[Array, Array, Array]:
        """Left vectors, singular values and right vectors.

        Through the Gram matrix where the last one wanted is far above the rounding of the first one's square;
        else, all images are factored.
        """
        basis, images = np.hstack(self._blocks), np.hstack(self.images)
        values, vectors = np.linalg.eigh(self._gram)
        if rank and values[-rank] > (1e-3 if precision(images.dtype) > 1e-10 else 1e-8) * values[-1]:
            turn = vectors[:, : -rank - 1 : -1].astype(images.dtype, copy=False)
            basis, images = basis @ turn, images @ turn
        tall, triangle = qr(images) if images.shape[0] >= images.shape[1] else (None, images)
        u, s, vt = np.linalg.svd(triangle, full_matrices=False)
        left = u if tall is None else tall @ u
        return left[:, :rank], s[:rank], basis @ vt[:rank].conj().T
