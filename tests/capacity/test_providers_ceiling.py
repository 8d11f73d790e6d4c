"""What a provider carries, and how much of it a load uses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.providers.ceiling import Load, provider_ceiling, provider_minute, utilisation
from tests.capacity.providers import (
    SEEN,
    limit,
    minute_billed,
    read_provider,
    read_token_limited,
    session_limited,
    talk,
)


def test_twenty_million_tokens_may_be_3333_or_870_calls() -> None:
    """At 6,000 tokens a session 20M carry 3,333; at six turns a minute in calls of five minutes about 870."""
    assert provider_ceiling(read_token_limited(), 1.0).hard == 3333
    long = talk(prompt_tokens=1500, turns_per_minute=6, user_talk=0.5, assistant_talk=0.5, output_text=0, call="5m")
    hard = provider_ceiling(read_token_limited(tokens_per_session_minute={"conversation": long}), 1.0).hard
    assert hard == 865
    assert round(20e6 / 23e3, -1) == 870


def test_a_prompt_of_3000_tokens_leaves_a_third() -> None:
    """A prompt of 3,000 and calls of three minutes: about 1,100 sessions on 20M, not 3,300."""
    given = {"conversation": talk(prompt_tokens=3000)}
    assert provider_ceiling(read_token_limited(tokens_per_session_minute=given), 1.0).hard == 1101


def test_a_limit_on_requests_may_bind() -> None:
    """400 requests a minute hold 100 sessions of four responses, however many tokens there are."""
    ceiling = provider_ceiling(
        read_token_limited(tokens_per_session_minute={"conversation": talk()}, requests_per_minute=limit(400)), 0.9
    )
    assert (ceiling.hard, ceiling.safe, ceiling.binding) == (100, 90, "requests a minute")


def test_reserved_capacity_adds_to_what_is_on_demand() -> None:
    """5M reserved beside 20M carry 833 sessions for certain and 4,166 in all, and the sources name both."""
    reserved = {"product": "OpenAI Reserved Tier", "model": "gpt-realtime-1.5", "tokens_per_minute": "5M", **SEEN}
    ceiling = provider_ceiling(read_token_limited(reserved=[reserved]), 1.0)
    assert (ceiling.hard, ceiling.reserved) == (4166, 833)
    assert ceiling.limits[0].source == (
        "measured, the account's limits page, 2026-10-05; "
        "OpenAI Reserved Tier for gpt-realtime-1.5: measured, the account's limits page, 2026-10-05"
    )


def test_sessions_and_their_starts_are_two_limits() -> None:
    """A provider of 100 sessions and 60 starts a minute: each is used by its own part of the load."""
    provider = read_provider(session_limited())
    ceiling = provider_ceiling(provider, 0.9)
    assert (ceiling.hard, ceiling.safe, ceiling.starts_per_minute, ceiling.binding) == (100, 90, 60, "concurrent sessions")
    first, second = utilisation(provider, Load(sessions=50, starts_per_minute=45))
    assert (first.limit, first.ratio) == ("session starts a minute", 0.75)
    assert (second.limit, second.ratio) == ("concurrent sessions", 0.5)


def test_no_known_limit_is_said_and_not_infinite() -> None:
    """A minute-billed provider without a limit has no ceiling and no utilisation; with one it has both."""
    unknown = provider_ceiling(read_provider(minute_billed()), 0.9)
    assert (unknown.hard, unknown.safe, unknown.binding, unknown.limits) == (None, None, "no limit is known", ())
    assert utilisation(read_provider(minute_billed()), Load(1e6, 1e6)) == ()
    known = read_provider(minute_billed(concurrent_sessions=limit(50)))
    assert provider_ceiling(known, 0.9).safe == 45
    assert utilisation(known, Load(50, 0))[0].formula == "50 sessions x 1 = 50 of 50 concurrent sessions"


def test_the_seed_uses_135_percent_of_its_tokens() -> None:
    """3,000 sessions x 1.5 x 6,000 tokens are 27M on 20M."""
    use = utilisation(read_token_limited(), Load(4500, 0))[0]
    assert use.ratio == pytest.approx(1.35)
    assert use.formula == "4,500 sessions x 6,000 = 27,000,000 of 20,000,000 tokens a minute"


def test_every_limit_says_where_it_comes_from() -> None:
    """An assumed limit is shown as assumed, a measured one with its day; formulas name the session's tokens."""
    shown = provider_ceiling(read_token_limited(tokens_per_minute={"limit": "20M"}), 1.0).limits[0]
    assert shown.source == "assumed, no source given"
    assert shown.formula == "20,000,000 / (6,000 tokens a minute, assumed, no source given)"


@given(st.integers(1, 10**9), st.integers(1, 10**5), st.floats(0.1, 1))
def test_a_full_ceiling_is_within_its_limit(tokens: int, each: int, safe: float) -> None:
    """Hard sessions use at most the whole limit, one more would not fit, and safe is never above hard."""
    provider = read_token_limited(tokens_per_minute=limit(tokens), tokens_per_session_minute={"value": each})
    ceiling = provider_ceiling(provider, safe)
    assert ceiling.hard is not None
    assert ceiling.safe is not None
    assert ceiling.hard * each <= tokens < (ceiling.hard + 1) * each
    assert 0 <= ceiling.safe <= ceiling.hard


def test_what_was_given_is_used_as_given() -> None:
    """Measured tokens carry their deviation and requests; what is not given stays unknown."""
    minute = provider_minute(read_token_limited(tokens_per_session_minute={"value": 7000, "requests": 4.5}))
    assert (minute.tokens, minute.deviation, minute.requests) == (7000, None, 4.5)


def test_a_safe_utilisation_is_a_share() -> None:
    """0 and more than 1 are errors."""
    for wrong in (0, 1.1):
        with pytest.raises(ValueError, match="safe utilisation"):
            provider_ceiling(read_token_limited(), wrong)
