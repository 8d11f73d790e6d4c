"""The chains behind the figures, each step with a name that a link can point to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from capacity.cost import HOURS_PER_MONTH, MINUTES_PER_MONTH, Cost
from capacity.explain import Step, explain, explain_parts
from capacity.explain_model import explain_model
from capacity.figures import Price
from capacity.plan import CapacityPlan
from capacity.pool_plan import PoolPlan
from capacity.sizing.claims import said
from headroom.review.report.figures import shown
from headroom.review.report.idle import bought, reserved

MODEL, COST, IDLE = "model", "cost", "idle"
"""Chains that belong to no vertical and no part."""


@dataclass(frozen=True)
class Shown:
    """One step of a chain."""

    id: str
    name: str
    value: str
    formula: str
    source: str


@dataclass(frozen=True)
class Chain:
    """The steps to the figures of one thing."""

    id: str
    title: str
    steps: tuple[Shown, ...]


@dataclass(frozen=True)
class Evidence:
    """Every chain of a plan."""

    chains: tuple[Chain, ...]

    def link(self, title: str, step: str) -> str | None:
        """Return where the first step of that name stands in a chain; None where there is none."""
        found = (shown.id for chain in self.chains if chain.title == title for shown in chain.steps if shown.name == step)
        return next((f"#{each}" for each in found), None)


def pool_title(name: str) -> str:
    """Return what a pool is called, in tables and as a chain."""
    return f"nodes, {name}"


def evidence(plan: CapacityPlan) -> Evidence:
    """Return the chains of the live verticals, the model, the pools, the other parts of the stack, what is idle, and the cost."""
    named = [
        *((live.name, explain(plan, live.name)) for live in plan.live),
        (MODEL, explain_model(plan)),
        *((pool_title(pool.name), tuple(_pool(pool, plan.as_of))) for pool in plan.pools),
        *((part.name, explain_parts(plan, part.name)) for part in plan.sizings),
        (IDLE, tuple(_idle(plan))),
        (COST, tuple(_costs(plan))),
    ]
    return Evidence(tuple(_chain(place, title, steps) for place, (title, steps) in enumerate(named, start=1)))


def _chain(place: int, title: str, steps: Sequence[Step]) -> Chain:
    prefix = f"evidence-{place}"
    return Chain(prefix, title, tuple(_shown(f"{prefix}-{number}", step) for number, step in enumerate(steps, start=1)))


def _shown(name: str, step: Step) -> Shown:
    value = "unknown" if step.value is None else f"{shown(step.value)} {step.unit}".rstrip()
    return Shown(name, step.name, value, step.formula, step.source)


def _pool(pool: PoolPlan, as_of: date) -> Iterator[Step]:
    section = f"spec: pools.{pool.name}"
    node = pool.node
    formula = f"{node.cpu_cores:g} cores, {node.memory_bytes / 2**30:,.0f} GiB and {node.pods} pods a node; {pool.binding} binds"
    yield Step("taken by pods", pool.enough, "nodes", formula, "plan")
    losses = f"{pool.survive} nodes or one of {pool.zones} zones may be gone"
    rollout = "rollouts not counted" if pool.rollout is None else f"a rollout of {pool.rollout} takes most"
    yield Step("required", pool.needed, "nodes", f"{losses}; {rollout}", section)
    for limit in () if pool.sizing is None else pool.sizing.limits:
        yield Step(f"by {limit.name}", limit.value, "nodes remain", limit.formula, limit.source)
    formula = "as the spec says" if pool.spec.nodes is not None else "as many as are required"
    yield Step("there are", pool.nodes, "nodes", formula, section)
    if pool.lead.short_on is not None:
        formula = f"until it is short on {pool.lead.short_on}; more must be ordered by {pool.lead.order_by}"
        yield Step("lasts", (pool.lead.short_on - as_of).days, "days", formula, f"{section}.lead_time")


def _idle(plan: CapacityPlan) -> Iterator[Step]:
    for machines in bought(plan):
        name, price = pool_title(machines.pool), f"spec: pools.{machines.pool}.price_per_node_hour"
        formula = f"{machines.nodes} there are - {machines.taken} taken by pods - {machines.kept} kept for a loss or a rollout"
        yield Step(f"{name}: beyond", machines.beyond, "nodes", formula, "plan")
        formula = f"{machines.beyond} nodes x {HOURS_PER_MONTH:g} hours x the price of one"
        yield Step(f"{name}: beyond, a month", machines.beyond_cost, plan.currency, formula, price)
    for places in reserved(plan):
        pods, each = f"{places.places:,} places at the maximum", places.vertical
        yield Step(f"{each}: places", places.places, "sessions", "replicas at the maximum x sessions a pod, by requests", "plan")
        yield Step(f"{each}: used", places.used, "sessions", "mean over the lock's weeks", "lock: mean_sessions")
        yield Step(f"{each}: idle", places.idle, "of its places", f"1 - used / {pods}", "plan")
        yield Step(f"{each}: idle, a month", places.idle_cost, plan.currency, "its machines x that share", "plan")


def _costs(plan: CapacityPlan) -> Iterator[Step]:
    for pool in plan.pools:
        price = pool.spec.price_per_node_hour
        name, where = f"a node of {pool.name}", f"spec: pools.{pool.name}.price_per_node_hour"
        yield _price(name, price, f"{plan.currency} an hour", where)
    minute = plan.model.primary.price_per_session_minute
    yield _price("a session minute", minute, f"{plan.currency} a minute", "spec: model.primary.price_per_session_minute")
    *parts, whole = plan.costs
    for cost in parts:
        what = "the share of them that no pod asks for" if cost.name == "idle" else "its share of them at its maximum"
        formula = f"machines x {HOURS_PER_MONTH:g} hours x their price x {what}"
        yield Step(f"{cost.name}: machines", cost.infrastructure, plan.currency, formula, "plan")
        mean = "mean sessions" if cost.call_minutes is None else f"{cost.call_minutes / MINUTES_PER_MONTH:,.1f} mean sessions"
        formula = f"{mean} x {MINUTES_PER_MONTH:,.0f} minutes x the price of one"
        yield Step(f"{cost.name}: model", cost.model, plan.currency, formula, "lock: mean_sessions")
        yield from _sums(cost, plan.currency)
    yield Step(f"{whole.name}: machines", whole.infrastructure, plan.currency, "sum of these", "plan")
    yield Step(f"{whole.name}: model", whole.model, plan.currency, "sum of these", "plan")
    yield from _sums(whole, plan.currency)
    for sold in plan.sold_costs:
        formula = "of all machines, by the sessions set aside for its tenants: what they hold or are guaranteed"
        yield Step(f"plan {sold.name}: machines", sold.infrastructure, plan.currency, formula, f"spec: plans.{sold.name}")
        formula = "of all minutes, by the sessions that its tenants hold"
        yield Step(f"plan {sold.name}: model", sold.model, plan.currency, formula, f"spec: plans.{sold.name}")
        yield Step(f"plan {sold.name}: in all", sold.monthly, plan.currency, "machines + model", "plan")
        formula = f"in all / {sold.tenants:,} tenants"
        yield Step(f"plan {sold.name}: a tenant", sold.per_tenant, plan.currency, formula, f"spec: plans.{sold.name}")


def _sums(cost: Cost, currency: str) -> Iterator[Step]:
    yield Step(f"{cost.name}: in all", cost.monthly, currency, "machines + model", "plan")
    formula = f"mean sessions x {MINUTES_PER_MONTH:,.0f} minutes"
    yield Step(f"{cost.name}: call minutes", cost.call_minutes, "minutes", formula, "lock: mean_sessions")
    yield Step(f"{cost.name}: a call minute", cost.per_call_minute, currency, "in all / call minutes", "plan")


def _price(name: str, price: Price | None, unit: str, where: str) -> Step:
    return Step(name, None if price is None else price.amount, unit, where, "not given" if price is None else said(price))
