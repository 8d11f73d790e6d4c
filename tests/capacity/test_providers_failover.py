"""Who carries what while providers are out."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.providers.ceiling import Load
from capacity.providers.failover import failover, outage
from capacity.providers.limits import Providers
from tests.capacity.providers import limit, minute_billed, read_providers, session_limited, token_limited


def _chain(first: int = 1000, second: int = 600, third: int | None = None) -> Providers:
    return read_providers(
        token_limited(tokens_per_minute=limit(first * 6000)),
        session_limited(concurrent_sessions=limit(second), session_starts_per_minute=limit(120)),
        minute_billed(**({} if third is None else {"concurrent_sessions": limit(third)})),
    )


def test_each_fallback_carries_what_the_one_before_it_leaves() -> None:
    """800 sessions on 1,000, 600 and 300: with the first out the second holds 600 and the third 200; with both out 500 fall."""
    none, first, both = failover(_chain(third=300), Load(800, 100), safe_utilisation=1.0, reopen_minutes=5)
    assert [(part.provider, part.sessions) for part in none.carried] == [("primary", 800), ("lines", 0), ("minutes", 0)]
    assert none.survived
    assert [(part.provider, part.asked, part.sessions) for part in first.carried] == [("lines", 800, 600), ("minutes", 200, 200)]
    assert (first.failed, first.unserved) == (("primary",), 0)
    assert [(part.provider, part.asked, part.sessions) for part in both.carried] == [("minutes", 800, 300)]
    assert (both.failed, both.unserved, both.survived) == (("primary", "lines"), 500, False)


def test_callers_who_come_back_are_starts() -> None:
    """600 moved sessions within five minutes are 120 starts a minute, beside 75 of the 100 new calls: 195 on 120."""
    _, first, _ = failover(_chain(), Load(800, 100), safe_utilisation=1.0, reopen_minutes=5)
    lines, minutes = first.carried
    assert lines.starts_per_minute == pytest.approx(195)
    assert not lines.starts_fit
    assert minutes.starts_per_minute == pytest.approx(25 + 40)
    assert minutes.starts_fit
    assert first.unserved == 0
    assert not first.survived


def test_sessions_that_stay_are_no_starts() -> None:
    """What a fallback carried before the failure is not opened again."""
    chain = _chain(first=500)
    _, first, _ = failover(chain, Load(800, 0), safe_utilisation=1.0, reopen_minutes=10)
    assert first.carried[0].sessions == 600
    assert first.carried[0].starts_per_minute == pytest.approx((600 - 300) / 10)


def test_safe_ceilings_are_filled_not_hard_ones() -> None:
    """At a safe utilisation of 0.9 the first of 1,000 takes 900."""
    none, *_ = failover(_chain(), Load(950, 0), safe_utilisation=0.9, reopen_minutes=5)
    assert [part.sessions for part in none.carried] == [900, 50, 0]


def test_any_provider_may_be_the_one_that_fails() -> None:
    """With a fallback out the primary stands, and what the fallback took goes on to the next; with all out nobody serves."""
    part = outage(_chain(first=500), Load(800, 0), failed=["lines"], safe_utilisation=1.0, reopen_minutes=5)
    assert [(one.provider, one.sessions) for one in part.carried] == [("primary", 500), ("minutes", 300)]
    everything = outage(_chain(), Load(800, 0), failed=["primary", "lines", "minutes"], safe_utilisation=1.0, reopen_minutes=5)
    assert (everything.carried, everything.unserved, everything.survived) == ((), 800, False)


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 3000), st.floats(0, 10_000), st.floats(0.1, 1))
def test_no_session_is_lost_or_counted_twice(first: int, second: int, third: int, sessions: float, safe: float) -> None:
    """Carried and unserved sessions are those of the load; nobody is above its safe ceiling; more failures never serve more."""
    outages = failover(_chain(first, second, third), Load(sessions, 0), safe_utilisation=safe, reopen_minutes=5)
    for part in outages:
        assert sum(one.sessions for one in part.carried) + part.unserved == pytest.approx(sessions)
        for one in part.carried:
            assert one.ceiling.safe is not None
            assert 0 <= one.sessions <= one.ceiling.safe
    unserved = [part.unserved for part in outages]
    assert all(later >= earlier - 1e-6 for earlier, later in pairwise(unserved))


def test_questions_without_sense_are_refused() -> None:
    """An unknown name, no time to come back and a negative load are errors."""
    with pytest.raises(ValueError, match="there is no provider 'backup'; there are: lines, minutes, primary"):
        outage(_chain(), Load(1, 1), failed=["backup"], safe_utilisation=1.0, reopen_minutes=5)
    with pytest.raises(ValueError, match="must be above 0, got 0"):
        failover(_chain(), Load(1, 1), safe_utilisation=1.0, reopen_minutes=0)
    with pytest.raises(ValueError, match="must not be negative"):
        failover(_chain(), Load(-1, 1), safe_utilisation=1.0, reopen_minutes=5)
