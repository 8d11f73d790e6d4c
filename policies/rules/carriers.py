"""carrier-rate-covers-arrivals: the trunks hold every call, and let it begin in the second in which it comes."""

from collections.abc import Iterator

from policies.demand import Demand, demand_of
from policies.evidence import Context
from policies.parts import Part, shortfall
from policies.rule import Finding, Rule, each
from policies.stack import Resource, Stack, field

CARRIER = "headroom:carrier:Carrier"


def _carrier_rate_covers_arrivals(stack: Stack, context: Context) -> Iterator[Finding]:
    demand = demand_of(stack, context)

    def check(carrier: Resource) -> Iterator[Finding]:
        for part in trunks(carrier, demand):
            yield from shortfall(part, demand.lock)

    yield from each(stack.of_type(CARRIER), lambda carrier: carrier.name, check)


def trunks(carrier: Resource, demand: Demand) -> Iterator[Part]:
    """Yield the channels of a carrier, and the calls that it lets begin in a second."""
    lead, safe = field(carrier, "leadSeconds").number(), demand.kept.safe_utilisation
    channels, starts = field(carrier, "channels").number(), field(carrier, "startsPerSecond").number()
    yield Part(
        resource=carrier.name,
        what="the fleet must hold",
        unit="calls",
        asked=demand.sessions,
        provided=lambda _day: channels * safe,
        holds=f"{channels:g} channels x {safe:g} safe",
        remedy="order more channels",
        lead_seconds=lead,
    )
    yield Part(
        resource=carrier.name,
        what="a busy second brings",
        unit="calls",
        asked=demand.busiest_second,
        provided=lambda _day: starts * safe,
        holds=f"{starts:g} calls a second x {safe:g} safe",
        remedy="order a higher rate of calls a second",
        lead_seconds=lead,
    )


RULES = (
    Rule(
        name="carrier-rate-covers-arrivals",
        condition="The carrier's channels hold all required sessions, and its rate the calls that begin in a busy second.",
        why="A carrier queues or refuses the calls that begin too fast, while every pod looks idle.",
        reads="the component `carrier`: channels, calls a second; mean lengths of calls and starts of the lock, or the claim "
        "`mean-call-seconds` of the Deployments.",
        remedy="More channels, or a higher rate; both are ordered, so `lead-times-met` speaks earlier.",
        check=_carrier_rate_covers_arrivals,
    ),
)
