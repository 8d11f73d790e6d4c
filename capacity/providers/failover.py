"""Which provider carries what while others are out."""

from dataclasses import dataclass

from capacity.providers.ceiling import Load, ProviderCeiling, provider_ceiling
from capacity.providers.limits import Providers


@dataclass(frozen=True)
class Carried:
    """The part of one provider in an outage."""

    provider: str
    asked: float
    """Sessions that it must carry so that the ones after it need not."""
    sessions: float
    """Those that its safe ceiling holds."""
    starts_per_minute: float
    """Session starts while callers come back: its share of the new calls, and the sessions that moved to it."""
    ceiling: ProviderCeiling

    @property
    def starts_fit(self) -> bool:
        """Whether its limit on session starts, where one is known, admits the returning callers in time."""
        return self.ceiling.starts_per_minute is None or self.starts_per_minute <= self.ceiling.starts_per_minute


@dataclass(frozen=True)
class Outage:
    """Who carries what while some providers are out."""

    failed: tuple[str, ...]
    carried: tuple[Carried, ...]
    """In the order in which they are asked."""
    unserved: float
    """Sessions that nobody carries."""

    @property
    def survived(self) -> bool:
        """Whether every session is carried, and can be opened again in time."""
        return self.unserved == 0 and all(part.starts_fit for part in self.carried)


def failover(providers: Providers, load: Load, *, safe_utilisation: float, reopen_minutes: float) -> tuple[Outage, ...]:
    """Return who carries what with none failed, then with the first one, the first two, ... out, down to the last one alone.

    Each failure hands on all that the failed one carried, so every fallback is judged by what the one before it leaves. The
    arguments and what they raise are those of `outage`.
    """
    names = [provider.name for provider in providers.chain]
    return tuple(
        outage(providers, load, failed=names[:count], safe_utilisation=safe_utilisation, reopen_minutes=reopen_minutes)
        for count in range(len(names))
    )


def outage(providers: Providers, load: Load, *, failed: list[str], safe_utilisation: float, reopen_minutes: float) -> Outage:
    """Return who carries what while some providers are out.

    Sessions go to the first provider in order whose safe ceiling has room. Those of a failed provider come back within
    `reopen_minutes`, evenly, on top of the new calls: starts = share of the new calls + moved sessions / minutes. A session that
    moves is taken to cost as much as before; a provider that gets the conversation replayed reads it in full.

    Raises:
        ValueError: a name is none of the providers', the minutes are not above 0, or the load is negative.
    """
    known = {provider.name for provider in providers.chain}
    if unknown := sorted(set(failed) - known):
        raise ValueError(f"there is no provider {unknown[0]!r}; there are: {', '.join(sorted(known))}")
    if not reopen_minutes > 0:
        raise ValueError(f"minutes to come back must be above 0, got {reopen_minutes:g}")
    if load.sessions < 0 or load.starts_per_minute < 0:
        raise ValueError(f"a load must not be negative, got {load}")
    ceilings = [provider_ceiling(provider, safe_utilisation) for provider in providers.chain]
    before = {ceiling.provider: taken for ceiling, _, taken in _filled(ceilings, load.sessions)}
    standing = _filled([ceiling for ceiling in ceilings if ceiling.provider not in failed], load.sessions)
    carried = []
    for ceiling, asked, taken in standing:
        share = taken / load.sessions if load.sessions else 0.0
        moved = max(0.0, taken - before[ceiling.provider])
        carried.append(Carried(ceiling.provider, asked, taken, load.starts_per_minute * share + moved / reopen_minutes, ceiling))
    unserved = carried[-1].asked - carried[-1].sessions if carried else load.sessions
    return Outage(tuple(failed), tuple(carried), unserved)


def _filled(ceilings: list[ProviderCeiling], sessions: float) -> list[tuple[ProviderCeiling, float, float]]:
    filled = []
    for ceiling in ceilings:
        taken = sessions if ceiling.safe is None else min(sessions, ceiling.safe)
        filled.append((ceiling, sessions, taken))
        sessions -= taken
    return filled
