"""What is rendered of a queue's gateway, as values, and what a spec may not say of it."""

import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from capacity.plan import CapacityPlan, QueuePlan
from capacity.stack_pods import stack_pods
from components.queue.callbacks import callback_gateways, callback_resources
from headroom.blueprint import Rendered
from policies.quantities import quantity
from policies.workload_types import KINDS
from stacks.reading import environments, read_spec
from tests.capacity.specs import IMAGE, live, spec_document
from tests.capacity.specs import read_spec as read_document
from tests.capacity.test_stack_sizing import QUEUE
from tests.environments import planned

Document = dict[str, Any]
GATEWAY: Document = {"pods": 2, "per_second": 100, "serves": ["desk"]}
PLANS: Document = {"starter": {"tenants": 1, "cap": 10, "sessions": 5}}


def _jobs(**gateway: Any) -> Document:
    """Return a vertical that works off a queue with a gateway."""
    pod = {"cpu": 1, "memory": "1Gi"}
    queue = QUEUE | {"gateway": GATEWAY | gateway}
    return {"kind": "queue", "image": IMAGE, "replicas": 2, "depth_cap": 1000, "pod": pod, "queue": queue}


def _one(plan: CapacityPlan, kind: str) -> Rendered:
    (found,) = [one for one in callback_resources(plan, parent="x") if one.type.endswith(f":{kind}")]
    return found


@pytest.mark.parametrize("environment", environments())
def test_the_planner_counts_the_pods_that_are_rendered(environment: str) -> None:
    """What the gateway's pods ask for, and how many there are, is what the plan keeps room for; the gate knows their kind."""
    deployment = _one(planned(environment), "Deployment")
    spec = deployment.props["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    requests = container["resources"]["requests"]
    (pods,) = [pods for _, pods in stack_pods(read_spec(environment)) if pods.name.endswith(".queue.gateway.pod")]
    assert (quantity(requests["cpu"]), quantity(requests["memory"]), spec["replicas"]) == (
        pods.cpu_cores,
        pods.memory_bytes,
        pods.count,
    )
    assert deployment.props["metadata"]["annotations"]["headroom.dev/kind"] in KINDS[deployment.type]


def test_its_figures_are_the_specs() -> None:
    """Cap, priorities, verticals, the largest job and every time come from the plan; secrets are named."""
    pod = _one(planned("prod"), "Deployment").props["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    given = {one["name"]: one["value"] for one in container["env"]}
    assert json.loads(given.pop("HEADROOM_SETTINGS")) == {
        "queue": "after-hours",
        "connection": {"host": "redis.after-hours-queue.svc", "port": 6379},
        "depthCap": 50_000,
        "defaultJobOptions": {
            "removeOnComplete": {"count": 5000},
            "removeOnFail": {"count": 5000},
            "attempts": 5,
            "backoff": {"type": "exponential", "delay": 30_000},
        },
        "verticals": ["real-estate", "sales", "salon", "it-helpdesk"],
        "opaque": False,
        "priorities": {"enterprise": 1, "growth": 2, "starter": 3},
        "bodyBytes": 2000,
        "retryAfterSeconds": 30,
        "answerMilliseconds": 3000,
        "settleMilliseconds": 10_000,
        "port": 8080,
        "probesPort": 8081,
        "address": "0.0.0.0",  # noqa: S104  # in its pod
    }
    assert given == {"HEADROOM_SECRETS": "/etc/headroom-secrets"}
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"] if "secrets" in mount["mountPath"]}
    assert mounted == {name: f"/etc/headroom-secrets/{name}" for name in ("callbacks-token", "queue-producer")}
    assert [one["secret"]["secretName"] for one in pod["volumes"] if "secret" in one] == list(mounted)


def test_it_is_reached_from_the_tunnel_and_reaches_its_queue() -> None:
    """Default-deny, and two ways: in from the edge (and Prometheus), out to the one Redis; that lets its namespace in."""
    policies = [one.props for one in callback_resources(planned("prod"), parent="x") if one.type.endswith(":NetworkPolicy")]
    closed, allowed = (policy["spec"] for policy in policies)
    assert (closed["podSelector"], closed["policyTypes"]) == ({}, ["Ingress", "Egress"])
    ways = [
        (direction, rule[peers][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"], rule["ports"][0]["port"])
        for direction, peers in (("ingress", "from"), ("egress", "to"))
        for rule in allowed[direction]
    ]
    assert ways == [
        ("ingress", "edge", 8080),
        ("ingress", "observability", 8081),
        ("egress", "kube-system", 53),
        ("egress", "after-hours-queue", 6379),
    ]
    assert _one(planned("prod"), "Namespace").props["metadata"]["labels"]["headroom.dev/queue-client"] == "after-hours"


def test_a_queue_of_health_data_has_a_gateway_of_its_own() -> None:
    """Its namespace says whose data it handles, references must name nobody, and where it answers is another address."""
    made = planned("prod")
    (plain,) = [one for one in made.verticals if isinstance(one, QueuePlan)]
    assert plain.spec.queue is not None
    assert plain.spec.queue.gateway is not None
    gateway = plain.spec.queue.gateway.model_copy(update={"serves": ("healthcare",)})
    queue = plain.spec.queue.model_copy(update={"gateway": gateway})
    health = replace(plain, name="referrals", spec=plain.spec.model_copy(update={"phi": True, "queue": queue}))
    both = replace(made, verticals=(*made.verticals, health))
    resources = callback_resources(both, parent="x")
    marks = [one.props["metadata"]["labels"].get("headroom.dev/phi") for one in resources if one.type.endswith(":Namespace")]
    assert marks == [None, "referrals"]
    told = [
        json.loads(one.props["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"])
        for one in resources
        if one.type.endswith(":Deployment")
    ]
    assert [(one["queue"], one["opaque"]) for one in told] == [("after-hours", False), ("referrals", True)]
    assert [(one.serves[0], one.address.url) for one in callback_gateways(both)] == [
        ("real-estate", "http://after-hours-callbacks.after-hours-callbacks.svc:8080"),
        ("healthcare", "http://referrals-callbacks.referrals-callbacks.svc:8080"),
    ]


def test_a_spec_that_goes_together_is_read() -> None:
    """A gateway for a vertical without health data, by the plans that are sold."""
    spec = read_document(spec_document(desk=live(), jobs=_jobs(priorities={"starter": 1})) | {"plans": PLANS})
    assert spec.queue_gateways is not None
    assert spec.queue_gateways["jobs"].serves == ("desk",)


@pytest.mark.parametrize(
    ("verticals", "said"),
    [
        ({"desk": live(), "jobs": _jobs(serves=["nobody"])}, "gateway.serves: there is no live vertical 'nobody'"),
        ({"desk": live(), "jobs": _jobs(serves=["jobs"])}, "gateway.serves: there is no live vertical 'jobs'"),
        ({"desk": live(), "jobs": _jobs(serves=["desk", "desk"])}, "callbacks of desk go to jobs already"),
        ({"desk": live(), "jobs": _jobs(), "more": _jobs()}, "callbacks of desk go to jobs already"),
        ({"desk": live(phi=True), "jobs": _jobs()}, "callbacks of a vertical with health data"),
        ({"desk": live(), "jobs": _jobs() | {"phi": True}}, "callbacks of a vertical with health data"),
        (
            {"desk": live(phi=True), "ward": live(phi=True), "jobs": _jobs(serves=["desk", "ward"]) | {"phi": True}},
            "that serves it alone",
        ),
        ({"desk": live(), "jobs": _jobs(priorities={"gold": 1})}, "there is no plan 'gold'"),
        ({"desk": live(), "jobs": _jobs(settle="28s")}, "is over before 28 s of settling"),
        (
            {"desk": live(), "jobs": _jobs(pod={"cpu": 1, "memory": "1Gi", "pool": "none"})},
            "gateway.pod.pool: there is no pool 'none'",
        ),
    ],
)
def test_a_spec_that_does_not_go_together_is_refused(verticals: Document, said: str) -> None:
    """Each fault names its field and what there is."""
    classes = {
        f"own-{name}": {"provisioner": "any", "parameters": {"encrypted": "true"}, "key": f"key-of-{name}", "phi": name}
        for name, vertical in verticals.items()
        if vertical.get("phi")
    }
    document = spec_document(**verticals) | {"plans": PLANS, "storage": {"replicated": {"provisioner": "any"}} | classes}
    if "own-jobs" in classes:
        document["verticals"]["jobs"]["queue"]["storage_class"] = "own-jobs"
    with pytest.raises(ValidationError, match=said):
        read_document(document)


def test_a_gateway_without_its_image_is_refused() -> None:
    """Its image is asked for by its path in the spec."""
    document = spec_document(desk=live(), jobs=_jobs())
    del document["images"]["queue_gateway"]
    with pytest.raises(ValidationError, match=r"images\.queue_gateway: "):
        read_document(document)
