"""How fast and how exact is `minent.lowrank` beside what its users use today?

    python -m benchmarks.lowrank                       every part
    python -m benchmarks.lowrank rank tolerance svd    some of: rank tolerance svd sparse pinv stream
    python -m benchmarks.lowrank --large rank          20000 x 2000 instead of 2000 x 1000

Questions: how many times faster than `scipy.linalg.interpolative` by rank and by tolerance, at an error that is not
higher; than `sklearn.utils.extmath.randomized_svd` with its own defaults, at an error that is not higher, dense and
sparse; than `scipy.linalg.pinv`; and does a matrix with the shape of 20 GB pass in bounded memory?

Each answer is checked before it is timed: the error is computed entry by entry from the factors, for both sides. Each
line prints the median seconds (least to most), the error over the least that any matrix of that rank has, and the
ratio of the medians. The matrices have singular values `j**-p` between random bases, and one is a smooth kernel, whose
columns are far from equal. scikit-learn mixes NumPy's and SciPy's BLAS, whose threads hinder each other, so it is also
timed with one thread, which is often faster. Goals: 4 by rank, 5 by tolerance, 2 for the SVD.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy
import sklearn
from scipy import linalg, sparse
from scipy.linalg import interpolative as peer
from scipy.sparse.linalg import aslinearoperator
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits

from minent.lowrank import interpolative, pinv, svd

RANK = 50
PATIENCE_SECONDS = 6.0  # a call that takes longer is timed once


def main() -> None:
    """Measure and print."""
    parts = {"rank": by_rank, "tolerance": by_tolerance, "svd": spectra, "sparse": sparse_spectra, "pinv": inverses}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=[*parts, "stream"])
    parser.add_argument("--large", action="store_true", help="20000 x 2000 instead of 2000 x 1000")
    parser.add_argument("--only", choices=["p=0.5", "p=1", "p=2", "kernel"], help="one matrix instead of all")
    arguments = parser.parse_args()
    print(f"NumPy {np.__version__}, SciPy {scipy.__version__}, scikit-learn {sklearn.__version__}; rank {RANK}")
    shape = (20_000, 2_000) if arguments.large else (2_000, 1_000)
    for name in arguments.parts:
        if name == "stream":
            stream()
        elif name in parts:
            parts[name](shape, arguments.only)
        else:
            parser.error(f"there is no part {name!r}; there are {', '.join([*parts, 'stream'])}")


def matrices(shape: tuple[int, int], only: str | None) -> Iterator[tuple[str, np.ndarray]]:
    """Matrices of one shape, with their names."""
    draw, (m, n) = np.random.default_rng(0), shape
    powers = {"p=0.5": 0.5, "p=1": 1.0, "p=2": 2.0}
    if only != "kernel":
        left = np.linalg.qr(draw.standard_normal((m, n)))[0]
        right = np.linalg.qr(draw.standard_normal((n, n)))[0]
        for name, power in powers.items():
            if only in (None, name):
                yield name, (left * np.arange(1.0, n + 1) ** -power) @ right.T
    if only in (None, "kernel"):
        x, y = draw.random((m, 3)), draw.random((n, 3))
        squares = (x**2).sum(1)[:, None] + (y**2).sum(1) - 2 * x @ y.T
        yield "kernel", np.exp(-2 * squares)


def clock(call: Callable[[], Any]) -> tuple[float, str, Any]:
    """Median seconds, their range as text, and the result; the first call warms up unless it is a long one."""
    begun = time.perf_counter()
    result = call()
    seconds = [time.perf_counter() - begun]
    if seconds[0] < PATIENCE_SECONDS:
        seconds = []
        for _ in range(5):
            begun = time.perf_counter()
            result = call()
            seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds), f"{min(seconds):.3f} to {max(seconds):.3f}", result


def line(name: str, seconds: float, spread: str, error: float, note: str = "") -> None:
    """Print one measurement."""
    print(f"  {name:34} {seconds:8.3f} s ({spread})  error {error:.6g}  {note}", flush=True)


def least_error(a: np.ndarray, rank: int) -> float:
    """The least error of any matrix of that rank, from the eigenvalues of the smaller Gram matrix."""
    values = linalg.eigvalsh(a.T @ a)[::-1].clip(0)
    return float(np.sqrt(values[rank:].sum()))


def interpolation_error(a: np.ndarray, order: np.ndarray, coefficients: np.ndarray) -> float:
    """What SciPy's decomposition leaves, entry by entry."""
    rank = len(coefficients)
    return float(np.linalg.norm(a[:, order[rank:]] - a[:, order[:rank]] @ coefficients))


def by_rank(shape: tuple[int, int], only: str | None) -> None:
    """`interpolative(a, rank=)` beside all three ways that SciPy has."""
    for name, a in matrices(shape, only):
        print(f"interpolative by rank, {shape[0]} x {shape[1]}, {name}")
        best = least_error(a, RANK)
        ours, spread, found = clock(lambda a=a: interpolative(a, rank=RANK))
        error = float(np.linalg.norm(a - a[:, found.columns] @ found.coefficients))
        assert abs(error - found.error) <= 1e-6 * error
        line("minent", ours, spread, error / best, f"max|T| {found.largest_coefficient:.1f}")
        operator = aslinearoperator(a)
        ways = {
            "scipy (its default)": lambda a=a: peer.interp_decomp(a, RANK, rng=0),
            "scipy, rand=False": lambda a=a: peer.interp_decomp(a, RANK, rand=False),
            "scipy, operator (randomised)": lambda o=operator: peer.interp_decomp(o, RANK, rng=0),
        }
        for way, call in ways.items():
            theirs, spread, (order, coefficients) = clock(call)
            other = interpolation_error(a, order, coefficients)
            line(way, theirs, spread, other / best, f"ratio {theirs / ours:.1f}, error {error / other:.4f} of theirs")


def by_tolerance(shape: tuple[int, int], only: str | None) -> None:
    """SciPy reaches some error with its eps, on either way; ours is asked for that error."""
    for name, a in matrices(shape, only):
        eps = {"p=0.5": 0.15, "p=1": 1e-2, "p=2": 3e-4, "kernel": 1e-6}[name]
        print(f"interpolative by tolerance, {shape[0]} x {shape[1]}, {name}, SciPy's eps {eps:g}")
        for way, options in {"scipy (its default)": {"rng": 0}, "scipy, rand=False": {"rand": False}}.items():
            theirs, spread, (rank, order, coefficients) = clock(
                lambda a=a, eps=eps, options=options: peer.interp_decomp(a, eps, **options)
            )
            other, size = interpolation_error(a, order, coefficients), float(np.linalg.norm(a))
            line(way, theirs, spread, other, f"{rank} columns")
            ours, spread, found = clock(lambda a=a, t=other / size: interpolative(a, tolerance=t))
            error = float(np.linalg.norm(a - a[:, found.columns] @ found.coefficients))
            assert error <= other * (1 + 1e-6)
            line("minent, to that error", ours, spread, error, f"{found.rank} columns, ratio {theirs / ours:.1f}")


def spectra(shape: tuple[int, int], only: str | None) -> None:
    """`svd(a, rank=)` beside scikit-learn's."""
    for name, a in matrices(shape, only):
        print(f"svd by rank, {shape[0]} x {shape[1]}, {name}; errors less 1")
        best = least_error(a, RANK)
        ours, spread, found = clock(lambda a=a: svd(a, rank=RANK))
        error = float(np.linalg.norm(a - (found.u * found.s) @ found.vt))
        line("minent", ours, spread, error / best - 1)
        for threads in (None, 1):
            with threadpool_limits(threads):
                theirs, spread, (u, s, vt) = clock(lambda a=a: randomized_svd(a, RANK, random_state=0))
            other = float(np.linalg.norm(a - (u * s) @ vt))
            way = "sklearn.randomized_svd" + (", one thread" if threads else "")
            line(way, theirs, spread, other / best - 1, f"ratio {theirs / ours:.1f}")


def sparse_spectra(shape: tuple[int, int], only: str | None) -> None:
    """The same on what latent semantic analysis has: many rows, few entries, words by Zipf's law."""
    draw = np.random.default_rng(0)
    rows, words, each = 10 * shape[0], 10 * shape[1], 40
    chances = 1 / np.arange(1.0, words + 1)
    ids = draw.choice(words, size=rows * each, p=chances / chances.sum())
    counts = sparse.csr_array((np.ones(rows * each), (np.repeat(np.arange(rows), each), ids)), shape=(rows, words))
    a = sparse.csr_array(counts * np.log(rows / (1 + counts.astype(bool).sum(axis=0))))
    print(f"svd by rank 100, sparse, {rows} x {words}, {a.nnz} entries")
    size = sparse.linalg.norm(a)
    ours, spread, found = clock(lambda: svd(a, rank=100))
    captured = float(np.linalg.norm(found.u.T @ a))
    line("minent", ours, spread, np.sqrt(size**2 - captured**2))
    for threads in (None, 1):
        with threadpool_limits(threads):
            theirs, spread, (u, _, _) = clock(lambda: randomized_svd(a, 100, random_state=0))
        other = float(np.linalg.norm(u.T @ a))
        way = "sklearn.randomized_svd" + (", one thread" if threads else "")
        line(way, theirs, spread, np.sqrt(size**2 - other**2), f"ratio {theirs / ours:.1f}")


def inverses(shape: tuple[int, int], only: str | None) -> None:
    """`pinv` beside SciPy's and NumPy's, which take the SVD."""
    a = np.random.default_rng(0).standard_normal((shape[0], shape[1] // 2))
    print(f"pinv, {a.shape[0]} x {a.shape[1]}, full rank")
    ours, spread, inverse = clock(lambda: pinv(a))
    line("minent", ours, spread, float(np.linalg.norm(a @ inverse @ a - a)))
    for name, call in {"scipy.linalg.pinv": linalg.pinv, "numpy.linalg.pinv": np.linalg.pinv}.items():
        theirs, spread, other = clock(lambda call=call: call(a))  # NumPy's with all threads is the fairer of the two
        line(name, theirs, spread, float(np.linalg.norm(a @ other @ a - a)), f"ratio {theirs / ours:.1f}")


def stream() -> None:
    """2,500,000 x 1,000 numbers, 20 GB, made a chunk at a time; twenty directions over a floor of noise."""
    rows, columns, rank, chunk = 2_500_000, 1_000, 20, 20_000
    draw = np.random.default_rng(0)
    right, noise = draw.standard_normal((rank, columns)), 0.05 * draw.standard_normal((chunk, columns))
    signs = draw.choice([-1.0, 1.0], size=(rows // chunk, columns))

    def chunks() -> Iterator[np.ndarray]:
        for number in range(rows // chunk):
            left = np.random.default_rng(number).standard_normal((chunk, rank))
            yield left @ right + noise * signs[number]

    print(f"interpolative by rank {rank}, row chunks, {rows} x {columns} = {8e-9 * rows * columns:.0f} GB, two passes")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begun = time.perf_counter()
    made = sum(float(piece[0, 0]) for piece in chunks())
    making = time.perf_counter() - begun
    begun = time.perf_counter()
    found = interpolative(chunks, rank=rank)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    floor = 0.05 * np.sqrt(rows * columns)  # what the noise alone leaves, nearly
    print(f"  {seconds:.1f} s, of which making the chunks twice {2 * making:.1f} s (checksum {made:.3f})")
    print(f"  peak memory {peak:.0f} MB, {before:.0f} MB before; a chunk has {8e-6 * chunk * columns:.0f} MB")
    print(f"  error {found.error:.1f} ({found.error_kind.value}), {found.error / floor:.2f} times the noise")
    checked = rechecked(chunks, found.columns, found.coefficients)
    print(f"  error computed entry by entry in a third pass {checked:.1f}", flush=True)
    assert abs(checked - found.error) <= 1e-3 * checked


def rechecked(chunks: Callable[[], Iterator[np.ndarray]], columns: np.ndarray, coefficients: np.ndarray) -> float:
    """The error of a decomposition, from all entries."""
    return float(np.sqrt(sum(np.linalg.norm(piece - piece[:, columns] @ coefficients) ** 2 for piece in chunks())))


if __name__ == "__main__":
    main()
