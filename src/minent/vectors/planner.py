"""The library itself: which book stands where, so that readers walk least.

A reader comes in at the door, takes one of the things that they borrow together, and goes on to another:
`S = sum p(i) d(i) + sum p(i, j) d(i, j)`, in metres. Where things may stand anywhere, at least `min_distance` apart,
`S` is minimised over coordinates; those lead to the slots of the real shelves, and from there things change places as
long as it shortens the walk. This is the cost of word vectors before a normaliser takes the place of the constraint.

Source: J. Su, kexue.fm/archives/6191; T. Koopmans and M. Beckmann (1957), the quadratic assignment problem.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.optimize
import scipy.sparse as sparse
from scipy.spatial.distance import cdist
from threadpoolctl import threadpool_limits

from minent.errors import InputError, number, whole
from minent.runtime import Progress, Reporter, silent
from minent.vectors import kernels

_STIFFNESS = (1.0, 10.0, 100.0, 1000.0)  # of the penalty for standing too close, one after the other
_KICK = 4  # things that are shuffled before each new descent


@dataclass(frozen=True, eq=False)
class LibraryPlan:
    """Where everything stands, and what that saves.

    Attributes:
        slot_of: The slot of each item, int64 (items,); no slot twice.
        metres: The expected walk of one visit: from the door to one item of a loan, then to another.
        random_metres: The same, in expectation over all ways to fill the shelves.
        category_metres: The same for shelves sorted by category and popularity, None without categories.
        places: Coordinates of the items where any place may be taken, (items, 2 or 3), `min_distance` apart.
        places_metres: The walk among those.
    """

    slot_of: np.ndarray
    metres: float
    random_metres: float
    category_metres: float | None
    places: np.ndarray
    places_metres: float


class LibraryPlanner:
    """Assign items to slots so that the expected walk is short.

    Args:
        slots: Coordinates of the slots in metres, (slots, 2) or (slots, 3), each at a place of its own.
        door: Where readers come in; None for the origin.
        min_distance: How far apart items stand at least where they may stand anywhere, in metres; None for the
            smallest distance between two slots.

    Raises:
        InputError: Slots that are not a table of finite numbers, two at one place, or a door or distance out of range.

    Example:
        >>> shelf = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
        >>> plan = LibraryPlanner(shelf).plan([[0, 2], [0, 2], [1]], items=3)
        >>> plan.slot_of.tolist(), round(plan.metres, 3), round(plan.random_metres, 3)
        ([1, 0, 2], 2.667, 2.889)
    """

    def __init__(self, slots: np.ndarray, *, door: np.ndarray | None = None, min_distance: float | None = None) -> None:
        slots = np.array(slots, dtype=np.float64)
        if slots.ndim != 2 or slots.shape[1] not in (2, 3) or not np.isfinite(slots).all() or not len(slots):
            raise InputError(f"slots has shape {slots.shape}; it takes finite coordinates, (slots, 2) or (slots, 3).")
        self.door = np.zeros(slots.shape[1]) if door is None else np.asarray(door, dtype=np.float64)
        if self.door.shape != slots.shape[1:] or not np.isfinite(self.door).all():
            raise InputError(f"door has shape {self.door.shape}; it takes {slots.shape[1]} coordinates, as a slot has.")
        self.slots = slots
        self.from_door = np.linalg.norm(slots - self.door, axis=1)
        self.between = cdist(slots, slots)
        nearest = (self.between + np.where(np.eye(len(slots)), np.inf, 0)).min(initial=np.inf)
        if nearest == 0:
            one, other = np.argwhere(np.triu(self.between == 0, 1))[0]
            raise InputError(
                f"slots {one} and {other} stand at the same place, {slots[one].tolist()}. Give each its own."
            )
        own = float(nearest) if len(slots) > 1 else 1.0
        self.min_distance = own if min_distance is None else number("min_distance", min_distance, 0, " m", above=True)

    def plan(
        self,
        loans: Sequence[Sequence[int]],
        *,
        items: int | None = None,
        categories: Sequence[object] | None = None,
        restarts: int = 100,
        seed: int = 0,
        progress: Reporter = silent,
    ) -> LibraryPlan:
        """Find a slot for each item.

        Args:
            loans: What was borrowed together: each loan a row of item ids from 0; an id twice in a loan counts once.
            items: How many items there are; None for the largest id and one.
            categories: The category of each item, for the comparison with sorted shelves.
            restarts: How many times the best plan is shaken and improved again.
            seed: Of the shakes.
            progress: Told after every restart.

        Returns:
            The plan, the same for the same seed.

        Raises:
            InputError: No loans, an id outside, more items than slots, or categories that do not fit.
        """
        first, pairs = walks(loans, items)
        n = len(first)
        if n > len(self.slots):
            raise InputError(f"there are {n} items, but {len(self.slots)} slots. Give a slot for each item.")
        if categories is not None and len(categories) != n:
            raise InputError(f"categories names {len(categories)} items, but there are {n}.")
        whole("restarts", restarts, 0)
        whole("seed", seed, 0)
        with threadpool_limits(1, user_api="blas"):
            places = self._places(first, pairs, seed)
            slot_of = self._improved(self._starts(first, places), first, pairs, restarts, seed, progress)
            metres = self.metres(slot_of, first, pairs)
            apart = self.between.sum() / max(1, self.between.size - len(self.slots))
            return LibraryPlan(
                slot_of=slot_of,
                metres=metres,
                random_metres=float(first.sum() * self.from_door.mean() + pairs.sum() * apart),
                category_metres=None if categories is None else self._by_category(first, pairs, categories),
                places=places,
                places_metres=_walk(places - self.door, first, pairs),
            )

    def metres(self, slot_of: np.ndarray, first: np.ndarray, pairs: sparse.csr_matrix) -> float:
        """Return the expected walk of a layout.

        Args:
            slot_of: The slot of each item.
            first: `p(i)`, as `walks` gives it.
            pairs: `p(i, j)`, likewise.
        """
        rows = np.repeat(np.arange(len(first)), np.diff(pairs.indptr))
        between = self.between[slot_of[rows], slot_of[pairs.indices]]
        return float(first @ self.from_door[slot_of] + pairs.data @ between)

    # --- where things may stand anywhere ------------------------------------------------------------------------------

    def _places(self, first: np.ndarray, pairs: sparse.csr_matrix, seed: int) -> np.ndarray:
        """Minimise `S` over coordinates, a growing penalty keeping items apart; then stretch until the rule holds."""
        n, dim = len(first), self.slots.shape[1]
        near = np.argsort(self.from_door, kind="stable")[:n]
        start = np.empty((n, dim))
        start[np.argsort(-first, kind="stable")] = self.slots[near] - self.door
        start += np.random.default_rng(seed).normal(scale=self.min_distance / 100, size=start.shape)
        both = (pairs + pairs.T).toarray() / 2
        places = start
        for stiffness in _STIFFNESS:
            found = scipy.optimize.minimize(
                _penalised,
                places.ravel(),
                args=(first, both, self.min_distance, stiffness / n),
                jac=True,
                method="L-BFGS-B",
                options={"maxiter": 200},
            )
            places = found.x.reshape(n, dim)
        closest = (cdist(places, places) + np.where(np.eye(n), np.inf, 0)).min(initial=np.inf)
        stretch = max(1.0, self.min_distance / max(closest, 1e-12)) if n > 1 else 1.0
        return places * stretch + self.door

    # --- on real shelves ----------------------------------------------------------------------------------------------

    def _starts(self, first: np.ndarray, places: np.ndarray) -> list[np.ndarray]:
        """The slots nearest to the free places, and the popular at the door."""
        _, by_place = scipy.optimize.linear_sum_assignment(cdist(places, self.slots, "sqeuclidean"))
        by_demand = np.empty(len(first), dtype=np.int64)
        by_demand[np.argsort(-first, kind="stable")] = np.argsort(self.from_door, kind="stable")[: len(first)]
        return [by_place.astype(np.int64), by_demand]

    def _improved(
        self,
        starts: list[np.ndarray],
        first: np.ndarray,
        pairs: sparse.csr_matrix,
        restarts: int,
        seed: int,
        progress: Reporter,
    ) -> np.ndarray:
        """Swap as long as it pays, from each start; then shake the best plan and swap again (iterated local search)."""
        both = sparse.csr_matrix(pairs + pairs.T)
        random = np.random.default_rng(seed)
        best, least = starts[0], np.inf
        for turn in range(len(starts) + restarts):
            slot_of = starts[turn].copy() if turn < len(starts) else self._shaken(best, random, turn)
            kernels.swap_while_better(
                slot_of, len(self.slots), first, both.indptr, both.indices, both.data, self.from_door, self.between
            )
            metres = self.metres(slot_of, first, pairs)
            if metres < least - 1e-12:
                best, least = slot_of, metres
            done = max(0, turn + 1 - len(starts))
            progress(Progress("plan the shelves", done, restarts, "restarts", f"{least:.2f} m"))
        return best

    def _shaken(self, slot_of: np.ndarray, random: np.random.Generator, turn: int) -> np.ndarray:
        """Shuffle a few items, or every third time all of them."""
        shaken = slot_of.copy()
        if turn % 3 == 0:
            return random.permutation(len(self.slots))[: len(slot_of)].astype(np.int64)
        some = random.permutation(len(slot_of))[:_KICK]
        shaken[some] = shaken[random.permutation(some)]
        return shaken

    def _by_category(self, first: np.ndarray, pairs: sparse.csr_matrix, categories: Sequence[object]) -> float:
        """Categories by popularity, items by popularity within; slots by number or by way from the door, if shorter."""
        names = [str(category) for category in categories]
        demand = {name: sum(p for p, other in zip(first, names) if other == name) for name in set(names)}
        order = sorted(range(len(first)), key=lambda item: (-demand[names[item]], names[item], -first[item], item))
        walks = []
        for slots in (np.arange(len(self.slots)), np.argsort(self.from_door, kind="stable")):
            slot_of = np.empty(len(first), dtype=np.int64)
            slot_of[order] = slots[: len(first)]
            walks.append(self.metres(slot_of, first, pairs))
        return min(walks)


def walks(loans: Sequence[Sequence[int]], items: int | None = None) -> tuple[np.ndarray, sparse.csr_matrix]:
    """Turn loans into walks: `p(i)`, where one goes first, and `p(i, j)`, where one goes on to.

    Each loan counts the same. Its items are equally likely to be the first, the others to be the second; a loan of one
    item has no second.

    Args:
        loans: Rows of item ids.
        items: How many items there are; None for the largest id and one.

    Returns:
        `p(i)`, (items,), of sum one; and `p(i, j)`, its diagonal empty, of the sum that loans of two or more have.

    Raises:
        InputError: No loan with an item, or an id outside `[0, items)`.
    """
    most = None if items is None else whole("items", items, 1) - 1
    said = ". Number the items first" if items is None else f", for there are {items} items"
    rows = [
        sorted({whole(f"an item of loan {place}", item, 0, most, said) for item in loan})
        for place, loan in enumerate(loans)
    ]
    rows = [row for row in rows if row]
    if not rows:
        raise InputError("loans holds no item. Give what was borrowed together, such as [[0, 1], [1, 2]].")
    n = max(row[-1] for row in rows) + 1 if items is None else items
    first = np.zeros(n)
    here, there, chance = [], [], []
    for row in rows:
        first[row] += 1 / len(row) / len(rows)
        for one in row:
            others = [other for other in row if other != one]
            here += [one] * len(others)
            there += others
            chance += [1 / len(row) / max(1, len(others)) / len(rows)] * len(others)
    pairs = sparse.csr_matrix((chance, (here, there)), shape=(n, n))
    pairs.sum_duplicates()
    return first, pairs


def _walk(places: np.ndarray, first: np.ndarray, pairs: sparse.csr_matrix) -> float:
    rows = np.repeat(np.arange(len(first)), np.diff(pairs.indptr))
    between = np.linalg.norm(places[rows] - places[pairs.indices], axis=1)
    return float(first @ np.linalg.norm(places, axis=1) + pairs.data @ between)


def _penalised(
    flat: np.ndarray, first: np.ndarray, both: np.ndarray, least: float, stiffness: float
) -> tuple[float, np.ndarray]:
    """`S` and `stiffness * sum max(0, least - |v_i - v_j|)^2` over ordered pairs; its gradient."""
    places = flat.reshape(len(first), -1)
    lengths = np.maximum(np.linalg.norm(places, axis=1), 1e-9)
    apart = np.maximum(cdist(places, places), 1e-9)
    short = np.maximum(0.0, least - apart)
    np.fill_diagonal(short, 0.0)
    value = first @ lengths + (both * apart).sum() + stiffness * np.square(short).sum()
    pull = 2 * (both - 2 * stiffness * short) / apart
    np.fill_diagonal(pull, 0.0)
    gradient = (first / lengths)[:, None] * places + pull.sum(axis=1)[:, None] * places - pull @ places
    return float(value), gradient.ravel()
