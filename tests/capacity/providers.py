"""Providers and conversations for tests, as a spec would say them."""

import json
from typing import Any

from pydantic import TypeAdapter

from capacity.providers.conversation import Conversation
from capacity.providers.limits import MinuteBilled, Provider, Providers, SessionLimited, TokenLimited

SEEN = {"basis": "measured", "source": "the account's limits page", "date": "2026-10-05"}


def talk(**changes: Any) -> dict[str, Any]:
    """Return facts G's conversation: 4 turns a minute, 45/45 talk, a fifth more in text, calls of three minutes."""
    base: dict[str, Any] = {
        "prompt_tokens": 500,
        "turns_per_minute": 4,
        "user_talk": 0.45,
        "assistant_talk": 0.45,
        "output_text": 0.2,
        "call": "3m",
        "call_variation": 0,
    }
    return base | changes


def read_talk(**changes: Any) -> Conversation:
    """Return the conversation with some figures changed."""
    return Conversation.model_validate_json(json.dumps(talk(**changes)))


def limit(value: int | str) -> dict[str, Any]:
    """Return a limit that an account showed."""
    return {"limit": value, **SEEN}


def token_limited(**changes: Any) -> dict[str, Any]:
    """Return the seed's provider: 20M tokens a minute, 6,000 a session."""
    base: dict[str, Any] = {
        "kind": "token-limited",
        "name": "primary",
        "vendor": "openai",
        "model": "gpt-realtime-1.5",
        "tokens_per_minute": limit("20M"),
        "tokens_per_session_minute": {"value": 6000, "deviation": 4000},
    }
    return base | changes


def session_limited(**changes: Any) -> dict[str, Any]:
    """Return a provider of 100 sessions, 60 of them opened in a minute."""
    base: dict[str, Any] = {
        "kind": "session-limited",
        "name": "lines",
        "vendor": "other",
        "model": "voice-1",
        "concurrent_sessions": limit(100),
        "session_starts_per_minute": limit(60),
    }
    return base | changes


def minute_billed(**changes: Any) -> dict[str, Any]:
    """Return a provider that bills minutes and states no limit."""
    return {"kind": "minute-billed", "name": "minutes", "vendor": "openai", "model": "gpt-live-1"} | changes


def read_provider(document: dict[str, Any]) -> TokenLimited | SessionLimited | MinuteBilled:
    """Return the provider of a document."""
    adapter: TypeAdapter[TokenLimited | SessionLimited | MinuteBilled] = TypeAdapter(Provider)
    return adapter.validate_json(json.dumps(document))


def read_token_limited(**changes: Any) -> TokenLimited:
    """Return the seed's provider with some figures changed."""
    provider = read_provider(token_limited(**changes))
    assert isinstance(provider, TokenLimited)
    return provider


def read_providers(primary: dict[str, Any], *fallbacks: dict[str, Any]) -> Providers:
    """Return a chain of providers."""
    return Providers.model_validate_json(json.dumps({"primary": primary, "fallbacks": fallbacks}))
