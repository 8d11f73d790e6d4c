"""Pods that do nothing on pools whose machines are made on demand: they keep room that a pod with calls takes at once."""

from capacity.machines import Karpenter
from capacity.packing import PodRequest
from capacity.plan import CapacityPlan
from capacity.pool_plan import PoolPlan
from components.kubernetes import DOMAIN, kubernetes_object, labels, namespace, selected, service_account
from components.network import network_policies
from components.pods import resources, spread, unprivileged, unprivileged_pod
from headroom.blueprint import Rendered

NAME = "placeholders"
PRIORITY = -10
"""Below every other pod's, whose priority is 0, and above -1000000, below which Karpenter makes no machine."""


def placeholder_resources(plan: CapacityPlan, *, parent: str) -> list[Rendered]:
    """Return the placeholders of every pool that Karpenter makes machines for; nothing where there is none.

    The scheduler takes them away for a pod that finds no room; they wait, and a machine is made for them. On machines that are
    there anyway they would hold nothing free, so the plan counts spare nodes instead.
    """
    pools = [(pool, pool.spec.karpenter) for pool in plan.pools if pool.spec.karpenter is not None and pool.sizing is not None]
    if not pools:
        return []
    space = f"{NAME}-namespace"
    return [
        Rendered("headroom:workloads:Placeholders", NAME, {pool.name: made.placeholders for pool, made in pools}, parent=parent),
        namespace(NAME, resource=space, parent=NAME),
        *network_policies(NAME, parent=NAME, space=space),
        service_account(f"{NAME}-account", NAME, NAME, parent=NAME, space=space),
        kubernetes_object(
            f"{NAME}-priority",
            "scheduling.k8s.io/v1",
            "PriorityClass",
            {"name": NAME},
            {"value": PRIORITY, "preemptionPolicy": "Never", "globalDefault": False},
            parent=NAME,
        ),
        *(_deployment(pool, made, plan.images.tools) for pool, made in pools),
    ]


def largest_pod(pool: PoolPlan) -> PodRequest:
    """Return the pod of a pool that takes the largest share of a node."""
    return max(pool.pods, key=lambda pod: max(pod.cpu_cores / pool.node.cpu_cores, pod.memory_bytes / pool.node.memory_bytes))


def _deployment(pool: PoolPlan, made: Karpenter, image: str) -> Rendered:
    name, pod = f"placeholder-{pool.name}", largest_pod(pool)
    spec = {
        "replicas": made.placeholders,
        "selector": {"matchLabels": selected(name)},
        "template": {
            "metadata": {"labels": labels(name)},
            "spec": {
                "serviceAccountName": NAME,
                "automountServiceAccountToken": False,
                "priorityClassName": NAME,
                "terminationGracePeriodSeconds": 0,
                "nodeSelector": {f"{DOMAIN}/pool": pool.name},
                "topologySpreadConstraints": spread(selected(name), pool.zones),
                "securityContext": unprivileged_pod(),
                "containers": [
                    {
                        "name": "placeholder",
                        "image": image,
                        "command": ["sleep", "infinity"],
                        "resources": resources(pod.cpu_cores, pod.memory_bytes),
                        "securityContext": unprivileged(),
                    }
                ],
            },
        },
    }
    metadata = {"name": name, "namespace": NAME, "labels": labels(name), "annotations": {f"{DOMAIN}/kind": "placeholder"}}
    after = (f"{NAME}-account", f"{NAME}-priority")
    return kubernetes_object(f"{name}-deployment", "apps/v1", "Deployment", metadata, {"spec": spec}, parent=NAME, after=after)
