"""Rules on the limits of the model's first provider: they carry a burst of all verticals, and what was sold."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from policies.demand import Demand
from policies.evidence import Context, usable
from policies.figures import count, counts, exceeds, whole
from policies.margins import growth, margins
from policies.parts import Part
from policies.rule import Finding, Rule, each
from policies.sold import SOLD, sold_plans
from policies.stack import Place, Resource, Stack, WrongField, field

MOST_OVERSOLD = 0.10
"""The share by which caps may exceed what the provider carries (CallSphere's capacity post, April 2026)."""


@dataclass(frozen=True)
class _Limit:
    """One limit of a provider, and what a session takes of it."""

    key: str
    per_session: str
    """The claim; nothing where a session is one."""
    floor: float
    unit: str


def _tokens_cover_burst(stack: Stack, context: Context) -> Iterator[Finding]:
    lock, floors, as_of = usable(context.lock), usable(context.floors), usable(context.as_of)
    kept = margins(stack, floors)
    model = stack.the_one("headroom:model:Model")
    primary = field(model, "primary")
    peaks, grown = sum(load.peak for load in lock.verticals.values()), growth(lock, as_of, kept)
    by_growth = f" x {grown:.3f} growth" if grown > 1 else ""
    burst = f"a burst on {as_of} takes", f"{count(peaks)} sessions x {kept.burst:g} burst{by_growth}"

    def check(limit: _Limit) -> Iterator[Finding]:
        each_session = _each_session(primary, limit)
        provided, asked = primary[limit.key].number(), peaks * kept.burst * grown * each_session
        if exceeds(asked, provided):
            must, have = counts(asked, provided)
            by_session = f" x {count(each_session)}" if limit.per_session else ""
            message = f"{burst[0]} {must} {limit.unit} ({burst[1]}{by_session}); the account may use {have}"
            remedy = f"have the limit raised to {must} {limit.unit}"
            yield Finding(model.name, message, remedy, asked, provided, limit.unit)

    yield from each(_limits(primary, floors.minimum_tokens_per_session_minute), lambda _: model.name, check)


def allowed(model: Resource, demand: Demand) -> Iterator[Part]:
    """Yield the limits of the first provider against a burst, as they are asked on a day."""
    primary = field(model, "primary")
    peaks = sum(load.peak for load in demand.lock.verticals.values())

    def part(limit: _Limit) -> Part:
        each_session, provided = _each_session(primary, limit), primary[limit.key].number()

        def asked(day: date) -> float:
            return peaks * demand.kept.burst * growth(demand.lock, day, demand.kept) * each_session

        return Part(
            resource=model.name,
            what="a burst takes",
            unit=limit.unit,
            asked=asked,
            provided=lambda _day: provided,
            holds=f"{count(provided)} {limit.unit} of {primary['name'].text()}",
            remedy="have the limit raised now",
            lead_seconds=primary["limits"][limit.key]["leadSeconds"].number(),
            for_today=True,
        )

    for limit in _limits(primary, demand.floors.minimum_tokens_per_session_minute):
        if primary.get(limit.key) is not None:  # else tokens-cover-burst refuses it
            yield part(limit)


def _caps_within_account(stack: Stack, context: Context) -> Iterator[Finding]:
    floors = usable(context.floors)

    def check(sold: Resource) -> Iterator[Finding]:
        primary = field(stack.the_one("headroom:model:Model"), "primary")
        limits = list(_limits(primary, floors.minimum_tokens_per_session_minute))
        carried = min(whole(primary[limit.key].number() / _each_session(primary, limit)) for limit in limits)
        plans = sold_plans(stack).values()
        reserved = sum(plan.tenants * plan.cap for plan in plans if plan.guaranteed)
        shared = sum(plan.tenants * plan.cap for plan in plans if not plan.guaranteed)
        left = max(0, carried - reserved)
        most = whole(left * (1 + MOST_OVERSOLD))
        if reserved > carried:
            message = (
                f"tenants with guarantees may hold {count(reserved)} sessions; the account of {primary['name'].text()} carries "
                f"{count(carried)}"
            )
            yield Finding(sold.name, message, "have the limit raised, or sell less", reserved, carried, "sessions")
        elif shared > most:
            message = (
                f"tenants without guarantees may hold {count(shared)} sessions together; the account of {primary['name'].text()} "
                f"has {count(left)} for them, which may be oversold by {MOST_OVERSOLD:.0%}: {count(most)}"
            )
            yield Finding(sold.name, message, "have the limit raised, or sell less", shared, most, "sessions")

    yield from each(stack.of_type(SOLD), lambda sold: sold.name, check)


def _each_session(primary: Place, limit: _Limit) -> float:
    return max(primary[limit.per_session].number(), limit.floor) if limit.per_session else 1.0


def _limits(primary: Place, least_tokens: float) -> Iterator[_Limit]:
    """Yield the limits of a provider's kind.

    A provider whose account shows no limit is not one without: its field is missing then, and that is refused.
    """
    kind = primary["kind"].text()
    if kind == "token-limited":
        yield _Limit("tokensPerMinute", "tokensPerSessionMinute", least_tokens, "tokens a minute")
        if primary.get("requestsPerMinute") is not None:
            yield _Limit("requestsPerMinute", "requestsPerSessionMinute", 0.0, "requests a minute")
    elif kind in ("session-limited", "minute-billed"):
        yield _Limit("concurrentSessions", "", 1.0, "concurrent sessions")
    else:
        expected = "token-limited, session-limited or minute-billed"
        raise WrongField(primary.resource.name, primary["kind"].path, expected)


RULES = (
    Rule(
        name="tokens-cover-burst",
        condition="The limits of the model's first provider (tokens, requests or sessions) carry a burst of all verticals "
        "together "
        "on the day of the judgement.",
        why="Beyond the account's limits the model's provider refuses in the middle of calls, of all verticals at once.",
        reads="the component `model`: the limits of the first provider, what a session takes of them; the lock; the floor "
        "`minimum_tokens_per_session_minute`.",
        remedy="Have the limit raised, or take another first provider.",
        check=_tokens_cover_burst,
    ),
    Rule(
        name="caps-within-the-account",
        condition="The caps of all tenants without guarantees are at most a tenth above what the model's first provider carries "
        "beside those with guarantees.",
        why="Caps may be oversold, for not all tenants use theirs at once; a tenth is what the post allows, of load nothing.",
        reads="the components `sold` and `model`; the floor `minimum_tokens_per_session_minute`.",
        remedy="Have the limit raised, or sell less.",
        check=_caps_within_account,
    ),
)
