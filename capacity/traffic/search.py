"""The least number of servers that meets a target, for laws that only say how well a given number does."""

import bisect
from collections.abc import Callable


def least_servers(holds: Callable[[int], bool], start: int) -> int:
    """Return the least number, 0 or more, for which the condition holds; it must hold from there on.

    Steps double from `start`, then the last step is halved: about twice log2 of the distance in evaluations.

    >>> least_servers(lambda servers: servers >= 130, start=100)
    130
    """
    low, step = -1, 1
    high = start
    while not holds(high):
        low, high, step = high, high + step, 2 * step
    while high - step > low and holds(high - step):
        high, step = high - step, 2 * step
    low = max(low, high - step)
    return bisect.bisect_left(range(low + 1, high), True, key=holds) + low + 1
