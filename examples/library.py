"""Where should each book of a small library stand, so that readers walk least?

python examples/library.py                       prints the metres
python examples/library.py --svg library.svg     draws both layouts too
"""

import argparse
from pathlib import Path

import numpy as np

from minent.vectors import LibraryPlan, LibraryPlanner

SUBJECTS = ["gardens", "cooking", "travel", "history", "physics", "chess", "poetry", "music"]
# What one reader likes. Gardens go with cooking, physics with chess; the catalogue knows nothing of it.
TASTES = [
    ("gardens", "cooking"),
    ("travel", "history"),
    ("physics", "chess"),
    ("poetry", "music"),
    ("cooking", "travel"),
]
COLOURS = ["#2f7d4f", "#b3541e", "#2b6cb0", "#8a6d1d", "#6b46c1", "#4a5568", "#c53060", "#0f8b8d"]
BOOKS = 6  # of each subject


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--svg", type=Path)
    arguments = parser.parse_args()
    slots = shelves()
    categories = [subject for subject in SUBJECTS for _ in range(BOOKS)]
    plan = LibraryPlanner(slots).plan(loans(), items=len(categories), categories=categories, seed=0)
    print(f"books anywhere:        {plan.random_metres:5.2f} m for each visit")
    print(f"sorted by subject:     {plan.category_metres:5.2f} m")
    print(f"planned by the loans:  {plan.metres:5.2f} m")
    print(f"no shelves, only room: {plan.places_metres:5.2f} m")
    assert plan.places_metres < plan.metres < plan.category_metres < plan.random_metres
    if arguments.svg:
        arguments.svg.write_text(drawing(slots, plan), encoding="utf-8")
        print(f"{arguments.svg}: drawn")


def shelves() -> np.ndarray:
    """Four double aisles of twelve places, a metre apart; the door is at (0, 0)."""
    return np.array(
        [[2.0 + 2.5 * aisle + side, 1.0 + place] for aisle in range(4) for side in (0, 1) for place in range(6)]
    )


def loans(visits: int = 3000) -> list[list[int]]:
    """Each reader takes up to four books of one taste; of a subject, the first twice as often as the next."""
    random = np.random.default_rng(0)
    popularity = 0.5 ** np.arange(BOOKS) + 0.05
    made = []
    for _ in range(visits):
        liked = TASTES[random.choice(len(TASTES), p=[0.35, 0.2, 0.2, 0.15, 0.1])]
        subjects = random.choice([SUBJECTS.index(subject) for subject in liked], size=random.integers(2, 5))
        made.append([int(s * BOOKS + random.choice(BOOKS, p=popularity / popularity.sum())) for s in subjects])
    return made


def drawing(slots: np.ndarray, plan: LibraryPlan) -> str:
    """The shelves as they are planned; a subject is a colour, and the first books of it are darkest."""
    width, height, scale = 640, 380, 46
    style = 'font-family="sans-serif" font-size="13"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {style}>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="14" y="26" font-size="15">{plan.metres:.2f} m a visit; '
        f"sorted by subject {plan.category_metres:.2f} m; at random {plan.random_metres:.2f} m</text>",
        f'<circle cx="20" cy="{height - 30}" r="6" fill="#1a202c"/><text x="32" y="{height - 26}">door</text>',
    ]
    for book, slot in enumerate(plan.slot_of):
        x, y = 20 + scale * slots[slot][0], height - 30 - scale * slots[slot][1]
        subject, rank = divmod(book, BOOKS)
        parts.append(
            f'<rect x="{x - 20:.0f}" y="{y - 20:.0f}" width="40" height="40" rx="4" fill="{COLOURS[subject]}" '
            f'fill-opacity="{1 - 0.13 * rank:.2f}"/>'
        )
    for subject, colour in enumerate(COLOURS):
        y = 65 + 30 * subject
        parts.append(f'<rect x="550" y="{y - 11}" width="12" height="12" rx="2" fill="{colour}"/>')
        parts.append(f'<text x="570" y="{y}">{SUBJECTS[subject]}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    main()
