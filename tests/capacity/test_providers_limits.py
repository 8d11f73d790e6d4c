"""Providers as a spec says them: three kinds, limits with their source, and what is refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from capacity.providers.limits import ComputedTokens, GivenTokens, MinuteBilled, SessionLimited, TokenLimited
from tests.capacity.providers import (
    SEEN,
    limit,
    minute_billed,
    read_provider,
    read_providers,
    read_token_limited,
    session_limited,
    talk,
    token_limited,
)

RESERVED = {"product": "OpenAI Scale Tier", "model": "gpt-realtime-1.5", "tokens_per_minute": "5M", **SEEN}


def test_the_kind_tells_the_provider() -> None:
    """Token-limited, session-limited and minute-billed providers are read by their kind."""
    assert isinstance(read_provider(token_limited()), TokenLimited)
    assert isinstance(read_provider(session_limited()), SessionLimited)
    assert isinstance(read_provider(minute_billed()), MinuteBilled)


def test_tokens_are_given_or_computed() -> None:
    """A session's tokens are a figure, or a conversation from which they follow."""
    assert isinstance(read_token_limited().tokens_per_session_minute, GivenTokens)
    computed = read_token_limited(tokens_per_session_minute={"conversation": talk()})
    assert isinstance(computed.tokens_per_session_minute, ComputedTokens)
    again = TokenLimited(
        kind="token-limited",
        name="again",
        vendor="openai",
        model="gpt-realtime-1.5",
        tokens_per_minute=computed.tokens_per_minute,
        tokens_per_session_minute=computed.tokens_per_session_minute,
    )
    assert again.tokens_per_session_minute == computed.tokens_per_session_minute


def test_a_limit_may_be_assumed() -> None:
    """An assumed limit needs no day, and stays marked as assumed."""
    assert read_token_limited(tokens_per_minute={"limit": "20M"}).tokens_per_minute.basis == "assumed"


def test_reserved_capacity_names_what_it_is() -> None:
    """Product and model of reserved capacity are known to the provider that has it."""
    assert read_token_limited(reserved=[RESERVED]).reserved[0].product == "OpenAI Scale Tier"
    azure = token_limited(vendor="azure", reserved=[RESERVED | {"product": "Azure PTU"}])
    assert isinstance(read_provider(azure), TokenLimited)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "tokens"}, "'token-limited', 'session-limited', 'minute-billed'"),
        ({"tokens_per_minute": {"limit": "20M", "basis": "measured", "source": "page"}}, "a measured limit needs its date"),
        ({"tokens_per_minute": {"limit": "20M", "basis": "declared"}}, "a declared limit needs its source and date"),
        ({"tokens_per_minute": limit(0)}, "greater than 0"),
        ({"tokens_per_minute": {"limit": "20MB"}}, "expected an amount"),
        ({"requests_per_minute": limit(400)}, "nothing says how many a session makes"),
        ({"window": "2m"}, "less than or equal to 60"),
        ({"concurrent_sessions": limit(5)}, "Extra inputs are not permitted"),
        ({"tokens_per_session_minute": {"conversation": talk(), "value": 6000}}, "Extra inputs are not permitted"),
        ({"tokens_per_session_minute": {}}, "Field required"),
        ({"vendor": "OpenAI"}, "should match pattern"),
        ({"reserved": [RESERVED | {"product": "OpenAI PTU"}]}, "'OpenAI Reserved Tier', 'OpenAI Scale Tier' or 'Azure PTU'"),
        ({"reserved": [RESERVED | {"product": "Azure PTU"}]}, "Azure PTU is bought of azure, this provider is openai"),
        ({"reserved": [RESERVED | {"model": "gpt-5"}]}, "carries no session here"),
        ({"reserved": [{key: RESERVED[key] for key in RESERVED if key != "model"}]}, "model\n  Field required"),
        ({"reserved": [{key: RESERVED[key] for key in RESERVED if key != "product"}]}, "product\n  Field required"),
        ({"reserved": [{key: RESERVED[key] for key in RESERVED if key != "date"}]}, "needs its date"),
    ],
)
def test_what_a_provider_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    """Undated observations, unknown products and keys, and limits that nothing can be held against are errors."""
    with pytest.raises(ValidationError, match=message):
        read_provider(token_limited(**changes))


def test_a_session_limit_is_needed_where_it_is_the_kind() -> None:
    """A session-limited provider without its limit is an error; a minute-billed one may know none."""
    document = session_limited()
    del document["concurrent_sessions"]
    with pytest.raises(ValidationError, match="concurrent_sessions\n  Field required"):
        read_provider(document)


def test_providers_are_told_apart() -> None:
    """One account named twice would count its limits twice."""
    assert [provider.name for provider in read_providers(token_limited(), minute_billed()).chain] == ["primary", "minutes"]
    with pytest.raises(ValidationError, match="two providers are called 'primary'"):
        read_providers(token_limited(), token_limited())
