"""Random (Poisson) calls on like servers: lost when all are busy (Erlang B) or waiting in line (Erlang C).

Erlang, "Solution of some problems in the theory of probabilities of significance in automatic telephone exchanges" (1917). Loss
depends on the mean time a server is held and on nothing else of its distribution; waiting needs exponential times.
"""

import math

from capacity.traffic.arguments import require, require_load, require_seconds, require_servers, require_target

_SERIES_BELOW_ERLANGS = 2.0
"""Below it the alternating series of the incomplete gamma function loses no digit, above it the continued fraction is quick."""
_NEGLIGIBLE = 2.0**-56
_TOO_LARGE = 710.0
"""Its exponential is beyond the floats, so that the many steps to it need not be taken."""
_SETTLED = 2.0**-50
"""Rounding keeps the factors of a continued fraction this far from 1."""


def erlang_b(offered_erlangs: float, servers: float) -> float:
    """Return the share of calls that find every server busy.

    1/B(x) = 1 + (x/a) / B(x-1), summed from x downwards until terms vanish: every term is positive, so nothing cancels, and about
    10 sqrt(a) of them count. Between whole numbers of servers the analytic continuation 1/B = e^a a^-x Gamma(x+1, a) holds
    (Jagerman, BSTJ 53, 1974), which Hayward's and Wilkinson's formulas need. Good to 1e-11 of its value up to 100,000 erlangs.

    Raises:
        ValueError: a load or a number of servers is negative or not finite.

    >>> round(erlang_b(10.0, 15), 4)
    0.0365
    >>> round(erlang_b(12.5, 16.25), 6)
    0.066773
    """
    require_load(offered_erlangs)
    require_servers(servers)
    if servers == 0:
        return 1.0
    return min(1.0, 1 / _inverse_b(offered_erlangs, servers)) if offered_erlangs > 0 else 0.0


def servers_for_blocking(offered_erlangs: float, blocking: float) -> int:
    """Return the least number of servers that loses at most this share of calls.

    One pass of 1/B(n) = 1 + (n/a) / B(n-1). It starts at n = a (1 - blocking), below which the servers could not even carry what
    must not be lost.

    Raises:
        ValueError: the load is negative or not finite, or the target not strictly between 0 and 1.

    >>> servers_for_blocking(100.0, 0.001), servers_for_blocking(20_000.0, 0.001)
    (128, 20211)
    """
    require_load(offered_erlangs)
    require_target(blocking)
    if offered_erlangs == 0:
        return 1
    servers = math.floor(offered_erlangs * (1 - blocking))
    inverse = _inverse_b(offered_erlangs, servers)
    while inverse * blocking < 1:
        servers += 1
        inverse = 1 + inverse * servers / offered_erlangs
    return servers


def offered_for_blocking(servers: float, blocking: float) -> float:
    """Return the erlangs that so many servers take while losing exactly this share of calls.

    Newton's rule on ln B over ln a. Its slope n - a (1 - B) is the mean number of idle servers, which falls as a grows: the curve
    is concave, so after the first step each iterate stays left of the root and only approaches it.

    Raises:
        ValueError: there is less than one server, or the target is not strictly between 0 and 1.

    >>> round(offered_for_blocking(128, 0.001), 3)
    100.117
    """
    require(holds=math.isfinite(servers) and servers >= 1, what="servers must be a finite number, 1 or more", got=servers)
    require_target(blocking)
    # The servers cannot carry more than themselves, a (1 - B) <= n: this start is right of the root.
    log_offered = known = math.log(servers / (1 - blocking))
    rose = False
    while True:
        offered = math.exp(log_offered)
        lost = 1 / _inverse_b(offered, servers) if offered > 0 else 0.0
        if lost == 0:
            # A step from the right can reach a load whose loss no float holds: back towards the last one whose loss is known.
            log_offered = (log_offered + known) / 2
            continue
        known = log_offered
        idle = servers - offered * (1 - lost)
        step = math.log(blocking / lost) / idle if idle > 0 else 0.0
        # Left of the root iterates only rise: the first that does not has met the rounding of ln B.
        if log_offered + step == log_offered or (rose and step < 0):
            return offered
        rose = step > 0
        log_offered += step


def erlang_c(offered_erlangs: float, servers: float) -> float:
    """Return the share of calls that must wait in line; 1 where the servers do not exceed the load, for the line then never ends.

    C = n B / (n - a (1 - B)), for Poisson arrivals, exponential times and an unlimited line.

    Raises:
        ValueError: a load or a number of servers is negative or not finite.

    >>> round(erlang_c(10.0, 15), 4)
    0.102
    """
    lost = erlang_b(offered_erlangs, servers)
    if servers <= offered_erlangs:
        return 1.0
    return servers * lost / (servers - offered_erlangs * (1 - lost))


def waiting_share(offered_erlangs: float, servers: float, *, wait_seconds: float, holding_seconds: float) -> float:
    """Return the share of calls that wait longer than so many seconds, served in the order of their coming.

    P(W > t) = C e^(-(n - a) t / S) with S the mean holding time; 1 where the servers do not exceed the load.

    Raises:
        ValueError: a load, a number of servers or a wait is negative or not finite, or the holding time not above 0.

    >>> round(waiting_share(10.0, 15, wait_seconds=20.0, holding_seconds=180.0), 4)
    0.0585
    """
    require(
        holds=math.isfinite(wait_seconds) and wait_seconds >= 0, what="wait_seconds must be finite, 0 or more", got=wait_seconds
    )
    require_seconds("holding_seconds", holding_seconds)
    share = erlang_c(offered_erlangs, servers)
    if servers <= offered_erlangs:
        return 1.0
    return share * math.exp(-(servers - offered_erlangs) * wait_seconds / holding_seconds)


def servers_for_wait(offered_erlangs: float, *, wait_seconds: float, holding_seconds: float, service_level: float) -> int:
    """Return the least number of servers with which this share of calls waits no longer than so many seconds.

    The same single pass as for loss, started at the first number of servers above the load: with fewer the line never ends.

    Raises:
        ValueError: the load or wait is negative or not finite, the holding time not above 0, or the level not between 0 and 1.

    >>> servers_for_wait(20_000.0, wait_seconds=0.0, holding_seconds=180.0, service_level=0.99)
    20338
    """
    require_load(offered_erlangs)
    require(
        holds=math.isfinite(wait_seconds) and wait_seconds >= 0, what="wait_seconds must be finite, 0 or more", got=wait_seconds
    )
    require_seconds("holding_seconds", holding_seconds)
    require_target(service_level)
    if offered_erlangs == 0:
        return 1
    servers = math.floor(offered_erlangs) + 1
    inverse = _inverse_b(offered_erlangs, servers)
    decay = wait_seconds / holding_seconds
    while True:
        spare = servers - offered_erlangs
        # C = n B / (n - a + a B), both divided by B.
        waiting = servers / (spare * inverse + offered_erlangs)
        if waiting * math.exp(-spare * decay) <= 1 - service_level:
            return servers
        servers += 1
        inverse = 1 + inverse * servers / offered_erlangs


def _inverse_b(offered: float, servers: float) -> float:
    """Return 1/B = e^a a^-x Gamma(x+1, a) for a > 0, x >= 0; infinite where B is below the smallest float.

    Unrolled, the recursion is the sum over j of the products of (x - i) / a for i < j. It ends with 1/B of the fraction of a
    server that is left, or where what follows, less than a geometric series of the present ratio, no longer counts.
    """
    if servers > offered and _log_of_largest(offered, servers) > _TOO_LARGE:
        return math.inf
    whole = math.floor(servers)
    total, term = 0.0, 1.0
    for step in range(whole):
        total += term
        ratio = (servers - step) / offered
        term *= ratio
        if ratio < 1 and term <= (1 - ratio) * total * _NEGLIGIBLE:
            return total
    if math.isinf(total + term):
        return math.inf
    return total + term * _inverse_b_of_a_fraction(offered, servers - whole)


def _log_of_largest(offered: float, servers: float) -> float:
    """Return the logarithm of the sum's largest term: that of (x)(x - 1) ... (a + 1) / a^(x - a), where x is above a."""
    return math.lgamma(servers + 1) - math.lgamma(offered + 1) - (servers - offered) * math.log(offered)


def _inverse_b_of_a_fraction(offered: float, fraction: float) -> float:
    """Return 1/B for less than one server (Abramowitz and Stegun 6.5.29 for light loads, 6.5.31 for others)."""
    if fraction == 0:
        return 1.0
    if offered < _SERIES_BELOW_ERLANGS:
        # Gamma(s, a) = Gamma(s) - a^s sum over k of (-a)^k / (k! (s + k)), with s = x + 1.
        order = fraction + 1
        power, lower, count = 1.0, 0.0, 0
        while abs(power) > _NEGLIGIBLE:
            lower += power / (order + count)
            count += 1
            power *= -offered / count
        return math.exp(offered) * (math.gamma(order) * math.pow(offered, -fraction) - offered * lower)
    # Gamma(x + 1, a) = e^-a a^(x+1) / (a - x + 1 (0 - x) / ...): Lentz's evaluation of the continued fraction.
    denominator = offered - fraction
    ratio_up, ratio_down = math.inf, 1 / denominator
    value = ratio_down
    count = 0
    while True:
        count += 1
        numerator = -count * (count - 1 - fraction)
        denominator += 2
        ratio_down = 1 / (denominator + numerator * ratio_down)
        ratio_up = denominator + numerator / ratio_up
        change = ratio_up * ratio_down
        value *= change
        if abs(change - 1) <= _SETTLED:
            return offered * value
