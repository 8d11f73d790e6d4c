"""Bursty calls exactly: arrivals whose rate a hidden phase sets (a Markov-modulated Poisson process) on like servers with loss.

Law and solution: Fischer and Meier-Hellstern, "The Markov-modulated Poisson process (MMPP) cookbook" (1993), and the elimination
of finite quasi-birth-death chains level by level (Gaver, Jacobs and Latouche, 1984). Times a server is held are exponential.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from capacity.traffic.arguments import require, require_seconds, require_target
from capacity.traffic.search import least_servers

Array = NDArray[np.float64]

_RESCALE_ABOVE = 1e200


@dataclass(frozen=True)
class PhasedArrivals:
    """Calls whose rate depends on a hidden phase that changes by itself.

    Raises:
        ValueError: rates are negative or not finite, no phase brings calls, the table is not square, or a phase is out of reach.
    """

    calls_per_second: tuple[float, ...]
    """The rate in each phase."""
    changes_per_second: tuple[tuple[float, ...], ...]
    """Row i, column j: how often phase i turns to phase j; what stands on the diagonal is not read."""

    def __post_init__(self) -> None:
        phases = len(self.calls_per_second)
        square = phases > 0 and [len(row) for row in self.changes_per_second] == [phases] * phases
        require(holds=square, what="changes_per_second must have a row and a column for each phase", got=self.changes_per_second)
        for rates in (self.calls_per_second, *self.changes_per_second):
            require(
                holds=all(math.isfinite(rate) and rate >= 0 for rate in rates), what="rates must be finite, 0 or more", got=rates
            )
        require(holds=max(self.calls_per_second) > 0, what="a phase must bring calls", got=self.calls_per_second)
        steps = np.array(self.changes_per_second) > 0
        reached = np.linalg.matrix_power((steps | np.eye(phases, dtype=bool)).astype(float), phases) > 0
        require(holds=bool(reached.all()), what="every phase must be reachable from every other", got=self.changes_per_second)


@dataclass(frozen=True)
class Congestion:
    """How often there is no room."""

    calls: float
    """The share of calls that are lost: what callers see."""
    time: float
    """The share of time in which all servers are busy: what a monitor sees. Below `calls` where arrivals are bursty."""


def phase_shares(arrivals: PhasedArrivals) -> tuple[float, ...]:
    """Return the share of time spent in each phase.

    >>> [round(share, 6) for share in phase_shares(PhasedArrivals((1.0, 3.0), ((0.0, 0.1), (0.3, 0.0))))]
    [0.75, 0.25]
    """
    return tuple(float(share) for share in _stationary(np.array(arrivals.changes_per_second)))


def mean_calls_per_second(arrivals: PhasedArrivals) -> float:
    """Return the rate of calls over all phases.

    >>> mean_calls_per_second(PhasedArrivals((1.0, 3.0), ((0.0, 0.1), (0.3, 0.0))))
    1.5
    """
    return sum(share * rate for share, rate in zip(phase_shares(arrivals), arrivals.calls_per_second, strict=True))


def mmpp_congestion(arrivals: PhasedArrivals, servers: int, holding_seconds: float) -> Congestion:
    """Return the exact congestion of bursty calls on servers without a line.

    With L the rates of calls, Q the generator of the phases and m = 1 / holding: pi(n) = pi(n-1) R(n), R(c) = L (c m I - Q)^-1,
    R(n) = L (L + n m I - Q - (n+1) m R(n+1))^-1 from the last server down; pi(0) is stationary for Q - L + m R(1). The matrices
    inverted are M-matrices and all products are positive, so that nothing cancels at any size; probabilities are rescaled on the
    way, for those of an empty and of a full fleet differ by more than a float holds. Congestion below 1e-100 may read as 0.

    Raises:
        ValueError: servers are negative, or the holding time is not above 0.

    >>> arrivals = PhasedArrivals((2.0, 2.0), ((0.0, 0.1), (0.3, 0.0)))
    >>> round(mmpp_congestion(arrivals, 15, holding_seconds=5.0).calls, 4)  # equal rates: Erlang B of 10 on 15
    0.0365
    """
    require(holds=servers >= 0, what="servers must be 0 or more", got=servers)
    require_seconds("holding_seconds", holding_seconds)
    rates = np.array(arrivals.calls_per_second)
    calls = np.diag(rates)
    changes = np.array(arrivals.changes_per_second)
    np.fill_diagonal(changes, 0.0)
    hang_up = 1 / holding_seconds
    leaving = np.diag(changes.sum(axis=1)) - changes
    identity = np.eye(len(rates))
    upward: list[Array] = []
    for busy in range(servers, 0, -1):
        back = calls - (busy + 1) * hang_up * upward[-1] if upward else 0.0
        upward.append(calls @ np.linalg.inv(leaving + busy * hang_up * identity + back))
    state = _stationary(changes + (hang_up * upward[-1] if upward else 0.0))
    total = state.sum()
    for step in reversed(upward):
        state = state @ step
        total += state.sum()
        if total > _RESCALE_ABOVE:
            state, total = state / total, 1.0
    mean = mean_calls_per_second(arrivals)
    return Congestion(calls=float(state @ rates) / (float(total) * mean), time=float(state.sum() / total))


def servers_for_mmpp(arrivals: PhasedArrivals, holding_seconds: float, blocking: float) -> int:
    """Return the least number of servers that loses at most this share of the calls.

    Raises:
        ValueError: the holding time is not above 0, or the target not strictly between 0 and 1.

    >>> arrivals = PhasedArrivals((1.0, 4.0), ((0.0, 0.1), (0.3, 0.0)))
    >>> servers_for_mmpp(arrivals, holding_seconds=5.0, blocking=0.001)
    29
    """
    require_target(blocking)
    start = math.ceil(mean_calls_per_second(arrivals) * holding_seconds)
    return least_servers(lambda servers: mmpp_congestion(arrivals, servers, holding_seconds).calls <= blocking, start)


def _stationary(rates: Array) -> Array:
    """Return the stationary distribution of a chain with these rates between its states; the diagonal is not read.

    Grassmann, Taksar and Heyman (1985): elimination without a subtraction, exact to the last digits.
    """
    work = rates.copy()
    for last in range(len(work) - 1, 0, -1):
        work[:last, last] /= work[last, :last].sum()
        work[:last, :last] += np.outer(work[:last, last], work[last, :last])
    shares = np.ones(len(work))
    for state in range(1, len(work)):
        shares[state] = shares[:state] @ work[:state, state]
    return np.asarray(shares / shares.sum())
