"""Many starts of soft K-Means lowered side by side, each through stages of rising sharpness; then the best, to the end.

Source: Rose (1998) for annealing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minent.capsules.clustering import Floats, Points, centres_of, relocate

_STAGES = (1 / 8, 1 / 4, 1 / 2)  # of the sharpness, or of `_SOFT`: starting low, the seeds matter less
_SOFT = 10.0


@dataclass(frozen=True)
class Run:
    """Where a start ended: centres, shares summed, sums of points, objective, and the steps it took."""

    centres: Floats
    masses: Floats
    sums: Floats
    objective: float
    steps: int


def stages_of(sharpness: float, annealed: bool) -> tuple[float, ...]:
    """Return the sharpness of each stage, in units of the spread; the last is the one that was asked for.

    Example:
        >>> stages_of(16.0, annealed=True)
        (1.25, 2.5, 5.0, 16.0)
    """
    return (*(stage * min(sharpness, _SOFT) for stage in _STAGES), sharpness) if annealed else (sharpness,)


def lower(points: Points, centres: Floats, stages: list[tuple[float, ...]], tol: float, most: int) -> list[Run]:
    """Lower every start, each through its own stages.

    A stage ends when a step lowers its objective by no more than the share `tol`; the start, after its last stage or
    `most` steps. Each returned objective belongs to the returned centres.
    """
    starts = len(centres)
    centres = centres.copy()
    runs: list[Run | None] = [None] * starts
    stage, steps, before = np.zeros(starts, int), np.zeros(starts, int), np.full(starts, np.inf)
    live = np.arange(starts)
    while len(live):
        sharpness = np.array([stages[start][stage[start]] for start in live])
        sums, masses, objective = points.step(centres[live], sharpness)
        moved = centres_of(sums, masses, points.cosine).astype(centres.dtype)
        for place, start in enumerate(live):
            rests = before[start] - objective[place] <= tol * abs(objective[place])
            last = stage[start] == len(stages[start]) - 1
            if steps[start] >= most or (rests and last):
                runs[start] = Run(
                    centres[start], masses[place], sums[place], float(objective[place]), int(steps[start])
                )
                continue
            stage[start] += rests
            before[start] = np.inf if rests else objective[place]
            centres[start] = relocate(points, moved[place], masses[place])
            steps[start] += 1
        live = np.array([start for start in live if runs[start] is None], int)
    return [run for run in runs if run is not None]
