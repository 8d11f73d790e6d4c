"""What may be sold more than once: caps by 10%, load never."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.providers.ceiling import ProviderCeiling, provider_ceiling
from capacity.providers.oversubscription import oversubscription
from tests.capacity.providers import SEEN, limit, minute_billed, read_provider, read_token_limited


def _ceiling(sessions: int = 1000) -> ProviderCeiling:
    return provider_ceiling(read_token_limited(tokens_per_minute=limit(sessions * 6000)), 1.0)


def test_caps_may_be_oversold_by_a_tenth() -> None:
    """1,000 sessions carry 1,100 of caps, not one more, where 900 are expected at once."""
    fits = oversubscription(_ceiling(), reserved_caps=0, shared_caps=1100, expected_sessions=900)
    assert fits.allowed
    assert fits.reasons == ("shared caps of 1,100 sessions are within 1,100, the expected 900 within 1,000",)
    above = oversubscription(_ceiling(), reserved_caps=0, shared_caps=1101, expected_sessions=900)
    assert not above.allowed
    assert above.reasons == ("shared caps of 1,101 sessions are above 1,100: the shared 1,000 may be oversold by 10% at most",)


def test_load_is_never_oversold() -> None:
    """The same 10% of expected load is refused, with the share of tokens that calls would lose."""
    above = oversubscription(_ceiling(), reserved_caps=0, shared_caps=1100, expected_sessions=1100)
    assert not above.allowed
    (reason,) = above.reasons
    assert reason == (
        "an expected load of 1,100 sessions is above the shared 1,000: 9.1% of its tokens would be refused, "
        "in the middle of calls; only caps may be oversold, never load"
    )


def test_reserved_tenants_come_off_first() -> None:
    """A tenant with 1,000 reserved on 1,000 leaves nothing to sell; with 600, 440 of caps."""
    whole = oversubscription(_ceiling(), reserved_caps=1000, shared_caps=50, expected_sessions=1)
    assert (whole.allowed, whole.shared_sessions, whole.most_shared_caps) == (False, 0, 0)
    assert any("all of its tokens would be refused" in reason for reason in whole.reasons)
    part = oversubscription(_ceiling(), reserved_caps=600, shared_caps=440, expected_sessions=400)
    assert (part.allowed, part.most_shared_caps) == (True, 440)
    assert part.formula == "(1,000 sessions - 600 reserved) x 1.1 = 440"
    none = oversubscription(_ceiling(), reserved_caps=1001, shared_caps=0, expected_sessions=0)
    assert none.reasons == ("reserved caps of 1,001 sessions are above the 1,000 that primary carries",)


def test_reserved_caps_without_reserved_capacity_are_counted() -> None:
    """1,000 caps are sold as reserved, 500 are bought as reserved capacity: 500 are nobody's promise."""
    bought = {"product": "OpenAI Scale Tier", "model": "gpt-realtime-1.5", "tokens_per_minute": "3M", **SEEN}
    ceiling = provider_ceiling(read_token_limited(reserved=[bought]), 1.0)
    sold = oversubscription(ceiling, reserved_caps=1000, shared_caps=0, expected_sessions=0)
    assert (sold.allowed, sold.reserved_on_demand) == (True, 500)


def test_without_a_known_limit_there_is_nothing_to_oversell() -> None:
    """A provider that states no limit allows it, and the reason says why."""
    ceiling = provider_ceiling(read_provider(minute_billed()), 1.0)
    free = oversubscription(ceiling, reserved_caps=10, shared_caps=10**6, expected_sessions=1e6)
    assert (free.allowed, free.most_shared_caps) == (True, None)
    assert "states no limit" in free.reasons[0]


@given(st.integers(0, 5000), st.integers(0, 2000), st.integers(0, 6000), st.integers(0, 6000))
def test_what_is_allowed_is_carried(sessions: int, reserved: int, caps: int, expected: int) -> None:
    """Whatever is allowed has room for all reserved and expected sessions, and caps within 110%; all else names a reason."""
    made = oversubscription(_ceiling(sessions + 1), reserved_caps=reserved, shared_caps=caps, expected_sessions=expected)
    fits = reserved + expected <= sessions + 1 and 10 * caps <= 11 * (sessions + 1 - reserved)
    assert made.allowed == fits
    assert made.reasons


def test_negative_sales_are_refused() -> None:
    """A negative number is an error that names it."""
    with pytest.raises(ValueError, match="shared_caps must be a finite number, 0 or more, got -1"):
        oversubscription(_ceiling(), reserved_caps=0, shared_caps=-1, expected_sessions=0)
