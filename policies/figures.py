"""Figures of the gate: floors that survive binary fractions, and numbers as people read them."""

import math

TINY = 1e-9
"""Slack of a comparison: 4 / 0.05 is 80, though binary fractions may say 79.99999999999999."""


def whole(value: float) -> int:
    """Return the largest whole number that a value reaches, zero at least.

    >>> whole(0.3 / 0.1), whole(2.7), whole(-1.0)
    (3, 2, 0)
    """
    return max(0, math.floor(value + TINY))


def needed(amount: float, each: float) -> int:
    """Return how many of a thing hold an amount, each holding more than nothing.

    >>> needed(1485.3, 72), needed(144, 72), needed(0, 72)
    (21, 2, 0)
    """
    return max(0, math.ceil(amount / each - TINY))


def exceeds(amount: float, limit: float) -> bool:
    """Return whether an amount is above a limit by more than rounding explains."""
    return amount > limit + TINY * max(1.0, abs(limit))


def count(value: float) -> str:
    """Return a count as people read it.

    >>> count(27e6)
    '27,000,000'
    """
    return f"{value:,.0f}"


def counts(required: float, provided: float) -> tuple[str, str]:
    """Return two figures with as many decimals as it takes to tell them apart.

    >>> counts(1485.3, 288), counts(288.4, 288)
    (('1,485', '288'), ('288.4', '288.0'))
    """
    for decimals in range(6):
        texts = f"{required:,.{decimals}f}", f"{provided:,.{decimals}f}"
        if texts[0] != texts[1]:
            return texts
    return count(required), count(provided)
