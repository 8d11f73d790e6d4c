"""How many sessions a provider carries, and how much of its limits a load uses."""

import math
from dataclasses import dataclass

from capacity.figures import Source
from capacity.providers.conversation import SessionMinute, session_minute
from capacity.providers.limits import AccountLimit, ComputedTokens, GivenTokens, MinuteBilled, SessionLimited, TokenLimited

NO_LIMIT = "no limit is known"


@dataclass(frozen=True)
class Load:
    """What is asked of a provider: sessions open at once, and how many are opened in a minute."""

    sessions: float
    starts_per_minute: float


@dataclass(frozen=True)
class Use:
    """How much of one limit a load uses."""

    limit: str
    ratio: float
    """1 at the limit."""
    formula: str


@dataclass(frozen=True)
class ProviderLimit:
    """What one limit of a provider holds."""

    name: str
    holds: int
    """Sessions, or session starts a minute where `per_session` is 0."""
    limit: float
    per_session: float
    per_start: float
    lead_seconds: float
    """How long a higher limit takes to get."""
    formula: str
    source: str


@dataclass(frozen=True)
class ProviderCeiling:
    """The sessions that a provider carries at 100% of its tightest limit."""

    provider: str
    hard: int | None
    """None where no limit is known."""
    safe: int | None
    """Hard x safe utilisation, rounded down."""
    reserved: int
    """Those of `hard` that reserved capacity carries alone."""
    starts_per_minute: int | None
    """Sessions that may be opened in a minute; None where no limit is known."""
    binding: str
    limits: tuple[ProviderLimit, ...]


def provider_ceiling(provider: TokenLimited | SessionLimited | MinuteBilled, safe_utilisation: float) -> ProviderCeiling:
    """Return the sessions that a provider carries by its limits; session starts are a limit of their own beside them.

    Tokens are taken at their mean, so at the hard ceiling every other minute is over the limit: `refusals` gives the chance.

    Raises:
        ValueError: the safe utilisation is not above 0 and at most 1.
    """
    if not 0 < safe_utilisation <= 1:
        raise ValueError(f"safe utilisation must be above 0 and at most 1, got {safe_utilisation:g}")
    limits = _limits(provider)
    concurrent = [limit for limit in limits if limit.per_session]
    starts = [limit.holds for limit in limits if limit.per_start]
    tightest = min(concurrent, key=lambda limit: limit.holds, default=None)
    reserved = 0
    if tightest is not None and isinstance(provider, TokenLimited):
        reserved = min(tightest.holds, _whole(reserved_tokens(provider) / provider_minute(provider).tokens))
    return ProviderCeiling(
        provider=provider.name,
        hard=None if tightest is None else tightest.holds,
        safe=None if tightest is None else _whole(tightest.holds * safe_utilisation),
        reserved=reserved,
        starts_per_minute=min(starts, default=None),
        binding=NO_LIMIT if tightest is None else tightest.name,
        limits=limits,
    )


def utilisation(provider: TokenLimited | SessionLimited | MinuteBilled, load: Load) -> tuple[Use, ...]:
    """Return the share of each limit that a load uses, the tightest first; empty where no limit is known."""
    uses = []
    for limit in _limits(provider):
        used = load.sessions * limit.per_session + load.starts_per_minute * limit.per_start
        each = (
            f"{load.sessions:,.0f} sessions x {limit.per_session:,.6g}" if limit.per_session else f"{load.starts_per_minute:,.6g}"
        )
        uses.append(Use(limit.name, used / limit.limit, f"{each} = {used:,.0f} of {limit.limit:,.0f} {limit.name}"))
    return tuple(sorted(uses, key=lambda use: -use.ratio))


def provider_minute(provider: TokenLimited) -> SessionMinute:
    """Return what one live session asks of the provider in a minute."""
    return tokens_of_session(provider.tokens_per_session_minute)


def tokens_of_session(tokens: GivenTokens | ComputedTokens) -> SessionMinute:
    """Return what one live session asks for in a minute, as it was given or computed from the conversation."""
    if isinstance(tokens, ComputedTokens):
        return session_minute(tokens.conversation)
    deviation = None if tokens.deviation is None else float(tokens.deviation)
    return SessionMinute(float(tokens.value), deviation, tokens.requests, f"{tokens.value:,} tokens a minute, {_said(tokens)}")


def reserved_tokens(provider: TokenLimited) -> int:
    """Return the tokens a minute of all reserved capacity."""
    return sum(reserved.tokens_per_minute for reserved in provider.reserved)


def _limits(provider: TokenLimited | SessionLimited | MinuteBilled) -> tuple[ProviderLimit, ...]:
    match provider:
        case TokenLimited():
            return _token_limits(provider)
        case SessionLimited():
            limits = [_counted("concurrent sessions", provider.concurrent_sessions, per_session=1)]
            if provider.session_starts_per_minute is not None:
                limits.append(_counted("session starts a minute", provider.session_starts_per_minute, per_start=1))
            return tuple(limits)
        case MinuteBilled():
            known = provider.concurrent_sessions
            return () if known is None else (_counted("concurrent sessions", known, per_session=1),)


def _token_limits(provider: TokenLimited) -> tuple[ProviderLimit, ...]:
    minute, on_demand, reserved = provider_minute(provider), provider.tokens_per_minute, reserved_tokens(provider)
    total = on_demand.limit + reserved
    bought = "; ".join(f"{one.product} for {one.model}: {_said(one)}" for one in provider.reserved)
    limits = [
        ProviderLimit(
            name="tokens a minute",
            holds=_whole(total / minute.tokens),
            limit=total,
            per_session=minute.tokens,
            per_start=0,
            lead_seconds=on_demand.lead_time,
            formula=f"({on_demand.limit:,} on demand + {reserved:,} reserved) / ({minute.formula})"
            if reserved
            else f"{on_demand.limit:,} / ({minute.formula})",
            source=f"{_said(on_demand)}; {bought}" if bought else _said(on_demand),
        )
    ]
    if provider.requests_per_minute is not None and minute.requests is not None:
        requests = provider.requests_per_minute
        limits.append(
            ProviderLimit(
                name="requests a minute",
                holds=_whole(requests.limit / minute.requests),
                limit=requests.limit,
                per_session=minute.requests,
                per_start=0,
                lead_seconds=requests.lead_time,
                formula=f"{requests.limit:,} / {minute.requests:g} responses a session",
                source=_said(requests),
            )
        )
    return tuple(limits)


def _counted(name: str, limit: AccountLimit, *, per_session: int = 0, per_start: int = 0) -> ProviderLimit:
    return ProviderLimit(
        name=name,
        holds=limit.limit,
        limit=limit.limit,
        per_session=per_session,
        per_start=per_start,
        lead_seconds=limit.lead_time,
        formula=f"{limit.limit:,} {name}",
        source=_said(limit),
    )


def _said(source: Source) -> str:
    return f"{source.basis}, {source.source}" + (f", {source.date}" if source.date is not None else "")


def _whole(sessions: float) -> int:
    # 0.3 / 0.1 is 3, whatever binary fractions say.
    return math.floor(sessions + 1e-9)
