"""The chance that a minute of live sessions is over a provider's limit and calls hear a 429.

The tokens of a minute are the sum over the sessions live in it, so by the central limit theorem nearly normal: with N sessions of
mean mu and standard deviation sigma, mean N mu and variance N sigma^2, and where N itself is random with mean a and peakedness Z
(its variance is a Z), mean a mu and variance a (sigma^2 + Z mu^2). One formula serves both, with Z = 0 for a fixed N.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

from capacity.providers.ceiling import provider_minute, reserved_tokens
from capacity.providers.limits import TokenLimited


@dataclass(frozen=True)
class Refusals:
    """How often a provider refuses under a load."""

    load: float
    """Mean tokens as a share of the limit."""
    chance: float | None
    """Of a window that is over the limit; None where the spread of a session's tokens is not known."""
    formula: str


def refusal_chance(limit_tokens: float, sessions: float, tokens: float, deviation: float, *, peakedness: float = 0.0) -> float:
    """Return the chance that a window asks for more tokens than its limit.

    All tokens are those of one window. `peakedness` is 0 for exactly so many sessions, 1 where their number is Poisson, more
    where calls come in bursts; `sessions` is then their mean.

    Limits: sessions are taken as independent given their number. Retries of what was refused are not counted, so past the first
    refusal it is worse. And a sum of few or of skewed terms has more weight far out than a normal curve: beside simulated
    gamma-distributed tokens (deviation 2/3 of the mean) and negative binomial numbers of sessions, the true chance is higher by
    these factors where the formula says 1% and 0.1% (tests/capacity/test_providers_refusals.py):

    ======== ========= ========= =========
    sessions Z = 1     Z = 4     Z = 8
    ======== ========= ========= =========
    100      1.3, 1.9  1.7, 3.3  2.0, 4.8
    1,000    1.1, 1.2  1.2, 1.6  1.3, 2.0
    3,000    1.05, 1.2 1.1, 1.3  1.2, 1.5
    ======== ========= ========= =========

    Raises:
        ValueError: a figure is negative or not finite, or limit or tokens are 0.

    >>> [round(refusal_chance(20e6, 3000, 6000, 4000, peakedness=z), 4) for z in (1, 4, 8)]
    [0.0, 0.0019, 0.0181]
    """
    _check(limit_tokens=limit_tokens, tokens=tokens)
    _check(sessions=sessions, deviation=deviation, peakedness=peakedness, may_be_zero=True)
    spread = math.sqrt(sessions * (deviation**2 + peakedness * tokens**2))
    room = limit_tokens - sessions * tokens
    if spread == 0:
        return 0.0 if room >= 0 else 1.0
    return math.erfc(room / spread / math.sqrt(2)) / 2


def sessions_within_chance(
    limit_tokens: float, tokens: float, deviation: float, chance: float, *, peakedness: float = 0.0
) -> float:
    """Return the most sessions (their mean, where their number is random) of which a window is over the limit so rarely.

    Solves N mu + z s sqrt(N) = T for sqrt(N): N = ((-z s + sqrt(z^2 s^2 + 4 mu T)) / (2 mu))^2 with s^2 = sigma^2 + Z mu^2 and z
    the normal quantile of 1 - chance. The limits are those of `refusal_chance`.

    Raises:
        ValueError: a figure is negative or not finite, limit or tokens are 0, or the chance not strictly between 0 and 1.

    >>> round(sessions_within_chance(20e6, 6000, 4000, 0.001), 1)
    3216.5
    """
    _check(limit_tokens=limit_tokens, tokens=tokens)
    _check(deviation=deviation, peakedness=peakedness, may_be_zero=True)
    if not 0 < chance < 1:
        raise ValueError(f"a chance of refusal must lie between 0 and 1, both excluded, got {chance:g}")
    scaled = -NormalDist().inv_cdf(chance) * math.sqrt(deviation**2 + peakedness * tokens**2)
    reach = math.sqrt(scaled**2 + 4 * tokens * limit_tokens)
    # The other root's form, where the difference of two like numbers would lose digits.
    root = 2 * limit_tokens / (scaled + reach) if scaled > 0 else (reach - scaled) / (2 * tokens)
    return root**2


def provider_refusals(provider: TokenLimited, sessions: float, *, peakedness: float) -> Refusals:
    """Return how often a provider refuses so many sessions, by its own window.

    In a window shorter than a minute, limit and mean shrink with it, the deviation at most with its square root: what differs
    between sessions shrinks like the mean, what differs between their minutes like the root. The root is taken, to be safe.
    """
    minute = provider_minute(provider)
    share = provider.window / 60
    limit = (provider.tokens_per_minute.limit + reserved_tokens(provider)) * share
    load = sessions * minute.tokens * share / limit
    if minute.deviation is None:
        return Refusals(
            load, None, "the standard deviation of a session's tokens is not given (tokens_per_session_minute.deviation)"
        )
    tokens, deviation = minute.tokens * share, minute.deviation * math.sqrt(share)
    return Refusals(
        load=load,
        chance=refusal_chance(limit, sessions, tokens, deviation, peakedness=peakedness),
        formula=(
            f"P(normal > ({limit:,.0f} - {sessions:,.0f} x {tokens:,.0f}) / sqrt({sessions:,.0f} x ({deviation:,.0f}^2 + "
            f"{peakedness:g} x {tokens:,.0f}^2))) a window of {provider.window:g} s"
        ),
    )


def refused_share(load: float) -> float:
    """Return the share of tokens that a provider refuses under a steady load, itself a share of the limit.

    >>> round(refused_share(1.1), 3)
    0.091
    """
    return 1 - 1 / load if load > 1 else 0.0


def _check(*, may_be_zero: bool = False, **figures: float) -> None:
    for name, value in figures.items():
        if not math.isfinite(value) or value < 0 or (value == 0 and not may_be_zero):
            raise ValueError(f"{name} must be a finite number{', 0 or more' if may_be_zero else ' above 0'}, got {value:g}")
