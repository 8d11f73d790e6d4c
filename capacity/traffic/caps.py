"""Tenants with plan limits and guarantees on one fleet: what overselling the limits does to each plan.

A call is refused where its tenant is at its cap, or where the shared pool is full and the tenant has used up its guarantee. The
states so allowed form a set from which every hang-up stays inside, so the probability of a state is the product of Poisson terms,
normalised over the set (Kaufman 1981; Kelly, "Loss networks", 1991): exact, and insensitive to the distribution of call times.
Calls are taken for random and tenants for independent; a day that is busy for all of them at once needs its own, higher load.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from capacity.traffic.arguments import require, require_load, require_target
from capacity.traffic.search import least_servers

Array = NDArray[np.float64]

_NEGLIGIBLE = 1e-40
"""What is smaller beside the largest probability of a sum is dropped: blocking below about 1e-30 is not resolved."""


@dataclass(frozen=True)
class TenantGroup:
    """Tenants of one plan that call alike.

    Raises:
        ValueError: there is no tenant, the load is negative or not finite, the guarantee negative, or the cap below it or 0.
    """

    tenants: int
    offered_erlangs: float
    """Of each tenant."""
    cap_sessions: int | None
    """The most that one tenant may hold at once; None for as many as there is room for."""
    guaranteed_sessions: int = 0
    """What each tenant always finds: taken off the pool for it alone, used or not. Above it a tenant uses the shared pool."""

    def __post_init__(self) -> None:
        require(holds=self.tenants >= 1, what="a group must have 1 tenant or more", got=self.tenants)
        require_load(self.offered_erlangs)
        require(holds=self.guaranteed_sessions >= 0, what="guaranteed_sessions must be 0 or more", got=self.guaranteed_sessions)
        least = max(1, self.guaranteed_sessions)
        require(
            holds=self.cap_sessions is None or self.cap_sessions >= least,
            what=f"cap_sessions must be at least {least}, or None",
            got=self.cap_sessions,
        )


@dataclass(frozen=True)
class GroupBlocking:
    """The share of a group's calls that is refused, by what refused it."""

    at_cap: float
    """The tenant's own plan was full: it bought too little."""
    at_pool: float
    """The plan had room and the fleet had none: too much was sold."""

    @property
    def total(self) -> float:
        """The share that is refused for either reason."""
        return self.at_cap + self.at_pool


@dataclass(frozen=True)
class Oversold:
    """What was sold on a fleet, and what each plan gets of it."""

    guaranteed_sessions: int
    """Taken off first."""
    shared_sessions: int
    """What is left, for all that goes beyond guarantees."""
    promised_sessions: int | None
    """Caps less guarantees, over all tenants: what they may ask of the shared pool. None where a tenant has no cap."""
    ratio: float | None
    """Promised over shared sessions; above 1 the fleet is oversold. None where a tenant has no cap or nothing is shared."""
    groups: tuple[GroupBlocking, ...]


def guaranteed_sessions(groups: Sequence[TenantGroup]) -> int:
    """Return what all guarantees together take off a fleet.

    >>> guaranteed_sessions([TenantGroup(40, 10.0, 50), TenantGroup(1, 600.0, None, guaranteed_sessions=1000)])
    1000
    """
    return sum(group.tenants * group.guaranteed_sessions for group in groups)


def caps_blocking(capacity_sessions: int, groups: Sequence[TenantGroup]) -> tuple[GroupBlocking, ...]:
    """Return the share of calls refused, group by group.

    The sums of sessions are convolved: a tenant's Poisson terms up to its cap, what is within its guarantee counting as 0; powers
    of identical tenants by repeated squaring; the tenant in question last. Every term is positive and blocked states are summed
    as such, so that small shares keep their digits; a Fourier transform, for the longest sums alone, loses those below 1e-15.
    Sums are cut to where they are not negligible, about 27 standard deviations wide, so the work is proportional to the load.

    Raises:
        ValueError: the guarantees exceed the capacity.

    >>> groups = [TenantGroup(40, 20.0, 50), TenantGroup(5, 100.0, 200)]
    >>> [f"{group.at_cap:.1e} {group.at_pool:.1e}" for group in caps_blocking(1350, groups)]
    ['6.0e-09 4.6e-03', '3.9e-20 4.6e-03']
    """
    shared = capacity_sessions - guaranteed_sessions(groups)
    require(
        holds=shared >= 0,
        what=f"guarantees of {guaranteed_sessions(groups)} sessions need at least as many: raise the capacity or lower them",
        got=capacity_sessions,
    )
    logs = [_log_weights(group, shared) for group in groups]
    tilt = _log_tilt(groups, logs, shared)
    tenants = [_tilted(group, log, tilt) for group, log in zip(groups, logs, strict=True)]
    factors = [_pool_use(group, weights) for group, weights in zip(groups, tenants, strict=True)]
    powers = [_power(factor, group.tenants - 1, shared) for factor, group in zip(factors, groups, strict=True)]
    # For each group the product of the groups before it, of its other tenants, and of those after it: nothing is divided out.
    others = []
    product = _NOTHING
    for factor, power in zip(factors, powers, strict=True):
        others.append(_convolve(product, power, shared))
        product = _convolve(others[-1], factor, shared)
    product = _NOTHING
    for index in reversed(range(len(groups))):
        rest = _convolve(powers[index], product, shared)
        others[index] = _convolve(others[index], product, shared)
        product = _convolve(rest, factors[index], shared)
    return tuple(_blocking(*each, shared, math.exp(tilt)) for each in zip(groups, tenants, others, strict=True))


def oversold(capacity_sessions: int, groups: Sequence[TenantGroup]) -> Oversold:
    """Return what a fleet has promised to its tenants, and how often each plan is refused for it.

    Raises:
        ValueError: the guarantees exceed the capacity.

    >>> reserved = TenantGroup(1, 900.0, 1000, guaranteed_sessions=1000)
    >>> result = oversold(2500, [TenantGroup(20, 38.0, 50), TenantGroup(4, 170.0, 200), reserved])
    >>> result.shared_sessions, result.promised_sessions, result.ratio
    (1500, 1800, 1.2)
    >>> [f"{group.at_cap:.4f} {group.at_pool:.4f}" for group in result.groups]
    ['0.0100 0.0017', '0.0021 0.0017', '0.0001 0.0000']
    """
    blocking = caps_blocking(capacity_sessions, groups)
    guaranteed = guaranteed_sessions(groups)
    shared = capacity_sessions - guaranteed
    caps = [group.cap_sessions for group in groups]
    if None in caps:
        return Oversold(guaranteed, shared, None, None, blocking)
    promised = sum(group.tenants * (cap or 0) for group, cap in zip(groups, caps, strict=True)) - guaranteed
    return Oversold(guaranteed, shared, promised, promised / shared if shared else None, blocking)


def sessions_for_caps(groups: Sequence[TenantGroup], blocking: float) -> int:
    """Return the least fleet on which no plan is refused more often than this for want of shared room.

    What tenants are refused at their own caps does not count: no fleet cures it.

    Raises:
        ValueError: the target is not strictly between 0 and 1.

    >>> sessions_for_caps([TenantGroup(40, 12.0, 50), TenantGroup(10, 60.0, 200)], 0.001)
    1154
    """
    require_target(blocking)
    guaranteed = guaranteed_sessions(groups)

    def holds(shared: int) -> bool:
        return all(group.at_pool <= blocking for group in caps_blocking(guaranteed + shared, groups))

    load = sum(group.tenants * max(0.0, group.offered_erlangs - group.guaranteed_sessions) for group in groups)
    return guaranteed + least_servers(holds, math.ceil(load))


_DIRECT = 8192
"""Longer sums (of some 90,000 sessions) are multiplied by Fourier transform, in n log n instead of n x n steps."""
_ROUNDED = 1e-13
"""Beside the largest weight; what it leaves out is far below any blocking that anyone plans for."""


@dataclass(frozen=True)
class _Sum:
    """The weights of a sum of sessions, from `first` up, to one common factor."""

    first: int
    weights: Array


_NOTHING = _Sum(0, np.ones(1))


def _log_weights(group: TenantGroup, shared: int) -> Array:
    """Return the logarithms of a tenant's Poisson terms, from no session to the most that cap and pool allow."""
    room = group.guaranteed_sessions + shared
    most = room if group.cap_sessions is None else min(group.cap_sessions, room)
    with np.errstate(divide="ignore"):  # without load every term but the first is 0
        steps = np.log(np.float64(group.offered_erlangs)) - np.log(np.arange(1, most + 1))
    return np.concatenate([[0.0], np.cumsum(steps)])


def _tilted(group: TenantGroup, logs: Array, log_tilt: float) -> Array:
    """Return a tenant's weights, each times the tilt to what it takes of the pool, the largest 1."""
    taken = np.maximum(np.arange(len(logs)) - group.guaranteed_sessions, 0)
    tilted = logs + log_tilt * taken
    return np.asarray(np.exp(tilted - tilted.max()))


def _pool_use(group: TenantGroup, weights: Array) -> _Sum:
    """Return the weights of what a tenant takes of the pool: all within its guarantee counts as nothing."""
    use = weights[group.guaranteed_sessions :].copy()
    use[0] += weights[: group.guaranteed_sessions].sum()
    return _trim(0, use)


def _log_tilt(groups: Sequence[TenantGroup], logs: Sequence[Array], shared: int) -> float:
    """Return the logarithm of the tilt, 1 or below, with which the tenants' mean use of the pool is within it.

    Weights times tilt^use give the same probabilities once tilt^-use is put back. On a pool far too small the states that count
    lie deep in the lower tail of the free sum, below any float; the tilt brings them to its middle.
    """

    def excess(log_tilt: float) -> float:
        used = 0.0
        for group, log in zip(groups, logs, strict=True):
            weights = _tilted(group, log, log_tilt)
            taken = np.maximum(np.arange(len(weights)) - group.guaranteed_sessions, 0)
            used += group.tenants * float(weights @ taken) / float(weights.sum())
        return used - shared

    if shared == 0 or excess(0.0) <= 0:
        return 0.0
    low, high = -1.0, 0.0
    while excess(low) > 0:
        low, high = 2 * low, low
    while excess(low) < -0.01 * shared:
        middle = (low + high) / 2
        low, high = (low, middle) if excess(middle) > 0 else (middle, high)
    return low


def _trim(first: int, weights: Array) -> _Sum:
    kept = np.flatnonzero(weights >= weights.max() * _NEGLIGIBLE)
    return _Sum(first + int(kept[0]), weights[kept[0] : kept[-1] + 1] / weights.max())


def _convolve(left: _Sum, right: _Sum, limit: int) -> _Sum:
    """Return the sum of two, up to a limit."""
    first = left.first + right.first
    if min(len(left.weights), len(right.weights)) <= _DIRECT:
        return _trim(first, np.convolve(left.weights, right.weights)[: limit - first + 1])
    length = len(left.weights) + len(right.weights) - 1
    size = 1 << (length - 1).bit_length()
    spectrum = np.fft.rfft(left.weights, size) * np.fft.rfft(right.weights, size)
    together = np.fft.irfft(spectrum, size)[:length]
    # What the transform's rounding leaves beside nothing is not a weight.
    together[together < _ROUNDED * together.max()] = 0.0
    return _trim(first, together[: limit - first + 1])


def _power(factor: _Sum, count: int, limit: int) -> _Sum:
    """Return the sum of so many like the factor."""
    result = _NOTHING
    while count:
        if count & 1:
            result = _convolve(result, factor, limit)
        count >>= 1
        if count:
            factor = _convolve(factor, factor, limit)
    return result


def _blocking(group: TenantGroup, weights: Array, others: _Sum, shared: int, tilt: float) -> GroupBlocking:
    """Return how often a tenant is refused, given its tilted weights and those of all others' use of the pool."""
    beyond = weights[group.guaranteed_sessions :]
    left, at_least = _left(others, shared, tilt, len(beyond))
    allowed = beyond * at_least
    everything = float(allowed.sum() + weights[: group.guaranteed_sessions].sum() * at_least[0])
    full = beyond * left
    if len(weights) - 1 == group.cap_sessions:
        return GroupBlocking(float(allowed[-1]) / everything, float(full[:-1].sum()) / everything)
    return GroupBlocking(0.0, float(full.sum()) / everything)


def _left(others: _Sum, shared: int, tilt: float, wanted: int) -> tuple[Array, Array]:
    """Return the weights with which the others leave exactly f free, and f or more, for the first f's that are wanted.

    A state that fills the pool less is untilted by one more factor. Only the f's that can occur are gone through: on a large
    fleet they are few beside its sessions.
    """
    most = shared - others.first
    least = most - len(others.weights) + 1
    reached = np.fromiter(accumulate(others.weights.tolist(), lambda more, exactly: exactly + tilt * more), float)[::-1]
    exactly, at_least = np.zeros(wanted), np.zeros(wanted)
    free = np.arange(wanted)
    within = (free >= least) & (free <= most)
    exactly[within] = others.weights[::-1][free[within] - least]
    at_least[within] = reached[free[within] - least]
    below = free < least
    at_least[below] = reached[0] * np.float64(tilt) ** (least - free[below])
    return exactly, at_least
