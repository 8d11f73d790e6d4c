"""What the accounts of the speech model's providers allow."""

from typing import Any

from capacity.figures import Source
from capacity.model_plan import ModelPlan
from capacity.providers.ceiling import provider_minute, reserved_tokens
from capacity.providers.limits import AccountLimit, MinuteBilled, Reserved, SessionLimited, TokenLimited
from headroom.blueprint import Rendered


def model_resources(model: ModelPlan, *, parent: str) -> list[Rendered]:
    """Return the claim of what the providers' accounts allow and what a session uses of it, in the order of being asked."""
    claims = {
        "primary": _claims(model.primary),
        "fallbacks": [_claims(provider) for provider in model.spec.fallbacks],
    }
    return [Rendered("headroom:model:Model", "model", claims, parent=parent)]


def _claims(provider: TokenLimited | SessionLimited | MinuteBilled) -> dict[str, Any]:
    claims: dict[str, Any] = {"name": provider.name, "vendor": provider.vendor, "model": provider.model, "kind": provider.kind}
    match provider:
        case TokenLimited():
            minute = provider_minute(provider)
            claims["tokensPerMinute"] = provider.tokens_per_minute.limit + reserved_tokens(provider)
            claims["tokensPerSessionMinute"] = _number(minute.tokens)
            claims["reserved"] = [_reserved(one) for one in provider.reserved]
            claims["limits"] = _limits(tokensPerMinute=provider.tokens_per_minute, requestsPerMinute=provider.requests_per_minute)
            if provider.requests_per_minute is not None and minute.requests is not None:
                claims["requestsPerMinute"] = provider.requests_per_minute.limit
                claims["requestsPerSessionMinute"] = _number(minute.requests)
        case SessionLimited() | MinuteBilled():
            if provider.concurrent_sessions is not None:
                claims["concurrentSessions"] = provider.concurrent_sessions.limit
            starts = provider.session_starts_per_minute if isinstance(provider, SessionLimited) else None
            claims["limits"] = _limits(concurrentSessions=provider.concurrent_sessions, sessionStartsPerMinute=starts)
    return claims


def _limits(**limits: AccountLimit | None) -> dict[str, Any]:
    """Return where each limit comes from, and how long more of it takes."""
    return {name: {**_evidence(limit), "leadSeconds": limit.lead_time} for name, limit in limits.items() if limit is not None}


def _reserved(reserved: Reserved) -> dict[str, Any]:
    bought = {"product": reserved.product, "model": reserved.model, "tokensPerMinute": reserved.tokens_per_minute}
    return bought | _evidence(reserved)


def _evidence(source: Source) -> dict[str, str]:
    day = {} if source.date is None else {"date": source.date.isoformat()}
    return {"basis": source.basis, "source": source.source, **day}


def _number(value: float) -> float:
    return int(value) if value.is_integer() else value
