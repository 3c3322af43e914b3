"""Where the vectors start, and the way down from there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import scipy.optimize

from minent.lowrank import svd
from minent.runtime import Progress, Reporter, ordered_map, thread_count
from minent.vectors.config import MOST_EXACT, VectorsConfig
from minent.vectors.objective import PairCost, door_bits
from minent.vectors.sampling import SampledCost

_BLOCKS_PER_STEP, _RATE, _MOMENTUM, _MEMORY = 4, 0.05, 0.5, 0.9


def start(cost: PairCost, dim: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Both tables from the singular vectors of the positive part of `log p(j | i) - log r_j`.

    Args:
        cost: What will be minimised.
        dim: Length of a vector, at most the number of tokens.
        seed: Of the randomised decomposition.

    Source:
        O. Levy and Y. Goldberg (2014), "Neural word embedding as implicit matrix factorization".
    """
    pairs = cost.pairs
    rows = cost.mass
    scores = pairs.copy()
    at = np.repeat(np.arange(len(rows)), np.diff(pairs.indptr))
    scores.data = np.maximum(0.0, np.log(pairs.data) - np.log(rows[at]) - cost.log_base[pairs.indices])
    scores.eliminate_zeros()
    if len(rows) > MOST_EXACT:
        scores = scores.astype(np.float32)  # half the time, and nobody looks at the seventh digit of a start
    factors = svd(scores, rank=dim, seed=seed)
    # A distance holds twice the inner product: `-|v - c|^2 = 2 <v, c> - |v|^2 - |c|^2`.
    root = np.sqrt(factors.s if cost.kernel == "dot" else factors.s / 2)
    return (factors.u * root).astype(np.float32), (factors.vt.T * root).astype(np.float32)


def is_sampled(config: VectorsConfig, tokens: int) -> bool:
    """Say whether that many tokens go to the sampled solver."""
    return config.solver == "sampled" or (config.solver == "auto" and tokens > MOST_EXACT)


def minimise(
    cost: PairCost, centres: np.ndarray, contexts: np.ndarray, config: VectorsConfig, progress: Reporter
) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Go down from the start: by L-BFGS on the exact cost, by stochastic steps on the sampled one.

    Returns:
        The centres, the contexts, and the cost in bits per pair (the walk from the door not counted) at the start and
        after every step. The sampled solver estimates those between the first and the last.
    """
    shared = config.tables == "shared"
    table = centres if shared else np.concatenate([centres, contexts])
    n = len(centres)
    masses = [cost.mass] if shared else [cost.mass, np.asarray(cost.pairs.sum(axis=0)).ravel()]
    problem = _Problem(cost, np.concatenate(masses), config, progress)
    table, curve = _step_by_sample(problem, table) if is_sampled(config, n) else _follow_lbfgs(problem, table)
    return table[:n], table[-n:], curve


@dataclass(frozen=True)
class _Problem:
    """One table, or two, one above the other; `mass` is the share of each of its rows."""

    cost: PairCost
    mass: np.ndarray
    config: VectorsConfig
    progress: Reporter

    def told(self, curve: list[float]) -> None:
        note = f"{curve[-1]:.3f} bits per pair"
        self.progress(Progress("fit word vectors", len(curve) - 1, self.config.max_iterations, "steps", note))

    def with_door(self, table: np.ndarray, gradient: np.ndarray, share: float = 1.0) -> tuple[float, np.ndarray]:
        """A share of the walk from the door, and the gradient with it."""
        if not self.config.door:
            return 0.0, gradient
        walk, for_walk = door_bits(table, self.mass, share * self.config.door)
        return walk, gradient + for_walk


def _follow_lbfgs(problem: _Problem, table: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """The curvature along a token's vector grows with its share of the pairs, so L-BFGS sees each row scaled by the
    root of its share: rare tokens then move as readily as frequent ones."""
    shape, n, bits_of = table.shape, problem.cost.pairs.shape[0], {}
    scale = np.sqrt(np.maximum(problem.mass, problem.mass[problem.mass > 0].min()))[:, None]

    def value(flat: np.ndarray) -> tuple[float, np.ndarray]:
        table = (flat.reshape(shape) / scale).astype(np.float32)
        bits, for_centres, for_contexts = problem.cost(table[:n], table[-n:])
        gradient = for_centres + for_contexts if len(table) == n else np.concatenate([for_centres, for_contexts])
        walk, gradient = problem.with_door(table, gradient)
        bits_of[bits + walk] = bits
        return bits + walk, (gradient / scale).ravel()

    def step(intermediate_result: scipy.optimize.OptimizeResult) -> None:
        curve.append(bits_of[float(intermediate_result.fun)])
        problem.told(curve)

    flat = (table * scale).ravel()
    curve = [bits_of[value(flat)[0]]]
    if problem.config.max_iterations:
        options = {"maxiter": problem.config.max_iterations}
        flat = scipy.optimize.minimize(value, flat, jac=True, method="L-BFGS-B", callback=step, options=options).x
    return (flat.reshape(shape) / scale).astype(np.float32), curve


def _step_by_sample(problem: _Problem, table: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Momentum on a few blocks at a time, each pass with another sample.

    A sample that stayed would be learnt by heart: a row of 40 numbers against 200 tokens that it must not like.
    """
    config, n = problem.config, problem.cost.pairs.shape[0]
    walker = _Walker(table.copy())
    curve = [problem.cost.bits(table[:n], table[-n:])]
    with ThreadPoolExecutor(thread_count()) as pool:
        for number in range(config.max_iterations):
            cost = SampledCost(problem.cost, config.samples, config.seed, number)
            curve.append(0.0)
            order = np.random.default_rng([config.seed, number]).permutation(np.array(cost.firsts()))
            groups = np.array_split(order, -(-len(order) // _BLOCKS_PER_STEP))
            for step, group in enumerate(groups):
                bits, gradient = _of_blocks(cost, group, walker.table, pool)
                curve[-1] += bits
                _, gradient = problem.with_door(walker.table, gradient, len(group) / len(order))
                walker.step(gradient, 1 - (number + step / len(groups)) / config.max_iterations)
            problem.told(curve)
    table = walker.table
    if config.max_iterations:
        curve[-1] = problem.cost.bits(table[:n], table[-n:])
    return table, curve


def _of_blocks(
    cost: SampledCost, firsts: np.ndarray, table: np.ndarray, pool: ThreadPoolExecutor
) -> tuple[float, np.ndarray]:
    """The bits and the gradient of some blocks, summed in their order."""
    n = cost.exact.pairs.shape[0]
    total, gradient = 0.0, np.zeros_like(table)
    blocks = ordered_map(pool, lambda first: cost.block(int(first), table[:n], table[-n:]), firsts)
    for first, (bits, for_centres, for_contexts) in zip(firsts, blocks):
        total += bits
        gradient[first : first + len(for_centres)] += for_centres
        gradient[-n:] += for_contexts
    return total, gradient


class _Walker:
    """Steps with momentum; each row is scaled by the strength of its own forces, so that rare tokens move as well."""

    def __init__(self, table: np.ndarray) -> None:
        self.table = table
        self.heading = np.zeros_like(table)
        self.strength = np.zeros(len(table), dtype=np.float32)

    def step(self, gradient: np.ndarray, share: float) -> None:
        """Move the rows that are pushed, by `share` of the full rate."""
        pushed = np.flatnonzero(gradient.any(axis=1))
        push = gradient[pushed]
        self.heading[pushed] += (1 - _MOMENTUM) * (push - self.heading[pushed])
        self.strength[pushed] += (1 - _MEMORY) * (np.square(push).mean(axis=1) - self.strength[pushed])
        scale = np.sqrt(self.strength[pushed])[:, None] + 1e-20
        self.table[pushed] -= _RATE * share * self.heading[pushed] / scale
