"""What the live sessions ask of the speech model's providers, and what those carry."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from capacity.lead_times import LeadTime, first_day, late_order, lead_time
from capacity.load_path import LoadPath
from capacity.lock import Demand
from capacity.providers.ceiling import Load, ProviderCeiling, ProviderLimit, provider_ceiling
from capacity.providers.failover import Outage, failover
from capacity.providers.limits import MinuteBilled, SessionLimited, TokenLimited
from capacity.providers.oversubscription import Oversubscription, oversubscription
from capacity.providers.refusals import Refusals, provider_refusals
from capacity.shortfall import Shortfall
from capacity.spec import Model, SoldPlan, Spec

_EXACT = 1e-9


@dataclass(frozen=True)
class Asked:
    """What the burst of all verticals asks of one limit of the first provider."""

    limit: ProviderLimit
    amount: float
    """On the day that is judged, in the limit's unit."""
    lead: LeadTime

    @property
    def headroom(self) -> float | None:
        """Limit / amount - 1; None where nothing is asked."""
        return self.limit.limit / self.amount - 1 if self.amount else None

    @property
    def short(self) -> bool:
        """Whether more is asked than the limit allows."""
        return _exceeds(self.amount, self.limit.limit)


@dataclass(frozen=True)
class ModelPlan:
    """What the live sessions ask of the providers of the speech model."""

    spec: Model
    ceilings: tuple[ProviderCeiling, ...]
    """Of the providers, in the order in which they are asked."""
    sessions: float
    """Bursts of all live verticals on the day that is judged; with their new customers where those are more."""
    peaks: float
    """The same without the burst, in erlangs."""
    starts_per_minute: float | None
    """Calls that begin in a minute of the burst; None where the length of some calls is unknown."""
    unknown_calls: tuple[str, ...]
    """The verticals whose calls nobody knows the length of."""
    asked: tuple[Asked, ...]
    """Of each limit of the first provider that is known and whose load is; the one with the least room first."""
    refusals: Refusals | None
    """Of a window at the plain peak, calls Poisson; None where the first provider limits no tokens."""
    outages: tuple[Outage, ...]
    """Who carries the plain peak with 1, 2, ... providers out; empty where the spec does not ask."""
    oversubscription: Oversubscription | None
    """None where the spec sells no plans."""

    @property
    def primary(self) -> TokenLimited | SessionLimited | MinuteBilled:
        """The provider that is asked first, and alone while it stands."""
        return self.spec.primary

    @property
    def headroom(self) -> float | None:
        """That of the tightest limit; None where none is known or nothing is asked."""
        return self.asked[0].headroom if self.asked else None

    def standing_document(self) -> dict[str, Any]:
        """Return what holds on every day of the lock's validity, as JSON."""
        return {
            "providers": [_provider(*pair) for pair in zip(self.spec.chain, self.ceilings, strict=True)],
            "leads": {asked.limit.name: asked.lead.document() for asked in sorted(self.asked, key=lambda one: one.limit.name)},
        }

    def document(self) -> dict[str, Any]:
        """Return what is asked on the day, as JSON."""
        return {
            "sessions": round(self.sessions, 1),
            "starts_per_minute": None if self.starts_per_minute is None else round(self.starts_per_minute, 2),
            "asked": {
                asked.limit.name: {
                    "required": round(asked.amount, 1),
                    "limit": asked.limit.limit,
                    "headroom": None if asked.headroom is None else round(asked.headroom, 4),
                }
                for asked in self.asked
            },
            "refusals": None if self.refusals is None else asdict(self.refusals),
            "outages": [_outage(outage) for outage in self.outages],
            "oversubscription": None if self.oversubscription is None else asdict(self.oversubscription),
        }


def plan_model(spec: Spec, path: LoadPath, as_of: date) -> ModelPlan:
    """Return the plan of the providers on a day.

    The first provider must carry the burst by its limits as they are; fallbacks are there for outages, not for bursts. Tokens
    are taken at their mean, for which `refusals` gives the chance of more.
    """
    model, primary = spec.model, spec.model.primary
    ceilings = tuple(provider_ceiling(provider, spec.margins.safe_utilisation) for provider in model.chain)
    peaks, bursts = sum(path.peaks_on(as_of).values()), path.bursts_on(as_of)
    asked = (_asked(limit, path, as_of) for limit in ceilings[0].limits)
    return ModelPlan(
        spec=model,
        ceilings=ceilings,
        sessions=sum(bursts.values()),
        peaks=peaks,
        starts_per_minute=path.starts_per_minute(bursts),
        unknown_calls=tuple(sorted(path.lock.verticals.keys() - path.mean_calls.keys())),
        asked=tuple(sorted((one for one in asked if one is not None), key=lambda one: -one.amount / one.limit.limit)),
        refusals=_refusals(primary, path, as_of) if isinstance(primary, TokenLimited) else None,
        outages=_outages(spec, path, as_of, peaks),
        oversubscription=_oversubscription(spec, ceilings[0], path.growth_on(as_of)) if spec.plans else None,
    )


def _refusals(primary: TokenLimited, path: LoadPath, day: date) -> Refusals:
    return provider_refusals(primary, sum(path.peaks_on(day).values()), peakedness=_peakedness(path, day))


def _peakedness(path: LoadPath, day: date) -> float:
    """Return variance over mean of the sessions at the peak: that of the verticals, taken as independent, by their peaks.

    Of a vertical the ratio of starts in the window nearest to its mean call, for sessions that stand are the starts of so long a
    time. Never below 1: what is measured as more even than chance was so on few days. What was not measured counts as Poisson.
    """
    peaks = path.peaks_on(day)
    ratios = {name: _measured_ratio(forecast.demand) for name, forecast in path.lock.verticals.items()}
    whole = sum(peaks.values())
    return sum(peak * max(1.0, ratios[name]) for name, peak in peaks.items()) / whole if whole else 1.0


def _measured_ratio(demand: Demand | None) -> float:
    if demand is None or demand.busy_hour is None or not demand.busy_hour.peakedness:
        return 1.0
    held = demand.holding_seconds.value
    return min(demand.busy_hour.peakedness, key=lambda one: abs(one.window_seconds - held)).ratio.value


def model_shortfalls(model: ModelPlan, as_of: date) -> Iterator[Shortfall]:
    """Yield what the providers fall short of: the burst, orders that are late, an outage, what was sold on them."""
    primary, ceiling = model.primary, model.ceilings[0]
    if ceiling.hard is None:
        yield Shortfall(
            "model",
            primary.name,
            math.ceil(model.sessions - _EXACT),
            0,
            "sessions",
            f"no limit of {primary.name} is known, which is not the same as none",
            "state model.primary.concurrent_sessions as the account shows it, or as an assumption",
        )
    if model.unknown_calls and any(judged.starts_per_minute is not None for judged in _judged(model)):
        yield Shortfall(
            "model",
            primary.name,
            len(model.unknown_calls),
            0,
            "lengths of calls",
            "session starts are limited, and nobody knows how many there are: the lock has measured no lengths of calls",
            " and ".join(f"give verticals.{name}.mean_call" for name in model.unknown_calls),
        )
    for asked in model.asked:
        if asked.short:
            yield _over(model, asked, as_of)
        else:
            what = f"the limit of {asked.limit.name} of {primary.name}"
            yield from late_order("model", primary.name, asked.lead, as_of, what=what, remedy="order a higher one now")
    for outage in model.outages:
        yield from _outage_shortfalls(model, outage)
    sold = model.oversubscription
    if sold is not None and not sold.allowed and ceiling.hard is not None:
        yield Shortfall(
            "oversubscription",
            primary.name,
            sold.sessions_needed,
            ceiling.hard,
            "sessions",
            "; ".join(sold.reasons),
            f"have the limits of {primary.name} raised until they hold {sold.sessions_needed:,} sessions, or sell less",
        )


def _judged(model: ModelPlan) -> Iterator[ProviderCeiling]:
    """Yield the ceilings of the providers that something is asked of: the first one, and those that stand in an outage."""
    yield model.ceilings[0]
    for outage in model.outages:
        yield from (part.ceiling for part in outage.carried)


def _asked(limit: ProviderLimit, path: LoadPath, as_of: date) -> Asked | None:
    def amount(day: date) -> float | None:
        bursts = path.bursts_on(day)
        if limit.per_session:
            return sum(bursts.values()) * limit.per_session
        starts = path.starts_per_minute(bursts)
        return None if starts is None else starts * limit.per_start

    now = amount(as_of)
    if now is None:
        return None
    short_on = first_day(path.lock.data_end, lambda day: _exceeds(amount(day) or 0.0, limit.limit))
    return Asked(limit, now, lead_time(short_on, limit.lead_seconds))


def _outages(spec: Spec, path: LoadPath, as_of: date, peaks: float) -> tuple[Outage, ...]:
    if spec.model.failover is None:
        return ()
    starts = path.starts_per_minute(path.peaks_on(as_of))
    # Where new calls are not known, which is a shortfall, those that come back still are.
    judged = failover(
        spec.model,
        Load(peaks, starts or 0.0),
        safe_utilisation=spec.margins.safe_utilisation,
        reopen_minutes=spec.model.failover.reopen_minutes,
    )
    return judged[1 : spec.model.failover.survive + 1]


def _oversubscription(spec: Spec, ceiling: ProviderCeiling, growth: float) -> Oversubscription:
    reserved, shared = _by_guarantee(spec.plans)
    return oversubscription(
        ceiling,
        reserved_caps=sum(plan.tenants * plan.cap for plan in reserved),
        shared_caps=sum(plan.tenants * plan.cap for plan in shared),
        expected_sessions=spec.margins.burst * growth * sum(plan.tenants * plan.sessions for plan in shared),
        most=spec.model.oversubscription,
    )


def _by_guarantee(plans: Mapping[str, SoldPlan]) -> tuple[list[SoldPlan], list[SoldPlan]]:
    return [plan for plan in plans.values() if plan.guaranteed], [plan for plan in plans.values() if not plan.guaranteed]


def _over(model: ModelPlan, asked: Asked, as_of: date) -> Shortfall:
    limit, must = asked.limit, math.ceil(asked.amount - _EXACT * asked.amount)
    if limit.per_session:
        each = "" if limit.per_session == 1 else f" x {limit.per_session:,.6g} {limit.name}"
        reason = f"{model.sessions:,.0f} sessions{each} on {as_of}; the limit holds {limit.holds:,} sessions"
    else:
        reason = f"{model.sessions:,.0f} sessions on {as_of} begin and end {asked.amount:,.0f} times a minute"
    remedy = f"have the limit of {model.primary.name} raised to {must:,} {limit.name}"
    return Shortfall("model", model.primary.name, asked.amount, limit.limit, limit.name, reason, remedy)


def _outage_shortfalls(model: ModelPlan, outage: Outage) -> Iterator[Shortfall]:
    failed, last = " and ".join(outage.failed), outage.carried[-1]
    if outage.unserved > _EXACT:
        yield Shortfall(
            "failover",
            failed,
            model.peaks,
            model.peaks - outage.unserved,
            "sessions",
            f"without {failed} {outage.unserved:,.0f} sessions of the plain peak find no provider",
            f"have the limits of {last.provider} raised until it safely holds {math.ceil(last.asked - _EXACT):,} sessions",
        )
    for part in outage.carried:
        if not part.starts_fit:
            yield Shortfall(
                "failover",
                failed,
                part.starts_per_minute,
                part.ceiling.starts_per_minute or 0,
                "session starts a minute",
                f"without {failed} callers come back to {part.provider} faster than it opens sessions",
                f"have {part.provider} allow {math.ceil(part.starts_per_minute):,} session starts a minute, "
                "or let callers come back more slowly: raise model.failover.reopen_minutes",
            )


def _exceeds(amount: float, limit: float) -> bool:
    """Return whether an amount is above a limit by more than binary fractions explain."""
    return amount > limit * (1 + _EXACT)


def _provider(provider: TokenLimited | SessionLimited | MinuteBilled, ceiling: ProviderCeiling) -> dict[str, Any]:
    return {
        "name": provider.name,
        "vendor": provider.vendor,
        "model": provider.model,
        "kind": provider.kind,
        "hard": ceiling.hard,
        "safe": ceiling.safe,
        "reserved": ceiling.reserved,
        "starts_per_minute": ceiling.starts_per_minute,
        "binding": ceiling.binding,
        "limits": [asdict(limit) for limit in ceiling.limits],
    }


def _outage(outage: Outage) -> dict[str, Any]:
    return {
        "failed": list(outage.failed),
        "carried": {part.provider: round(part.sessions, 1) for part in outage.carried},
        "unserved": round(outage.unserved, 1),
        "survived": outage.survived,
    }
