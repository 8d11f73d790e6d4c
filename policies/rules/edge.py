"""Rules on the edge: what it admits is what was sold and what the pods hold, at a rate that its objects bear."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policies import documents
from policies.demand import Demand, demand_of
from policies.documents import WrongDocument
from policies.edge import Caps, caps_of, gate_scripts, heartbeat_of, object_of, values_of_caps
from policies.evidence import Context
from policies.figures import count, counts, exceeds, poisson_quantile
from policies.fleet import live_deployments, maximum_pods, safe_sessions
from policies.rule import Finding, Rule, each
from policies.sold import SOLD, SoldPlan, sold_plans
from policies.stack import Place, Resource, Stack, WrongField, field
from policies.workloads import config_maps_with

_OBJECT_RATE = 500.0
"""Requests a second of one Durable Object that writes its storage (Cloudflare, rules of Durable Objects: 200 to 500)."""
_REQUESTS_A_CALL = 2
"""Of its gate: to take its lease and to give it back."""
_RENDER = "deploy what the program renders"


def _plan_caps_match_plans(stack: Stack, _context: Context) -> Iterator[Finding]:
    plans = sold_plans(stack) if any(stack.of_type(SOLD)) else {}
    asked = {name: (plan.cap, plan.guaranteed) for name, plan in plans.items()}

    def admitted(value: Resource) -> Iterator[Finding]:
        given = {name: (plan.cap, plan.guaranteed) for name, plan in caps_of(value).plans.items()}
        yield from _differ(value, given, asked, "the router admits by")

    def limited(config_map: Resource) -> Iterator[Finding]:
        text = field(config_map, "data")["plans.json"]
        given = {name: (_count(text, plan, "streams"), 0) for name, plan in object_of(text).items()}
        yield from _differ(config_map, given, {name: (cap, 0) for name, (cap, _) in asked.items()}, "the gateway limits by")

    yield from each(values_of_caps(stack), lambda value: value.name, admitted)
    gateways = list(config_maps_with(stack, "plans.json"))
    yield from each(gateways, lambda config_map: config_map.name, limited)


def _differ(
    resource: Resource, given: Mapping[str, tuple[int, int]], sold: Mapping[str, tuple[int, int]], does: str
) -> Iterator[Finding]:
    for name in sorted(given.keys() | sold.keys()):
        if given.get(name) != sold.get(name):
            is_given, is_sold = (_said(plans.get(name)) for plans in (given, sold))
            yield Finding(resource.name, f"{does} {is_given} for the plan {name}; sold is {is_sold}", _RENDER)


def _said(plan: tuple[int, int] | None) -> str:
    if plan is None:
        return "nothing"
    cap, guaranteed = plan
    return f"a cap of {count(cap)}" + (f" and a guarantee of {count(guaranteed)}" if guaranteed else "")


def _sold_caps_within_fleet(stack: Stack, context: Context) -> Iterator[Finding]:
    def admits(value: Resource) -> Iterator[Finding]:
        caps, held = caps_of(value), _held(stack, demand_of(stack, context))
        for vertical in sorted(caps.verticals.keys() | held.keys()):
            places, real = caps.verticals.get(vertical), held.get(vertical, 0)
            if places is None:
                yield Finding(value.name, f"the router admits no call of {vertical}", _RENDER)
            elif places.calls > real:
                message = f"the router admits {count(places.calls)} calls of {vertical}; its pods safely hold {count(real)}"
                yield Finding(value.name, message, f"admit {count(real)}", places.calls, real, "sessions")
        yield from _guarantees_reserved(value, caps, sold_plans(stack))

    def promises(sold: Resource) -> Iterator[Finding]:
        fleet = sum(_held(stack, demand_of(stack, context)).values())
        plans = sold_plans(stack)
        guaranteed = sum(plan.tenants * plan.guaranteed for plan in plans.values())
        if guaranteed > fleet:
            message = (
                f"{count(guaranteed)} sessions are guaranteed to all tenants together; the fleet safely holds {count(fleet)}"
            )
            yield Finding(sold.name, message, f"guarantee at most {count(fleet)} in all", guaranteed, fleet, "sessions")
        for name, plan in plans.items():
            if plan.guaranteed > plan.cap:
                message = f"the plan {name} guarantees {count(plan.guaranteed)} sessions and caps at {count(plan.cap)}"
                yield Finding(sold.name, message, "guarantee no more than the cap")
            if plan.cap > fleet:
                message = (
                    f"one tenant of the plan {name} may hold {count(plan.cap)} sessions; the fleet safely holds {count(fleet)}"
                )
                yield Finding(sold.name, message, f"cap it at {count(fleet)}", plan.cap, fleet, "sessions")

    yield from each(values_of_caps(stack), lambda value: value.name, admits)
    yield from each(stack.of_type(SOLD), lambda sold: sold.name, promises)


def _guarantees_reserved(value: Resource, caps: Caps, sold: Mapping[str, SoldPlan]) -> Iterator[Finding]:
    """Yield where the guarantees of all tenants of a vertical are more than the places that are kept for them.

    What a plan guarantees is guaranteed in verticals, for a place of one is no use to a call of another.
    """
    for name, plan in sorted(caps.plans.items()):
        if (apart := sum(plan.guarantees.values())) != plan.guaranteed:
            message = f"the plan {name} guarantees {count(plan.guaranteed)} calls, and {count(apart)} by its verticals together"
            yield Finding(value.name, message, _RENDER, plan.guaranteed, apart, "sessions")
    for vertical, places in sorted(caps.verticals.items()):
        promised = sum(plan.guarantees.get(vertical, 0) * sold[name].tenants for name, plan in caps.plans.items() if name in sold)
        if promised > places.reserved:
            message = f"tenants are guaranteed {count(promised)} calls of {vertical}; {count(places.reserved)} are kept for them"
            yield Finding(value.name, message, f"reserve {promised}", promised, places.reserved, "sessions")


def _held(stack: Stack, demand: Demand) -> dict[str, int]:
    """Return what each vertical's pods safely hold at their maximum, by limits and by requests."""
    held: dict[str, int] = {}
    for live in live_deployments(stack):
        safe = safe_sessions(live, demand.floors, demand.kept.safe_utilisation)
        held[live.vertical] = held.get(live.vertical, 0) + maximum_pods(live.deployment, live.autoscaler) * safe
    return held


def _object_rate_within_limit(stack: Stack, context: Context) -> Iterator[Finding]:
    def check(script: Resource) -> Iterator[Finding]:
        demand, heartbeat = demand_of(stack, context), heartbeat_of(script)
        safe = _OBJECT_RATE * demand.kept.safe_utilisation
        for value in values_of_caps(stack):
            caps = caps_of(value)
            shortest = min((demand.mean_call(vertical) for vertical in demand.lock.verticals), default=1.0)
            for name, plan in sorted(caps.plans.items()):
                rate = _Rate(plan.cap, shortest, heartbeat, plan.starts_per_second)
                yield from _bears(script, f"the gate of a tenant of the plan {name}", rate, safe)
            for vertical, places in sorted(caps.verticals.items()):
                what = (
                    f"one of {places.shards} that count the calls of {vertical}"
                    if places.shards > 1
                    else f"the pool of {vertical}"
                )
                calls = -(-places.calls // max(1, places.shards))
                yield from _bears(script, what, _Rate(calls, demand.mean_call(vertical), heartbeat), safe)

    yield from each(gate_scripts(stack), lambda script: script.name, check)


@dataclass(frozen=True)
class _Rate:
    """What one object is asked: by leases that are renewed, and by calls that begin and end."""

    leases: int
    mean_call_seconds: float
    heartbeat_seconds: float
    let_in: float = 0.0
    """Calls that may begin in a second for long."""

    @property
    def starts(self) -> float:
        """Calls that begin in a busy second."""
        return max(self.let_in, poisson_quantile(self.leases / self.mean_call_seconds) if self.mean_call_seconds else 0)

    @property
    def requests(self) -> float:
        """Requests in that second."""
        renewals = self.leases / self.heartbeat_seconds if self.heartbeat_seconds else float(self.leases)
        return renewals + self.starts * _REQUESTS_A_CALL


def _bears(script: Resource, what: str, rate: _Rate, safe: float) -> Iterator[Finding]:
    if exceeds(rate.requests, safe):
        must, have = counts(rate.requests, safe)
        message = (
            f"{what} is one object with {count(rate.leases)} leases, renewed each {rate.heartbeat_seconds:g} s, and "
            f"{count(rate.starts)} starts a second: {must} requests a second; one bears {have}"
        )
        remedy = "renew less often, or divide it over several objects"
        yield Finding(script.name, message, remedy, rate.requests, safe, "requests a second")


def _count(text: Place, document: Any, key: str) -> int:
    try:
        return documents.integer(documents.mapping(document, "it").get(key), key, 0)
    except WrongDocument as error:
        raise WrongField(text.resource.name, text.path, "a document of figures", why=str(error)) from None


RULES = (
    Rule(
        name="plan-caps-match-plans",
        condition="The router and the gateway limit every plan that is sold, by its cap and its guarantee, and no other.",
        why="A plan that the router does not know is refused; one that it caps higher takes the room of others.",
        reads="the KV value `caps`, `plans.json` of the gateway, the component `sold`.",
        remedy="Write the caps of the plans that are sold.",
        check=_plan_caps_match_plans,
    ),
    Rule(
        name="sold-caps-within-fleet",
        condition="The router admits no more calls of a vertical than its pods safely hold; all guarantees together, and every "
        "single "
        "cap, fit into the fleet.",
        why="A call that is admitted at the edge and finds no pod is answered, and then dropped.",
        reads="the KV value `caps`, the component `sold`; maxima, limits, requests and HEADROOM_MAX_SESSIONS of live "
        "Deployments.",
        remedy="Admit what the pods hold, or let them hold more.",
        check=_sold_caps_within_fleet,
    ),
    Rule(
        name="object-rate-within-limit",
        condition="The leases and starts of a tenant at its cap, and of every vertical, ask no more of their Durable Object than "
        "one bears; the starts are those of a busy second, and those that the tenant's plan lets in.",
        why="An object above its rate answers late, then not at all, and the calls that it counts end with their leases.",
        reads="`heartbeatSeconds` in SETTINGS of the scripts that are bound to TenantGate, the KV value `caps`; mean lengths of "
        "calls.",
        remedy="A longer heartbeat, fewer starts a second, or several objects.",
        check=_object_rate_within_limit,
    ),
)
