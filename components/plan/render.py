"""The stack's root and the copy of the plan that stands in the cluster."""

from dataclasses import asdict
from typing import Any

from capacity.plan import CapacityPlan
from capacity.shortfall import Shortfall
from components.kubernetes import kubernetes_object, namespace
from headroom.blueprint import Options, Rendered, canonical_json, digest

ROOT = "voice"
CLUSTER = "cluster"
NAMESPACE = "headroom"


def root_resource(plan: CapacityPlan) -> Rendered:
    """Return the component above all others; its claims are what the gate holds the stack to."""
    standing = plan.standing_document()
    claims: dict[str, Any] = {
        "environment": plan.environment,
        "lockDigest": plan.lock.digest,
        "lockKind": plan.lock.kind,
        "dataEnd": plan.lock.data_end.isoformat(),
        "validUntil": plan.lock.valid_until.isoformat(),
        "planDigest": digest(standing),
        "burst": plan.margins.burst,
        "growthPerQuarter": plan.margins.growth_per_quarter,
        "safeUtilisation": plan.margins.safe_utilisation,
        "alertUtilisation": plan.alert.utilisation,
        "lagSeconds": plan.lag_seconds,
        "tolerance": plan.scaling.tolerance,
        "plan": standing,
    }
    if plan.waivers:
        claims["waivers"] = [waiver.model_dump(mode="json") for waiver in plan.waivers]
    if plan.shortfalls:
        claims["shortfalls"] = [_shortfall(short) for short in plan.shortfalls]
    return Rendered("headroom:stack:Voice", ROOT, claims, options=Options(provider=CLUSTER if plan.target else None))


def _shortfall(short: Shortfall) -> dict[str, Any]:
    # Machines differ in the last digits of a sum.
    figures = {"required": float(f"{short.required:.9g}"), "provided": float(f"{short.provided:.9g}")}
    return asdict(short) | figures


def cluster_provider(plan: CapacityPlan) -> list[Rendered]:
    """Return the provider of everything in the cluster, bound to the context that the environment belongs to.

    Nothing where the spec names none: then the provider takes what its caller is logged in to.
    """
    if plan.target is None:
        return []
    # Else each change of a ConfigMap or Secret deletes it first, under pods that read it. A provider's inputs travel as text.
    mutable = {"enableConfigMapMutable": "true", "enableSecretMutable": "true"}
    return [Rendered("pulumi:providers:kubernetes", CLUSTER, {"context": plan.target.kubernetes_context, **mutable})]


def sold_resources(plan: CapacityPlan, *, parent: str) -> list[Rendered]:
    """Return the claim of what is sold on the fleet, plan by plan; it names no tenant. Nothing where the spec sells nothing."""
    if not plan.plans:
        return []
    claims = {
        name: {"tenants": sold.tenants, "cap": sold.cap, "guaranteed": sold.guaranteed} for name, sold in plan.plans.items()
    }
    return [Rendered("headroom:plan:Sold", "sold", {"plans": claims}, parent=parent)]


def plan_resources(plan: CapacityPlan, *, parent: str) -> list[Rendered]:
    """Return the namespace and the ConfigMap that carry the plan for whoever looks at the cluster; it names no tenant."""
    metadata = {"name": "capacity-plan", "namespace": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "headroom"}}
    data = {"plan.json": canonical_json(plan.standing_document())}
    return [
        namespace(NAMESPACE, resource="plan-namespace", parent=parent),
        kubernetes_object("capacity-plan", "v1", "ConfigMap", metadata, {"data": data}, parent=parent, after=("plan-namespace",)),
    ]
