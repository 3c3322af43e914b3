"""What fits into a time budget: fixed from the sizes of the data alone, never from the clock.

So the same seed gives the same model on a busy machine and on an idle one. The clock is only a guard: a rung whose turn
comes after the budget is used up is skipped, and the report says so.
"""

from __future__ import annotations

from dataclasses import dataclass

# One core, on short Chinese texts: groundwork and the classical rungs together, and one reading by the encoder.
CHARACTERS_PER_SECOND = 25_000
ENCODED_CHARACTERS_PER_SECOND = 100_000
LEAST_SECONDS_FOR_NEURAL = 60.0
ENCODER_SHARE = 0.3  # of what the classical rungs leave

# How often a neural rung reads the pool, and how many seconds its three fits take beside that.
READINGS = {"probe": 1, "capsules": 3, "ptuning": 3}
FITTING_SECONDS = {"probe": 0.0, "capsules": 5.0, "ptuning": 60.0}


@dataclass(frozen=True)
class Plan:
    """What a budget buys.

    Attributes:
        pool_characters: How much unlabelled text is read.
        repeats: How often the labels are cut in halves.
        encoder_seconds: What pretraining the encoder is planned for.
        neural: The neural rungs that are climbed, by name.
    """

    pool_characters: int
    repeats: int
    encoder_seconds: float
    neural: tuple[str, ...]


def make_plan(budget_seconds: float, classes: int, pool_characters: int, labelled: int = 0) -> Plan:
    """Split a budget.

    Args:
        budget_seconds: Above zero.
        classes: How many there are; each costs.
        pool_characters: How much unlabelled text there is.
        labelled: How many labelled texts; with many, one cut says enough.

    Example:
        >>> make_plan(300, 2, 1_000_000)
        Plan(pool_characters=1000000, repeats=4, encoder_seconds=78.0, neural=('probe', 'capsules', 'ptuning'))
        >>> make_plan(100, 2, 1_000_000).neural, make_plan(60, 2, 1_000_000).neural
        (('probe',), ())
    """
    readable = min(pool_characters, int(0.8 * budget_seconds * CHARACTERS_PER_SECOND))
    left = budget_seconds - readable / CHARACTERS_PER_SECOND
    encoder_seconds = round(ENCODER_SHARE * left, 1)
    return Plan(
        pool_characters=readable,
        repeats=1 if classes > 30 or labelled > 2000 else 2 if classes >= 5 else 4,
        encoder_seconds=encoder_seconds,
        neural=_affordable(left - encoder_seconds, readable) if budget_seconds > LEAST_SECONDS_FOR_NEURAL else (),
    )


def _affordable(seconds: float, characters: int) -> tuple[str, ...]:
    kept = []
    for name, readings in READINGS.items():
        cost = readings * characters / ENCODED_CHARACTERS_PER_SECOND + FITTING_SECONDS[name]
        if cost <= seconds:
            kept.append(name)
            seconds -= cost
    return tuple(kept)
