"""The library: small cases equal brute force, the free places keep their distance, and planted shelves are found."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from minent.errors import InputError
from minent.vectors import LibraryPlanner, planner
from tests.vectors import reference


def case(seed, items=5, slots=6):
    random = np.random.default_rng(seed)
    loans = [random.choice(items, size=random.integers(1, 4), replace=False).tolist() for _ in range(12)]
    return random.uniform(0.5, 9, size=(slots, 2)), loans


@pytest.mark.parametrize("seed", range(12))
def test_small_cases_equal_brute_force(seed):
    slots, loans = case(seed)
    plan = LibraryPlanner(slots).plan(loans, items=5, seed=seed)
    walked = [reference.walk(loans, slots[list(order)]) for order in itertools.permutations(range(6), 5)]
    assert plan.metres == pytest.approx(min(walked), abs=1e-9)
    assert plan.metres == pytest.approx(reference.walk(loans, slots[plan.slot_of]), abs=1e-9)
    assert plan.random_metres == pytest.approx(np.mean(walked), abs=1e-9)


def test_the_door_is_where_it_is_said():
    slots, loans = case(3)
    moved = LibraryPlanner(slots + 5, door=np.array([5.0, 5.0])).plan(loans, items=5)
    assert moved.metres == pytest.approx(LibraryPlanner(slots).plan(loans, items=5).metres, abs=1e-9)


@pytest.mark.parametrize("dim", [2, 3])
def test_free_places_keep_their_distance_and_cost_less_than_random_shelves(dim):
    slots = 2.0 * np.array(list(itertools.product(range(3), repeat=dim)), dtype=float) + 1
    _, loans = case(1, items=8)
    plan = LibraryPlanner(slots, min_distance=1.5).plan(loans, items=8)
    assert plan.places.shape == (8, dim)
    assert pdist(plan.places).min() >= 1.5 - 1e-9
    assert plan.places_metres == pytest.approx(reference.walk(loans, plan.places), abs=1e-9)
    assert plan.places_metres < plan.random_metres


def test_gradient_of_the_free_places():
    random = np.random.default_rng(0)
    both = random.random((5, 5))
    both = both + both.T
    np.fill_diagonal(both, 0)
    first, flat = random.random(5), random.normal(size=10)
    _, gradient = planner._penalised(flat, first, both, 1.5, 3.0)
    for at in range(10):
        ahead, behind = flat.copy(), flat.copy()
        ahead[at] += 1e-6
        behind[at] -= 1e-6
        arguments = (first, both, 1.5, 3.0)
        slope = (planner._penalised(ahead, *arguments)[0] - planner._penalised(behind, *arguments)[0]) / 2e-6
        assert gradient[at] == pytest.approx(slope, abs=1e-6)


def planted(groups=4, size=6, loans=400, seed=0):
    """Readers stay within one group, and the category labels know nothing of the groups."""
    random = np.random.default_rng(seed)
    return [(random.integers(groups) * size + random.choice(size, 3, replace=False)).tolist() for _ in range(loans)]


def test_planted_groups_stand_together_and_walks_are_shorter_than_sorted_by_category():
    slots = np.array([[1.0 + x, 1.0 + y] for x in range(6) for y in range(4)])
    categories = [item % 3 for item in range(24)]
    plan = LibraryPlanner(slots).plan(planted(), items=24, categories=categories)
    assert plan.metres < 0.9 * plan.category_metres
    assert plan.category_metres < 1.1 * plan.random_metres
    centres = slots[plan.slot_of].reshape(4, 6, 2)
    inside = np.linalg.norm(centres - centres.mean(axis=1, keepdims=True), axis=2).mean()
    across = np.linalg.norm(slots - slots.mean(axis=0), axis=1).mean()
    assert inside < 0.6 * across


def test_the_popular_stand_at_the_door():
    loans = [[0]] * 50 + [[1]] * 20 + [[2]] * 5
    slots = np.array([[9.0, 0.0], [1.0, 0.0], [4.0, 0.0], [2.0, 0.0]])
    assert LibraryPlanner(slots).plan(loans).slot_of.tolist() == [1, 3, 2]


def test_no_slot_is_used_twice_and_the_same_seed_gives_the_same_plan():
    slots, loans = case(5, items=15, slots=40)
    one, two = (LibraryPlanner(slots).plan(loans, items=15, seed=4) for _ in range(2))
    assert len(set(one.slot_of.tolist())) == 15
    assert np.array_equal(one.slot_of, two.slot_of)
    assert np.array_equal(one.places, two.places)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: LibraryPlanner(np.zeros((3, 4))), r"slots has shape \(3, 4\)"),
        (lambda: LibraryPlanner(np.array([[1.0, 2], [3, 4], [1, 2]])), r"slots 0 and 2 stand at the same place"),
        (lambda: LibraryPlanner(np.eye(2), door=np.zeros(3)), "door has shape"),
        (lambda: LibraryPlanner(np.eye(2), min_distance=0.0), "min_distance is 0"),
        (lambda: LibraryPlanner(np.eye(2)).plan([[0], [1], [2]]), "3 items, but 2 slots"),
        (
            lambda: LibraryPlanner(np.eye(2)).plan([[0, 5]], items=2),
            "an item of loan 0 is 5; it takes a whole number from 0 to 1, for there are 2 items",
        ),
        (
            lambda: LibraryPlanner(np.eye(2)).plan([[1], [0.7]]),
            "an item of loan 1 is 0.7; it takes a whole number, 0 or more. Number the items first",
        ),
        (lambda: LibraryPlanner(np.eye(2)).plan([[], [0], [True]]), "an item of loan 2 is True"),
        (lambda: LibraryPlanner(np.eye(2)).plan([[], [0], [-1]]), "an item of loan 2 is -1"),
        (lambda: LibraryPlanner(np.eye(2)).plan([[0]], items=0), "items is 0"),
        (lambda: LibraryPlanner(np.eye(2)).plan([[0]], seed=-1), "seed is -1"),
        (lambda: LibraryPlanner(np.eye(2), min_distance="near"), "min_distance is 'near'"),
        (lambda: LibraryPlanner(np.eye(2)).plan([[]]), "loans holds no item"),
        (lambda: LibraryPlanner(np.eye(2)).plan([[0, 1]], categories=["a"]), "categories names 1"),
        (lambda: LibraryPlanner(np.eye(2)).plan([[0, 1]], restarts=-1), "restarts is -1"),
    ],
)
def test_what_cannot_be_planned_is_named(call, said):
    with pytest.raises(InputError, match=said):
        call()
