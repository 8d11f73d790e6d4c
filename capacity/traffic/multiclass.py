"""Calls of different sizes on one pool, some of which leave the last slots to others (trunk reservation)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from capacity.traffic.arguments import require, require_load

_RESCALE_ABOVE = 1e200


@dataclass(frozen=True)
class CallClass:
    """Calls of one kind.

    Raises:
        ValueError: the load is negative or not finite, a call takes no slot, or the reserve is negative.
    """

    offered_erlangs: float
    """Calls, not slots: calls a second times mean seconds held."""
    slots: int = 1
    """What one call takes of the pool."""
    reserved_slots: int = 0
    """A call is refused unless this many slots stay free after it: what this class leaves to others."""

    def __post_init__(self) -> None:
        require_load(self.offered_erlangs)
        require(holds=self.slots >= 1, what="a call must take 1 slot or more", got=self.slots)
        require(holds=self.reserved_slots >= 0, what="reserved_slots must be 0 or more", got=self.reserved_slots)


def multiclass_blocking(capacity_slots: int, classes: Sequence[CallClass]) -> tuple[float, ...]:
    """Return the share of calls lost, class by class.

    j q(j) = sum over k of a_k b_k q(j - b_k) with class k left out above j = C - t_k, and B_k = sum of q(j) above C - b_k - t_k.
    Exact without reservation, whatever the distributions of holding times (Kaufman 1981, Roberts 1981). With reservation it is
    Roberts' approximation (1983), exact where every call takes one slot and all hold for the same exponential time
    (`reservation_blocking`).

    Raises:
        ValueError: the capacity is negative.

    >>> [round(share, 4) for share in multiclass_blocking(20, [CallClass(8.0), CallClass(1.0, slots=4)])]
    [0.0212, 0.1254]
    """
    require(holds=capacity_slots >= 0, what="capacity_slots must be 0 or more", got=capacity_slots)
    weights = np.zeros(capacity_slots + 1)
    weights[0] = 1.0
    terms = [
        (call.offered_erlangs * call.slots, call.slots, capacity_slots - call.reserved_slots)
        for call in classes
        if call.offered_erlangs > 0
    ]
    for used in range(1, capacity_slots + 1):
        weight = sum(load * weights[used - slots] for load, slots, last in terms if slots <= used <= last) / used
        weights[used] = weight
        if weight > _RESCALE_ABOVE:
            weights[: used + 1] /= weight
    weights /= weights.sum()
    return tuple(float(weights[max(0, capacity_slots - call.slots - call.reserved_slots + 1) :].sum()) for call in classes)


def equalising_reserves(slots: Sequence[int]) -> tuple[int, ...]:
    """Return the reserves with which calls of these sizes are all refused alike: each leaves what the largest needs beyond it.

    Every class is then refused in the same states, those with fewer free slots than the largest call takes.

    >>> equalising_reserves([1, 4])
    (3, 0)
    """
    return tuple(max(slots) - size for size in slots)


def reservation_blocking(
    capacity_slots: int, offered_erlangs: Sequence[float], reserved_slots: Sequence[int]
) -> tuple[float, ...]:
    """Return the share of calls lost, class by class, where each takes one slot and leaves so many free; exact.

    A birth-death chain whose rate of births in state j sums the classes with j < C - t_k. Exponential times with one mean.

    Raises:
        ValueError: the capacity is negative, a load or reserve is not allowed, or there are not as many reserves as loads.

    >>> [round(share, 4) for share in reservation_blocking(100, [70.0, 15.0], [0, 5])]
    [0.0047, 0.0778]
    """
    require(holds=capacity_slots >= 0, what="capacity_slots must be 0 or more", got=capacity_slots)
    require(
        holds=len(offered_erlangs) == len(reserved_slots),
        what="there must be a reserve for each load",
        got=(len(offered_erlangs), len(reserved_slots)),
    )
    classes = [CallClass(load, reserved_slots=reserve) for load, reserve in zip(offered_erlangs, reserved_slots, strict=True)]
    states = np.arange(capacity_slots)
    births = np.zeros(capacity_slots)
    for call in classes:
        births += call.offered_erlangs * (states < capacity_slots - call.reserved_slots)
    with np.errstate(divide="ignore"):  # no births above a state: all states above it have probability 0
        logs = np.concatenate([[0.0], np.cumsum(np.log(births) - np.log(states + 1))])
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    return tuple(float(weights[max(0, capacity_slots - call.reserved_slots) :].sum()) for call in classes)
