"""Figures of the gate: floors that survive binary fractions, and numbers as people read them."""

import math
from statistics import NormalDist

_NORMAL_FROM = 100_000.0
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


def poisson_quantile(mean: float, share: float = 0.999) -> int:
    """Return the least number that a Poisson count of some mean stays at or below in a share of all cases.

    >>> poisson_quantile(50.0), poisson_quantile(0.0)
    (73, 0)
    """
    if mean > _NORMAL_FROM:  # there the normal law is as good, and a sum of terms takes too long
        return math.ceil(mean + NormalDist().inv_cdf(share) * math.sqrt(mean) + 1)
    number, total = 0, math.exp(-mean)
    while total < share:
        number += 1
        total += math.exp(number * math.log(mean) - mean - math.lgamma(number + 1))
    return number


def waiting_share(erlangs: float, servers: int, times: float) -> float:
    """Return the share of calls that waits longer than so many mean holding times for one of some servers (Erlang C).

    >>> round(waiting_share(2.0, 3, 0.0), 4), waiting_share(3.0, 3, 9.0)
    (0.4444, 1.0)
    """
    if erlangs >= servers:
        return 1.0
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = erlangs * blocked / (number + erlangs * blocked)
    waits = servers * blocked / (servers - erlangs * (1 - blocked))
    return waits * math.exp(-(servers - erlangs) * times)


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
