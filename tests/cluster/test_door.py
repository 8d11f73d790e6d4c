"""The door of prod on a real API server: what it refuses, what it lets through, and how a plan changes behind it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from capacity import CapacityPlan, plan
from components.door.figures import AUTOSCALERS, KEPT, WORKLOADS, door_figures
from components.door.policy import door_policy
from components.door.render import HEARD_SECONDS
from headroom.blueprint import Blueprint, encode
from headroom.local.kubernetes.client import Api, Object, Refused, connect
from stacks.reading import read_lock, read_spec
from stacks.voice import render
from tests.cluster.objects import absent, eventually, held, path, put, scaled_objects
from tests.environments import planned

pytestmark = pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/")

SALES = "/apis/autoscaling/v2/namespaces/sales/horizontalpodautoscalers/sales"
PRESCALE = "/apis/batch/v1/namespaces/sales/cronjobs/sales-prescale"
APPS = "/apis/apps/v1/namespaces"
POD = ("spec", "template", "spec")
ENV = (*POD, "containers", 0, "env", 1)


@pytest.fixture(scope="module")
def prod() -> CapacityPlan:
    """The plan of prod."""
    return planned("prod")


def behind(blueprint: Blueprint) -> list[Object]:
    """The door, what it holds, and the namespaces that they stand in, in their order."""
    kinds = ("Namespace", *WORKLOADS, *AUTOSCALERS)
    return [
        encode(one.props)
        for one in blueprint
        if one.type.startswith("kubernetes:") and (one.parent == "door" or one.type.rpartition(":")[2] in kinds)
    ]


@pytest.fixture(scope="module")
def api(kubeconfig: Path, prod: CapacityPlan) -> Iterator[Api]:
    """The API server with the door of prod and what it holds; no nodes. What is kept goes with its namespace, as in a deploy."""
    client = connect(kubeconfig)
    found = behind(render(prod))
    with held(client, [one for one in found if one["kind"] not in KEPT]):
        assert order(client, found) == []
        eventually(lambda: closed(client))
        yield client


def closed(api: Api) -> bool:
    """Whether the door is there: the server reads policies about once a second."""
    if refusal(api, SALES, {"spec": {"maxReplicas": 8}}) is not None:
        return True
    patch(api, SALES, {"spec": {"maxReplicas": 9}})
    return False


def patch(api: Api, where: str, body: object, kind: str = "merge") -> Object:
    """Patch an object as `kubectl edit` does."""
    return api.call("PATCH", where, body, content_type=f"application/{kind}-patch+json")


def refusal(api: Api, where: str, body: object) -> str | None:
    """What the server says to a patch, or None where it takes it."""
    try:
        patch(api, where, body, "merge" if isinstance(body, dict) else "json")
    except Refused as refused:
        return str(refused)
    return None


def at(*keys: str | int) -> str:
    """The JSON pointer of some keys."""
    return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)


def to(value: Any, *keys: str | int) -> list[Object]:
    """The JSON patch that sets a value."""
    return [{"op": "replace", "path": at(*keys), "value": value}]


def without(*keys: str | int) -> list[Object]:
    """The JSON patch that removes what is there."""
    return [{"op": "remove", "path": at(*keys)}]


REFUSED = {
    "a maximum below what is required": (
        SALES,
        {"spec": {"maxReplicas": 8}},
        "sales/sales: an autoscaler that stops at 8 pods does not let them hold what is required: set its maximum to 9",
    ),
    "the same in an older version of the API": (
        SALES.replace("/v2/", "/v1/"),
        {"spec": {"maxReplicas": 8}},
        "sessions-cover-burst: sales/sales: an autoscaler that stops at 8 pods",
    ),
    "a floor below the lowest of the week": (
        SALES,
        {"spec": {"minReplicas": 1}},
        "lag-floor-held: sales/sales: a floor of 1 pods is below the lowest of the week: set it to 2",
    ),
    "no floor": (SALES, without("spec", "minReplicas"), "lag-floor-held: sales/sales: a floor of 1 pods"),
    "a target that leaves no room": (
        SALES,
        to("152", "spec", "metrics", 0, "pods", "target", "averageValue"),
        "scaling-target-leaves-lag-growth: sales/sales: it must aim at 151 sessions a pod or fewer",
    ),
    "a target in thousandths": (
        SALES,
        to("151001m", "spec", "metrics", 0, "pods", "target", "averageValue"),
        "scaling-target-leaves-lag-growth: sales/sales",
    ),
    "another metric": (
        SALES,
        to("cpu_seconds", "spec", "metrics", 0, "pods", "metric", "name"),
        "scaling-target-leaves-lag-growth: sales/sales",
    ),
    "another week": (
        SALES,
        to('{"baseline":2,"windows":[]}', "metadata", "annotations", "headroom.dev/schedule"),
        "claims-match-lock: sales/sales: annotations headroom.dev/* say what the plan counts on, and change with it alone",
    ),
    "no week": (SALES, without("metadata", "annotations", "headroom.dev/schedule"), "claims-match-lock: sales/sales"),
    "another target": (
        SALES,
        {"spec": {"scaleTargetRef": {"name": "other"}}},
        "workloads-are-known: sales/sales: other must be scaled by no autoscaler and by nothing else",
    ),
    "lowered requests": (
        f"{APPS}/sales/deployments/sales",
        to("7999m", *POD, "containers", 0, "resources", "requests", "cpu"),
        "pod-limits-cover-sessions: sales/sales: container app must have requests of cpu of at least 8",
    ),
    "a lowered limit": (
        f"{APPS}/bus/statefulsets/bus",
        [
            *to("4Gi", *POD, "containers", 0, "resources", "limits", "memory"),
            *to("4Gi", *POD, "containers", 0, "resources", "requests", "memory"),
        ],
        "pod-limits-cover-sessions: bus/bus: container bus must have requests of memory of at least 8Gi",
    ),
    "no limit": (
        f"{APPS}/sales/deployments/sales",
        without(*POD, "containers", 0, "resources", "limits", "memory"),
        "pod-limits-cover-sessions: sales/sales: container app must have limits of memory of at least 16Gi",
    ),
    "a lost container": (
        f"{APPS}/bus/statefulsets/bus",
        without(*POD, "containers", 1),
        "pod-limits-cover-sessions: bus/bus: container exporter must have requests of cpu of at least 50m",
    ),
    "one GPU less": (
        f"{APPS}/gpu-llm/deployments/gpu-llm",
        [
            *without(*POD, "containers", 0, "resources", "limits", "nvidia.com/gpu"),
            *without(*POD, "containers", 0, "resources", "requests", "nvidia.com/gpu"),
        ],
        "pod-limits-cover-sessions: gpu-llm/gpu-llm: container app must have requests of nvidia.com/gpu of at least 1",
    ),
    "another pool": (
        f"{APPS}/gpu-llm/deployments/gpu-llm",
        {"spec": {"template": {"spec": {"nodeSelector": {"headroom.dev/pool": "general"}}}}},
        "nodes-cover-maximum: gpu-llm/gpu-llm: its place among the nodes is counted on pool gpu",
    ),
    "no pool": (
        f"{APPS}/turn/deployments/turn",
        without(*POD, "nodeSelector"),
        "nodes-cover-maximum: turn/turn: its place among the nodes is counted on pool general",
    ),
    "a claim": (
        f"{APPS}/sales/deployments/sales",
        {"metadata": {"annotations": {"headroom.dev/session-cpu-cores": "0.01"}}},
        "claims-match-lock: sales/sales",
    ),
    "a claim more": (
        f"{APPS}/edge/deployments/tunnel",
        {"metadata": {"annotations": {"headroom.dev/exempt": "for now"}}},
        "claims-match-lock: edge/tunnel",
    ),
    "fewer pods of a fixed fleet": (
        f"{APPS}/gateway/deployments/gateway",
        {"spec": {"replicas": 3}},
        "door-matches-plan: gateway/gateway: the plan has 4 pods, and 3 are fewer",
    ),
    "the same by `kubectl scale`": (
        f"{APPS}/bus/statefulsets/bus/scale",
        {"spec": {"replicas": 2}},
        "door-matches-plan: bus/bus: the plan has 3 pods, and 2 are fewer",
    ),
    "a pod that admits more than it holds": (
        f"{APPS}/sales/deployments/sales",
        [{"op": "test", "path": at(*ENV, "name"), "value": "HEADROOM_MAX_SESSIONS"}, *to("251", *ENV, "value")],
        "pod-limits-cover-sessions: sales/sales: a pod must admit 250 sessions, which it holds and the plan counts on",
    ),
    "one that admits any number": (
        f"{APPS}/sales/deployments/sales",
        [{"op": "test", "path": at(*ENV, "name"), "value": "HEADROOM_MAX_SESSIONS"}, *without(*ENV)],
        "pod-limits-cover-sessions: sales/sales: a pod must admit 250 sessions",
    ),
    "one that waits before it adds pods": (
        SALES,
        {"spec": {"behavior": {"scaleUp": {"stabilizationWindowSeconds": 300}}}},
        "scales-up-at-once: sales/sales: it must add pods as the plan counts on: 0 Max, Percent 100 15, Pods 4 15",
    ),
    "one that adds no pods": (
        SALES,
        {"spec": {"behavior": {"scaleUp": {"selectPolicy": "Disabled"}}}},
        "scales-up-at-once: sales/sales",
    ),
    "one that adds few": (SALES, to(1, "spec", "behavior", "scaleUp", "policies", 1, "value"), "scales-up-at-once: sales/sales"),
    "one that bears more": (
        SALES,
        {"spec": {"behavior": {"scaleUp": {"tolerance": "0.5"}}}},
        "scales-up-at-once: sales/sales: it must bear 0.1 above its target or less before it adds pods",
    ),
    "a suspended pre-scale job": (
        PRESCALE,
        {"spec": {"suspend": True}},
        "prescale-covers-known-peaks: sales/sales-prescale: it must run at * * * * *, or no floor stands before a known peak",
    ),
    "one that seldom runs": (PRESCALE, {"spec": {"schedule": "0 0 1 1 *"}}, "prescale-covers-known-peaks: sales/sales-prescale"),
    "none at all": (f"{APPS}/edge/deployments/tunnel/scale", {"spec": {"replicas": 0}}, "and 0 are fewer"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_change_below_the_plan_is_refused_by_its_rule(api: Api, what: str) -> None:
    """An administrator's edit is refused with the rule's name, and nothing is written."""
    where, body, words = REFUSED[what]
    before = api.get(where)
    said = refusal(api, where, body)
    assert said is not None
    assert words in said
    after = api.get(where)
    assert (after["spec"], after["metadata"].get("annotations")) == (before["spec"], before["metadata"].get("annotations"))


def test_pods_of_a_vertical_do_not_go_below_its_lowest_floor(api: Api) -> None:
    """At no pods an autoscaler stops: `kubectl scale` may take a vertical to the week's lowest floor, and no further."""
    scale = f"{APPS}/healthcare/deployments/healthcare/scale"
    eventually(lambda: api.get(scale)["spec"]["replicas"] == 4)
    said = refusal(api, scale, {"spec": {"replicas": 0}})
    assert said is not None
    assert "lag-floor-held: healthcare/healthcare: 0 pods are below the lowest floor of the week: at least 4 must stand" in said
    assert refusal(api, scale, {"spec": {"replicas": 5}}) is None
    assert refusal(api, scale, {"spec": {"replicas": 4}}) is None


ALLOWED = {
    "a smaller tolerance, and back": (
        SALES,
        {"spec": {"behavior": {"scaleUp": {"tolerance": "0.05"}}}},
        {"spec": {"behavior": {"scaleUp": {"tolerance": None}}}},
    ),
    "slower ways down, and back": (
        SALES,
        {"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 600}}}},
        {"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 300}}}},
    ),
    "a pre-scale job that keeps more": (
        PRESCALE,
        {"spec": {"failedJobsHistoryLimit": 9}},
        {"spec": {"failedJobsHistoryLimit": 3}},
    ),
    "a higher maximum, and back": (SALES, {"spec": {"maxReplicas": 12}}, {"spec": {"maxReplicas": 9}}),
    "a window's floor, and back": (SALES, {"spec": {"minReplicas": 9}}, {"spec": {"minReplicas": 2}}),
    "a lower target, and back": (
        SALES,
        to("100", "spec", "metrics", 0, "pods", "target", "averageValue"),
        to("151", "spec", "metrics", 0, "pods", "target", "averageValue"),
    ),
    "larger pods, and back": (
        f"{APPS}/sales/deployments/sales",
        to("20Gi", *POD, "containers", 0, "resources", "limits", "memory"),
        to("16Gi", *POD, "containers", 0, "resources", "limits", "memory"),
    ),
    "the same size in other words": (
        f"{APPS}/sales/deployments/sales",
        to("8000m", *POD, "containers", 0, "resources", "limits", "cpu"),
        to("8", *POD, "containers", 0, "resources", "limits", "cpu"),
    ),
    "a restart of all pods": (
        f"{APPS}/sales/deployments/sales",
        {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-11-02"}}}}},
        {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": None}}}}},
    ),
    "another image": (
        f"{APPS}/bus/statefulsets/bus",
        to("registry.example/nats:next", *POD, "containers", 0, "image"),
        to("registry.example/nats:last", *POD, "containers", 0, "image"),
    ),
    "somebody else's annotation": (
        f"{APPS}/tools/deployments/tools",
        {"metadata": {"annotations": {"example.com/owner": "voice"}}},
        {"metadata": {"annotations": {"example.com/owner": None}}},
    ),
    "more of a fixed fleet, and back": (
        f"{APPS}/gateway/deployments/gateway/scale",
        {"spec": {"replicas": 6}},
        {"spec": {"replicas": 4}},
    ),
}


@pytest.mark.parametrize("what", ALLOWED)
def test_a_change_that_leaves_the_plan_held_passes(api: Api, what: str) -> None:
    """What gives more than the plan, or touches none of its figures, is nobody's business at the door; so is taking it back."""
    where, *bodies = ALLOWED[what]
    assert [refusal(api, where, body) for body in bodies] == [None, None]


def autoscaler(name: str, target: str, namespace: str = "sales") -> Object:
    """An autoscaler of somebody else's."""
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"scaleTargetRef": reference, "minReplicas": 1, "maxReplicas": 50},
    }


def test_a_workload_of_the_plan_has_its_autoscaler_and_no_other(api: Api) -> None:
    """A second autoscaler is refused, one on a fleet of fixed size too; one on a stranger's Deployment is not."""
    with pytest.raises(Refused, match="workloads-are-known: sales/second: sales must be scaled by HorizontalPodAutoscaler/sales"):
        put(api, autoscaler("second", "sales"))
    with pytest.raises(Refused, match="workloads-are-known: tools/tools: tools must be scaled by no autoscaler and by nothing"):
        put(api, autoscaler("tools", "tools", "tools"))
    stranger = autoscaler("stranger", "theirs")
    put(api, stranger)
    api.delete(path(api, stranger))


def test_an_autoscaler_stays_for_as_long_as_its_plan(api: Api) -> None:
    """Deleted alone or with all others it is refused, and so is what moves its floor; the server still has them."""
    for where in (SALES, SALES.rpartition("/")[0]):
        with pytest.raises(Refused, match="sessions-cover-burst: sales/sales: without its autoscaler it cannot grow"):
            api.delete(where)
    assert not absent(api, SALES)
    with pytest.raises(Refused, match="prescale-covers-known-peaks: sales/sales-prescale: without it no floor stands"):
        api.delete(PRESCALE)
    assert not absent(api, PRESCALE)


def test_a_rehearsal_is_not_judged(api: Api) -> None:
    """A preview of a lower plan asks by a dry run, before that plan's figures are there."""
    lowered = encode(next(one for one in behind(render(planned("prod"))) if path(api, one) == SALES))
    lowered["spec"]["maxReplicas"] = 3
    api.apply(SALES, lowered, dry_run=True)
    assert api.get(SALES)["spec"]["maxReplicas"] == 9


def test_the_pre_scale_account_moves_the_floor_within_the_week(api: Api, prod: CapacityPlan) -> None:
    """Each vertical's floor goes to its highest window and back to its baseline, whoever asks."""
    for live in prod.live:
        where = SALES.replace("sales", live.name)
        for floor in (live.scaling.maximum, live.scaling.baseline):
            assert refusal(api, where, {"spec": {"minReplicas": floor}}) is None


def other(*what_if: str) -> Blueprint:
    """Prod by another spec."""
    spec, lock = read_spec("prod", what_if=list(what_if)), read_lock("prod")
    return render(plan(spec, lock, lock.data_end))


def order(api: Api, objects: list[Object]) -> list[str]:
    """Write objects as a deploy does, one after another, with its pause after the policy, and return what was refused."""
    said = []
    for found in objects:
        try:
            put(api, found)
        except Refused as refused:
            said.append(f"{found['kind']} {found['metadata']['name']}: {refused}")
        if found["kind"] == "ValidatingAdmissionPolicy":
            time.sleep(HEARD_SECONDS)
    return said


def test_a_lower_plan_and_a_higher_one_go_in_at_once(api: Api, prod: CapacityPlan) -> None:
    """With its figures first, a plan of half the burst lowers every autoscaler in one deploy, and today's raises them again."""
    lower = other("verticals.healthcare.pod.cpu=2", "verticals.healthcare.pod.memory=8Gi", "margins.burst=1.2")
    today = render(prod)
    most = {live.name: live.scaling.maximum for live in prod.live}
    for blueprint in (lower, today, lower, today):
        assert order(api, behind(blueprint)) == []
    assert {name: api.get(SALES.replace("sales", name))["spec"]["maxReplicas"] for name in most} == most
    assert lower["healthcare-deployment"].props["spec"] != today["healthcare-deployment"].props["spec"]
    assert lower["sales-autoscaler"].props["spec"]["maxReplicas"] < most["sales"]


def test_between_figures_and_objects_of_a_higher_plan_work_goes_on(api: Api, prod: CapacityPlan) -> None:
    """Once the higher figures are there, an object that is still below them may be left as it is or raised, not lowered."""
    higher = other("margins.burst=2")
    wanted = higher["sales-autoscaler"].props["spec"]["maxReplicas"]
    assert wanted >= 11
    assert order(api, [encode(higher["door-policy"].props)]) == []
    try:
        assert f"set its maximum to {wanted}" in str(refusal(api, SALES, {"spec": {"maxReplicas": 8}}))
        assert refusal(api, SALES, {"spec": {"minReplicas": 9}}) is None
        assert refusal(api, SALES, {"spec": {"minReplicas": 2}}) is None
        assert refusal(api, SALES, {"spec": {"maxReplicas": 10}}) is None
        assert refusal(api, SALES, {"spec": {"maxReplicas": wanted}}) is None
        assert refusal(api, SALES, {"spec": {"maxReplicas": 10}}) is not None
    finally:
        order(api, [encode(render(prod)["door-policy"].props)])
        assert refusal(api, SALES, {"spec": {"maxReplicas": 9}}) is None


def test_autoscalers_go_with_the_plan_or_their_namespace_and_come_as_planned(api: Api, prod: CapacityPlan) -> None:
    """A plan without a vertical lets its autoscaler go, and so does the end of its namespace. Made anew it is as in the plan."""
    today, salon = behind(render(prod)), SALES.replace("sales", "salon")
    made = api.get(salon)
    fewer = {space: held for space, held in door_figures(render(prod), prod.live).items() if space != "salon"}
    (policy,) = (one for one in today if one["kind"] == "ValidatingAdmissionPolicy")
    assert order(api, [policy | {"spec": door_policy(fewer)}]) == []
    api.delete(salon)
    eventually(lambda: absent(api, salon))
    assert order(api, [policy]) == []
    named = {key: made["metadata"][key] for key in ("name", "namespace", "annotations")}
    again = {"apiVersion": made["apiVersion"], "kind": made["kind"], "metadata": named, "spec": made["spec"]}
    for poor, words in (
        ({"spec": made["spec"] | {"maxReplicas": made["spec"]["maxReplicas"] - 1}}, "sessions-cover-burst"),
        ({"spec": made["spec"] | {"minReplicas": 1}}, "lag-floor-held"),
        ({"spec": {key: value for key, value in made["spec"].items() if key != "metrics"}}, "scaling-target-leaves-lag-growth"),
        ({"metadata": named | {"annotations": {}}}, "claims-match-lock"),
    ):
        with pytest.raises(Refused, match=f"{words}: salon/salon"):
            put(api, again | poor)
    put(api, again)
    api.delete("/api/v1/namespaces/salon")
    eventually(lambda: absent(api, "/api/v1/namespaces/salon"))
    assert order(api, today) == []
    assert api.get(salon)["spec"] == made["spec"]


def test_a_plan_that_goes_over_to_keda_and_back(api: Api, prod: CapacityPlan) -> None:
    """The autoscalers of before may go once the plan has others; those are held to the same figures, and to their week."""
    keda, today = behind(other("scaling.autoscaler=keda")), behind(render(prod))
    scaled = "/apis/keda.sh/v1alpha1/namespaces/sales/scaledobjects/sales"
    with scaled_objects(api):
        eventually(lambda: _knows(api, "keda.sh/v1alpha1", "ScaledObject"))
        assert order(api, keda) == []
        _gone(api, today, "HorizontalPodAutoscaler")
        cron, up = (
            ("spec", "triggers", 1, "metadata"),
            ("spec", "advanced", "horizontalPodAutoscalerConfig", "behavior", "scaleUp"),
        )
        for body, words in (
            ({"spec": {"maxReplicaCount": 8}}, "sessions-cover-burst: sales/sales: an autoscaler that stops at 8 pods"),
            (without("spec", "maxReplicaCount"), None),
            ({"spec": {"maxReplicaCount": 9}}, None),
            ({"spec": {"minReplicaCount": 1}}, "lag-floor-held: sales/sales: a floor of 1 pods"),
            (without("spec", "minReplicaCount"), "lag-floor-held: sales/sales: a floor of 0 pods"),
            (to("152", "spec", "triggers", 0, "metadata", "threshold"), "scaling-target-leaves-lag-growth: sales/sales"),
            (to("vector(0)", "spec", "triggers", 0, "metadata", "query"), "scaling-target-leaves-lag-growth: sales/sales"),
            (to("2", *cron, "desiredReplicas"), "prescale-covers-known-peaks: sales/sales: its cron triggers must be those"),
            (without("spec", "triggers", 1), "prescale-covers-known-peaks: sales/sales"),
            (to(60, *up, "stabilizationWindowSeconds"), "scales-up-at-once: sales/sales: it must add pods as the plan"),
            ({"metadata": {"annotations": {"autoscaling.keda.sh/paused": "true"}}}, "scales-up-at-once: sales/sales"),
        ):
            said = refusal(api, scaled, body)
            assert said is None if words is None else words in str(said), (body, said)
        with pytest.raises(Refused, match="sales/sales: without its autoscaler it cannot grow"):
            api.delete(scaled)
        with pytest.raises(Refused, match="workloads-are-known: sales/second: sales must be scaled by ScaledObject/sales"):
            put(api, autoscaler("second", "sales"))
        made = autoscaler("sales", "sales")
        owner = {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject",
            "name": "sales",
            "uid": api.get(scaled)["metadata"]["uid"],
        }
        put(api, made | {"metadata": made["metadata"] | {"ownerReferences": [owner]}})
        api.delete(SALES)
        assert order(api, today) == []
        _gone(api, keda, "ScaledObject")


def _knows(api: Api, version: str, kind: str) -> bool:
    try:
        api.resource(version, kind)
    except Refused:
        return False
    return True


def _gone(api: Api, objects: list[Object], kind: str) -> None:
    """Delete the objects of a kind, as a deploy does with those that are in the plan no more."""
    paths = [path(api, found) for found in objects if found["kind"] == kind]
    for where in paths:
        api.delete(where)
    eventually(lambda: all(absent(api, where) for where in paths))


def test_figures_of_many_namespaces_and_of_any_text_are_known(api: Api, prod: CapacityPlan) -> None:
    """Beside sixty more namespaces, the claims of an object hold whatever they say; the policy is ten times that of prod."""
    odd = "headroom.dev/kind=tools\nheadroom.dev/source=a \"quote\", 'another', a \\, \t é 😀"
    figures, blueprint = door_figures(render(prod), prod.live), render(prod)
    figures |= {f"another-{number}": figures["sales"] | figures["gateway"] for number in range(60)}
    figures["tools"]["deployments/tools"]["claims"] = odd
    tools = f"{APPS}/tools/deployments/tools"
    before = api.get(tools)["metadata"]["annotations"]
    policy = encode(blueprint["door-policy"].props)
    assert order(api, [policy | {"spec": door_policy(figures)}]) == []
    claims = dict(line.split("=", 1) for line in odd.splitlines())
    try:
        other = {"metadata": {"annotations": dict.fromkeys(before) | claims | {"headroom.dev/source": "another"}}}
        assert "claims-match-lock: tools/tools" in str(refusal(api, tools, other))
        assert refusal(api, tools, {"metadata": {"annotations": dict.fromkeys(before) | claims}}) is None
        assert "and 3 are fewer" in str(refusal(api, f"{APPS}/gateway/deployments/gateway", {"spec": {"replicas": 3}}))
    finally:
        assert order(api, [policy]) == []
        assert refusal(api, tools, {"metadata": {"annotations": dict.fromkeys(claims) | before}}) is None


def test_no_figure_names_a_field_that_the_server_does_not_know(api: Api) -> None:
    """The server's own type check of the policy finds nothing."""
    policy = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/door.headroom.dev"
    eventually(lambda: "typeChecking" in api.get(policy).get("status", {}))
    assert api.get(policy)["status"]["typeChecking"] == {}
