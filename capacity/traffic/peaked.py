"""Bursty calls by two moments: peakedness, and Hayward's and Wilkinson's formulas for it.

Peakedness Z is the variance over the mean of the calls that would be up if nobody were ever refused; random calls have 1. Both
formulas see only the mean and Z and know nothing of how long a burst lasts. Beside the exact loss at 100 erlangs, Z = 6.3, they
were a third too high on 120 servers and three times too high on 150. Use them where only Z is known.
"""

import math

import numpy as np

from capacity.traffic.arguments import require, require_load, require_seconds, require_servers, require_target
from capacity.traffic.erlang import erlang_b
from capacity.traffic.mmpp import PhasedArrivals, mean_calls_per_second, phase_shares
from capacity.traffic.search import least_servers


def mmpp_peakedness(arrivals: PhasedArrivals, holding_seconds: float) -> float:
    """Return the peakedness of bursty calls that last a mean time.

    Z = 1 + p L (m I - Q)^-1 L 1 / r - r / m, with p the shares of the phases, r the mean rate and m = 1 / holding. For two phases
    this is 1 + p1 p2 (l1 - l2)^2 / (r (m + q12 + q21)). Exponential times.

    Raises:
        ValueError: the holding time is not above 0.

    >>> round(mmpp_peakedness(PhasedArrivals((1.0, 3.0), ((0.0, 0.1), (0.3, 0.0))), holding_seconds=5.0), 4)
    1.8333
    """
    require_seconds("holding_seconds", holding_seconds)
    rates = np.array(arrivals.calls_per_second)
    mean = mean_calls_per_second(arrivals)
    changes = np.array(arrivals.changes_per_second)
    np.fill_diagonal(changes, 0.0)
    leaving = np.diag(changes.sum(axis=1)) - changes
    # What the rates deviate from their mean is weighed, not the rates: the two large terms of the law never meet.
    deviation = rates - mean
    after = np.linalg.solve(leaving + np.eye(len(rates)) / holding_seconds, deviation)
    return float(1 + (np.array(phase_shares(arrivals)) * deviation) @ after / mean)


def two_phase_arrivals(
    calls_per_second: float,
    peakedness: float,
    *,
    holding_seconds: float,
    burst_share: float,
    memory_seconds: float,
) -> PhasedArrivals:
    """Return two-phase arrivals with a measured mean and peakedness: a quiet phase and a burst, in this order.

    `burst_share` is the share of time in the burst. `memory_seconds` is the time in which the correlation of the rate falls to
    1/e, 1 / (q12 + q21): the longer, the smaller the swing of rates that explains the same peakedness. It inverts the law of
    `mmpp_peakedness` for two phases.

    Raises:
        ValueError: a rate or span is not above 0, the share not between 0 and 1, the peakedness below 1, or so large that the
            quiet phase would need fewer than no calls: give a smaller share or a longer memory.

    >>> arrivals = two_phase_arrivals(20.0, 6.0, holding_seconds=180.0, burst_share=0.25, memory_seconds=600.0)
    >>> [round(rate, 2) for rate in arrivals.calls_per_second]
    [19.51, 21.47]
    """
    require_seconds("holding_seconds", holding_seconds)
    require_seconds("memory_seconds", memory_seconds)
    require(
        holds=math.isfinite(calls_per_second) and calls_per_second > 0,
        what="calls_per_second must be above 0",
        got=calls_per_second,
    )
    require(holds=0 < burst_share < 1, what="burst_share must lie between 0 and 1, both excluded", got=burst_share)
    require(holds=math.isfinite(peakedness) and peakedness >= 1, what="two phases give a peakedness of 1 or more", got=peakedness)
    quiet_share = 1 - burst_share
    swing = math.sqrt(
        (peakedness - 1) * calls_per_second * (1 / holding_seconds + 1 / memory_seconds) / (burst_share * quiet_share)
    )
    quiet = calls_per_second - burst_share * swing
    require(
        holds=quiet >= 0,
        what="no quiet phase is quiet enough for this peakedness: give a smaller burst_share or a longer memory_seconds",
        got=peakedness,
    )
    changes = ((0.0, burst_share / memory_seconds), (quiet_share / memory_seconds, 0.0))
    return PhasedArrivals((quiet, quiet + swing), changes)


def hayward_blocking(offered_erlangs: float, peakedness: float, servers: float) -> float:
    """Return the share of bursty calls that are lost, as if each Z of them shared one server in Z: B(a / Z, n / Z).

    Fredericks, "Congestion in blocking systems: a simple approximation technique", BSTJ 59 (1980). Holds for smooth
    calls (Z < 1) too.

    Raises:
        ValueError: a load or a number of servers is negative or not finite, or the peakedness not above 0.

    >>> round(hayward_blocking(100.0, 19 / 3, 120), 4)
    0.0824
    """
    require_load(offered_erlangs)
    require_servers(servers)
    require(holds=math.isfinite(peakedness) and peakedness > 0, what="peakedness must be a finite number above 0", got=peakedness)
    return erlang_b(offered_erlangs / peakedness, servers / peakedness)


def servers_for_hayward(offered_erlangs: float, peakedness: float, blocking: float) -> int:
    """Return the least number of servers that, by Hayward's formula, loses at most this share of calls.

    Raises:
        ValueError: as `hayward_blocking`, or the target is not strictly between 0 and 1.

    >>> servers_for_hayward(100.0, 1.0, 0.001), servers_for_hayward(100.0, 8.0, 0.001)
    (128, 195)
    """
    require_load(offered_erlangs)
    require_target(blocking)
    return least_servers(
        lambda servers: hayward_blocking(offered_erlangs, peakedness, servers) <= blocking, math.floor(offered_erlangs)
    )


def wilkinson_blocking(offered_erlangs: float, peakedness: float, servers: float) -> float:
    """Return the share of bursty calls that are lost, by the equivalent random method.

    The calls are taken for what overflows N servers under A random erlangs, with the same mean and variance; Rapp's fit gives
    A = V + 3 Z (Z - 1) and N = A (M + Z) / (M + Z - 1) - M - 1, and A B(A, N + n) / M is lost.
    Wilkinson, "Theories for toll traffic engineering in the U.S.A.", BSTJ 35 (1956); Rapp, Ericsson Technics 20 (1964).

    Raises:
        ValueError: a load or a number of servers is negative or not finite, the peakedness below 1 (nothing that overflows is
            smoother than random), or mean and peakedness together below what an overflow can have.

    >>> round(wilkinson_blocking(100.0, 19 / 3, 120), 4)
    0.0808
    """
    require_load(offered_erlangs)
    require_servers(servers)
    require(
        holds=math.isfinite(peakedness) and peakedness >= 1, what="peakedness must be a finite number, 1 or more", got=peakedness
    )
    if offered_erlangs == 0 or peakedness == 1:
        return erlang_b(offered_erlangs, servers)
    random = offered_erlangs * peakedness + 3 * peakedness * (peakedness - 1)
    before = random * (offered_erlangs + peakedness) / (offered_erlangs + peakedness - 1) - offered_erlangs - 1
    return min(1.0, random * erlang_b(random, before + servers) / offered_erlangs)
