"""Recording rules: what the plan says as series beside what the stack does, so that an alert compares one with the other.

A series is called by its level, what it is, and how it came about; those that end in `:plan` are constants of the plan.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from capacity.cost import HOURS_PER_MONTH
from capacity.plan import CapacityPlan, QueuePlan

_PROVIDER_NAMES = {"azure": "azure.ai.openai"}
"""Where the GenAI conventions call a vendor by another name than our specs do."""


@dataclass(frozen=True)
class Recording:
    """One recording rule."""

    record: str
    expr: str
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def rule(self) -> dict[str, Any]:
        """The rule as Prometheus reads it."""
        return {"record": self.record, "expr": self.expr, **({"labels": self.labels} if self.labels else {})}


def plan_constants(plan: CapacityPlan) -> tuple[Recording, ...]:
    """Return the figures of the plan that something is compared with; what nobody knows has no series."""
    return (
        *(constant for vertical in plan.verticals for constant in _vertical(plan, vertical.name)),
        *_shared(plan),
        *_prices(plan),
    )


def measured(plan: CapacityPlan) -> tuple[Recording, ...]:
    """Return what the stack does, by vertical, tenant and limit of the first provider."""
    active = "sum by (namespace, pod, vertical) (voice_active_sessions)"
    by_name = '"vertical", "$1", "horizontalpodautoscaler", "(?:keda-hpa-)?(.+)"'
    rules = [
        Recording("pod:active_sessions:sum", active),
        Recording("pod:active_sessions_ready:sum", f"pod:active_sessions:sum {_READY}"),
        Recording("vertical:active_sessions:sum", "sum by (vertical) (pod:active_sessions:sum)"),
        Recording("vertical:pods_ready:count", "count by (vertical) (pod:active_sessions_ready:sum)"),
        Recording(
            "vertical:utilisation:ratio",
            "sum by (vertical) (pod:active_sessions_ready:sum)"
            " / on (vertical) (vertical:pods_ready:count * on (vertical) vertical:session_ceiling_per_pod:plan)",
        ),
        *(
            Recording(
                f"vertical:pods_{name}:max",
                f"max by (vertical) (label_replace(kube_horizontalpodautoscaler_{metric}, {by_name}))",
            )
            for name, metric in (
                ("floor", "spec_min_replicas"),
                ("ceiling", "spec_max_replicas"),
                ("desired", "status_desired_replicas"),
            )
        ),
        Recording("vertical:tenant_sessions:rate5m", "sum by (vertical, tenant, plan) (rate(voice_session_seconds_total[5m]))"),
        Recording(
            "tenant:cost_per_hour:rate5m",
            "sum by (tenant, plan) ("
            "vertical:tenant_sessions:rate5m * 60 * on () group_left () model:price_per_session_minute:plan"
            " + vertical:tenant_sessions:rate5m / on (vertical) group_left () sum by (vertical) (vertical:tenant_sessions:rate5m)"
            " * on (vertical) group_left () vertical:infrastructure_per_hour:plan)",
        ),
    ]
    return (*rules, *_model_use(plan))


_READY = 'and on (namespace, pod) (kube_pod_status_ready{condition="true"} == 1)'


def _constant(record: str, value: float, **labels: str) -> Recording:
    return Recording(record, f"vector({value:.12g})", labels)


def _vertical(plan: CapacityPlan, name: str) -> Iterator[Recording]:
    vertical = next(one for one in plan.verticals if one.name == name)
    if isinstance(vertical, QueuePlan):
        yield _constant("vertical:queue_depth_cap:plan", vertical.spec.depth_cap, vertical=name)
        if vertical.queue is not None:
            yield _constant("vertical:queue_drain_seconds:plan", vertical.queue.drain_within, vertical=name)
        return
    yield _constant("vertical:session_ceiling_per_pod:plan", vertical.ceiling.hard, vertical=name)
    yield _constant("vertical:admitted_per_pod:plan", vertical.sessions_per_pod, vertical=name)
    yield _constant("vertical:alert_utilisation:plan", vertical.scaling.alert_utilisation, vertical=name)
    yield _constant("vertical:required_sessions:plan", vertical.required.sessions, vertical=name)
    yield _constant("vertical:provided_sessions:plan", vertical.provided, vertical=name)


def _shared(plan: CapacityPlan) -> Iterator[Recording]:
    midnight = dt.datetime.combine(plan.lock.valid_until + dt.timedelta(days=1), dt.time(), dt.UTC)
    yield _constant("forecast:valid_until_timestamp_seconds:plan", midnight.timestamp())
    for pool in plan.pools:
        yield _constant("pool:nodes_enough:plan", pool.enough, pool=pool.name)
    for limit in plan.model.ceilings[0].limits:
        yield _constant("model:limit:plan", limit.limit, limit=limit.name)
    tunnel, latency = plan.stack.edge.tunnel, plan.stack.latency
    if tunnel is not None:
        yield _constant("tunnel:replicas:plan", tunnel.tunnels * tunnel.replicas)
        yield _constant("tunnel:connections_per_replica:plan", tunnel.limits.connections)
    if latency is not None:
        yield _constant("latency:first_token_seconds:plan", latency.first_token.value)
        yield _constant("latency:first_audio_seconds:plan", latency.first_audio.value)


def _prices(plan: CapacityPlan) -> Iterator[Recording]:
    price = plan.model.primary.price_per_session_minute
    if price is not None:
        yield _constant("model:price_per_session_minute:plan", price.amount, currency=plan.currency)
    names = {vertical.name for vertical in plan.verticals}
    for cost in plan.costs:
        if cost.name in names and cost.infrastructure is not None:
            yield _constant("vertical:infrastructure_per_hour:plan", cost.infrastructure / HOURS_PER_MONTH, vertical=cost.name)


def _model_use(plan: CapacityPlan) -> Iterator[Recording]:
    vendor = plan.model.primary.vendor
    provider = f'{{gen_ai_provider_name="{_PROVIDER_NAMES.get(vendor, vendor)}"}}'
    use = {
        "tokens a minute": f"sum(rate(gen_ai_client_token_usage_sum{provider}[2m])) * 60",
        "requests a minute": f"sum(rate(gen_ai_client_operation_duration_seconds_count{provider}[2m])) * 60",
        "concurrent sessions": "sum(vertical:active_sessions:sum)",
        "session starts a minute": "sum(rate(voice_calls_offered_total[2m])) * 60",
    }
    for limit in plan.model.ceilings[0].limits:
        yield Recording("model:use:sum", use[limit.name], {"limit": limit.name})
