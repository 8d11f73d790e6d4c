"""busiest-tenant-admitted: whoever sells a cap lets its calls begin."""

from collections.abc import Iterator

from policies.demand import Demand, demand_of
from policies.edge import RULESET, SCRIPT, Admitted, caps_of, values_of_caps
from policies.evidence import Context
from policies.figures import count, exceeds, poisson_quantile
from policies.rule import Finding, Rule, each
from policies.stack import Place, Resource, Stack, field


def _busiest_tenant_admitted(stack: Stack, context: Context) -> Iterator[Finding]:
    values = values_of_caps(stack)

    def by_plan(value: Resource) -> Iterator[Finding]:
        shortest = _shortest_call(demand_of(stack, context))
        for name, plan in sorted(caps_of(value).plans.items()):
            yield from _may_begin(value, name, plan, shortest)

    def by_shield(shield: tuple[str, Place, Place]) -> Iterator[Finding]:
        whose, requests, period = shield
        shortest = _shortest_call(demand_of(stack, context))
        cap = max((plan.cap for value in values for plan in caps_of(value).plans.values()), default=0)
        yield from _lets_in(whose, requests, period.count(at_least=1), cap, shortest)

    yield from each(values, lambda value: value.name, by_plan)
    if values:
        yield from each(stack.of_type(SCRIPT, RULESET), lambda one: one.name, lambda one: each(_shields(one), _name, by_shield))


def _shortest_call(demand: Demand) -> float:
    """Return the mean length of the shortest calls, of which most begin: a tenant may call any vertical."""
    return min((demand.mean_call(vertical) for vertical in demand.lock.verticals), default=1.0)


def _may_begin(value: Resource, name: str, plan: Admitted, shortest: float) -> Iterator[Finding]:
    asked = min(plan.cap, max(1, poisson_quantile(plan.cap / shortest)))
    for given, key, when in (
        (plan.starts_per_second, "perSecond", "a second"),
        (plan.starts_at_once, "burst", "at once"),
    ):
        if exceeds(asked, given):
            message = (
                f"a tenant of the plan {name} may begin {given:g} calls {when}; a cap of {count(plan.cap)} asks for "
                f"{count(asked)} in its busiest second"
            )
            yield Finding(value.name, message, f"set starts.{key} to {asked}", asked, given, "calls")


def _shields(resource: Resource) -> Iterator[tuple[str, Place, Place]]:
    """Yield whom a resource lets ask how much: whose requests they are, how many, and in how many seconds."""
    if resource.type == SCRIPT:
        for binding in field(resource, "bindings").items():
            if binding["type"].text() == "ratelimit":
                yield "one tenant", binding["simple"]["limit"], binding["simple"]["period"]
        return
    for rule in field(resource, "rules").items():
        limit = rule.get("ratelimit")
        if limit is not None:
            yield "one address", limit["requestsPerPeriod"], limit["period"]


def _name(shield: tuple[str, Place, Place]) -> str:
    return shield[1].resource.name


def _lets_in(whose: str, requests: Place, period: int, cap: int, shortest: float) -> Iterator[Finding]:
    """Yield where the calls of the largest tenant, all from one place, are taken for a flood."""
    asked, given = poisson_quantile(cap * period / shortest), requests.count()
    if asked > given:
        message = (
            f"{whose} may ask {count(given)} times in {period} s; a tenant with a cap of {count(cap)} begins {count(asked)} "
            f"calls in its busiest {period} s"
        )
        yield Finding(requests.resource.name, message, f"let {asked} in", asked, given, "requests")


RULES = (
    Rule(
        name="busiest-tenant-admitted",
        condition="A tenant at its cap may begin what its busiest second asks for, by its plan's starts; the calls of the "
        "largest, all from one address, pass the shields against floods in their busiest period.",
        why="A limit against floods that a tenant meets within its cap refuses calls that it has paid for.",
        reads="`starts` in the KV value `caps`; the rate limits that scripts are bound to, and those of Rulesets; mean lengths "
        "of calls.",
        remedy="More starts in the plan, or a higher `edge.scripts.shield.requests`.",
        check=_busiest_tenant_admitted,
    ),
)
