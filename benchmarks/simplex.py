"""How fast are sparse probabilities, beside the package that people install for them and beside torch's softmax?

    python -m benchmarks.simplex                 # three shapes; several minutes, most of them the peer's
    python -m benchmarks.simplex --shape 8192x512

Question: seconds of forward and backward through autograd, float32 on the CPU, for entmax at several alpha, against
`entmax` from PyPI (`entmax_bisect` with its 50 halvings and with 25, which float32 does not exceed; `entmax15` and
`sparsemax` with a full sort and with the partial sort `k` that suits these scores) and against `torch.softmax`.
Everything in one process, on the same scores and the same number of threads. The answer is checked first: against
50-digit arithmetic, and against the peer on the whole shape. Ratios: the peer's time over ours; ours over softmax.

Goals: 20 times `entmax_bisect`, 6 times `entmax15`, 4 times `sparsemax`, any alpha within 5 times softmax.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch

from minent import simplex
from minent.simplex import cpu

SHAPES = ("1024x32000", "8192x512", "65536x32")
ALPHAS = (1.05, 1.2, 1.333, 1.5, 1.75, 2.0)
PARTIAL = (32, 128, 512)
DIGITS = 50

Map = Callable[[torch.Tensor], torch.Tensor]


def main() -> None:
    """Check, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", action="append", help=f"rows x entries; default {' '.join(SHAPES)}")
    parser.add_argument("--sigma", type=float, default=1.0, help="standard deviation of the scores")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, scores normal with sigma {arguments.sigma}")
    check_against_digits(arguments.seed)
    for shape in arguments.shape or SHAPES:
        rows, entries = (int(part) for part in shape.split("x"))
        generator = torch.Generator().manual_seed(arguments.seed)
        scores = torch.randn(rows, entries, generator=generator) * arguments.sigma
        upstream = torch.randn(rows, entries, generator=generator)
        against_softmax(shape, scores, upstream)
        against_peer(shape, scores, upstream)


def check_against_digits(seed: int) -> None:
    """Print the largest error against bisection in 50-digit arithmetic."""
    try:
        from mpmath import mp, mpf
    except ModuleNotFoundError:
        print("errors: skipped, mpmath is not installed")
        return
    scores = torch.randn(3, 60, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2
    with mp.workdps(DIGITS):
        for alpha in (1.0 + 1e-6, *ALPHAS, 4.0):
            exact = torch.tensor([entmax_in_digits(row, mpf(alpha)) for row in scores.tolist()], dtype=torch.float64)
            errors = [
                float((simplex.entmax(scores.to(dtype), alpha).double() - reference).abs().max())
                for dtype, reference in ((torch.float64, exact), (torch.float32, exact))
            ]
            print(f"alpha {alpha:<8g} largest error against {DIGITS} digits: {errors[0]:.1e} (float64) ", end="")
            print(f"{errors[1]:.1e} (float32, its scores rounded)")
            assert errors[0] < 1e-12
            assert errors[1] < 1e-5


def entmax_in_digits(row: list[float], alpha):
    """Halve an interval for the threshold until `DIGITS` digits stand."""
    from mpmath import mpf

    e, top = alpha - 1, max(row)
    s = [mpf(value) - mpf(top) for value in row]

    def powers(t):
        return [(1 + e * (value - t)) ** (1 / e) if 1 + e * (value - t) > 0 else mpf(0) for value in s]

    low, high = mpf(0), (1 - mpf(len(row)) ** -e) / e
    for _ in range(int(DIGITS * 3.4)):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(powers(middle)) >= 1 else (low, middle)
    return [float(value) for value in powers(low)]


def against_softmax(shape: str, scores: torch.Tensor, upstream: torch.Tensor) -> None:
    """Print what every alpha costs beside torch's softmax, with the evaluations of the solver."""
    yardstick = seconds(partial(torch.softmax, dim=-1), scores, upstream)
    print(f"\n{shape}\n  torch.softmax            {show(yardstick)}")
    for alpha in ALPHAS:
        ours = seconds(partial(simplex.entmax, alpha=alpha), scores, upstream)
        p, counts = cpu.entmax(scores, torch.tensor(alpha, dtype=torch.float64))
        support = float(simplex.support_size(p).double().mean())
        print(
            f"  entmax alpha {alpha:<6}      {show(ours)}  {ours[0] / yardstick[0]:5.2f} x softmax; evaluations "
            f"{counts.mean():.1f} (most {counts.max()}), support {support:.1f} of {scores.shape[1]}",
            flush=True,
        )


def against_peer(shape: str, scores: torch.Tensor, upstream: torch.Tensor) -> None:
    """Print the ratios to PyPI's entmax, each after its answer agreed with ours."""
    try:
        import entmax as peer
    except ModuleNotFoundError:
        print("  peer: skipped, `pip install entmax` brings it")
        return
    sorts: dict[str, tuple[float, Callable[..., torch.Tensor]]] = {
        "entmax15": (1.5, peer.entmax15),
        "sparsemax": (2.0, peer.sparsemax),
    }
    for name, (alpha, function) in sorts.items():
        ours = seconds(partial(simplex.entmax, alpha=alpha), scores, upstream)
        for k in (None, *(k for k in PARTIAL if k < scores.shape[1])):
            label = f"{name}, {'full sort' if k is None else f'k={k}'}"
            compare(label, partial(function, dim=-1, k=k), partial(simplex.entmax, alpha=alpha), ours, scores, upstream)
    for alpha in (1.2, 1.5):
        ours = seconds(partial(simplex.entmax, alpha=alpha), scores, upstream)
        for halvings in (50, 25):
            theirs = partial(peer.entmax_bisect, alpha=alpha, dim=-1, n_iter=halvings)
            label = f"entmax_bisect {alpha}, {halvings} halvings"
            compare(label, theirs, partial(simplex.entmax, alpha=alpha), ours, scores, upstream)


def compare(
    label: str, theirs: Map, own: Map, ours: tuple[float, float, float], scores: torch.Tensor, upstream: torch.Tensor
) -> None:
    """Check that both give the same probabilities, then time the peer."""
    begun = time.perf_counter()
    gap = float((own(scores) - theirs(scores)).abs().max())
    slow = time.perf_counter() - begun > 3
    assert gap < 1e-5
    taken = seconds(theirs, scores, upstream, runs=1 if slow else 5)
    print(
        f"  {label:32} {show(taken)}  ours {show(ours)}  ratio {taken[0] / ours[0]:6.1f}  (differ {gap:.0e})",
        flush=True,
    )


def seconds(function: Map, scores: torch.Tensor, upstream: torch.Tensor, runs: int = 7) -> tuple[float, float, float]:
    """Return the median, least and largest seconds of forward and backward, after one run that is not counted."""

    def once() -> float:
        leaf = scores.detach().requires_grad_()
        begun = time.perf_counter()
        function(leaf).backward(upstream)
        return time.perf_counter() - begun

    if runs > 1:
        once()
    taken = [once() for _ in range(runs)]
    return statistics.median(taken), min(taken), max(taken)


def show(taken: tuple[float, float, float]) -> str:
    """Render milliseconds: the median, and in brackets the range."""
    return f"{1e3 * taken[0]:8.1f} ms ({1e3 * taken[1]:.1f} to {1e3 * taken[2]:.1f})"


if __name__ == "__main__":
    main()
