"""Where the vectors start, and the way down from there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import scipy.optimize

from minent.lowrank import svd
from minent.runtime import Progress, Reporter, thread_count
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
    scores.data = np.maximum(0.0, np.log(pairs.data) - np.log(rows)[at] - cost.log_base[pairs.indices])
    scores.eliminate_zeros()
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

    def with_door(self, table: np.ndarray, gradient: np.ndarray) -> tuple[float, np.ndarray]:
        if not self.config.door:
            return 0.0, gradient
        walk, for_walk = door_bits(table, self.mass, self.config.door)
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
    """Momentum on a few blocks at a time, each time with another sample; every row steps as far as every other.

    A sample that stayed would be learnt by heart: 40 numbers of a row against 200 tokens that it must not like.
    """
    config, n = problem.config, problem.cost.pairs.shape[0]
    table = table.copy()
    heading, force = np.zeros_like(table), np.zeros(len(table), dtype=np.float32)
    curve = [problem.cost.bits(table[:n], table[-n:])]
    firsts = np.array(SampledCost(problem.cost, config.samples).firsts())
    groups = -(-len(firsts) // _BLOCKS_PER_STEP)
    total, taken = config.max_iterations * groups, 0
    with ThreadPoolExecutor(thread_count()) as pool:
        for number in range(config.max_iterations):
            cost = SampledCost(problem.cost, config.samples, config.seed, number)
            order = np.random.default_rng([config.seed, number]).permutation(firsts)
            estimate = 0.0
            for group in np.array_split(order, groups):
                gradient = np.zeros_like(table)
                blocks = pool.map(lambda first: cost.block(int(first), table[:n], table[-n:]), group)
                for first, (bits, for_centres, for_contexts) in zip(group, blocks):
                    estimate += bits
                    gradient[first : first + len(for_centres)] += for_centres
                    gradient[-n:] += for_contexts
                _, gradient = problem.with_door(table, gradient)
                pushed = np.flatnonzero(gradient.any(axis=1))
                pull = gradient[pushed]
                heading[pushed] += (1 - _MOMENTUM) * (pull - heading[pushed])
                force[pushed] = np.maximum(_MEMORY * force[pushed], 0) + (1 - _MEMORY) * np.square(pull).mean(axis=1)
                rate = _RATE * (1 - taken / total)
                table[pushed] -= rate * heading[pushed] / (np.sqrt(force[pushed])[:, None] + 1e-20)
                taken += 1
            curve.append(estimate)
            problem.told(curve)
    curve[-1] = problem.cost.bits(table[:n], table[-n:]) if config.max_iterations else curve[-1]
    return table, curve
