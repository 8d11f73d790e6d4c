"""What stands in the pods, autoscalers and fixed parts that are rendered, by figures of the spec."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from capacity import plan
from components.workloads.scaling import KUBERNETES_TOLERANCE
from headroom.blueprint import Blueprint
from headroom.engine.definitions import STANDIN_DEFINITIONS, TARGET, missing_definitions
from policies.adapters.program import judge_blueprint
from stacks.reading import environments, floors_path, lock_path, read_lock, read_spec
from stacks.voice import render
from tests.environments import planned

TYPES = "[{name: m7i.8xlarge, cpu: 32, memory: 128GB}]"
KARPENTER = (
    "turn.public_addresses={}",
    "pools.general.provision=karpenter",
    f"pools.general.karpenter={{types: {TYPES}, ami: ami-0123456789abcdef0, role: r, discovery: d, placeholders: 2, source: t}}",
)


def rendered(environment: str, what_if: Sequence[str] = ()) -> Blueprint:
    """An environment with some figures changed."""
    lock = read_lock(environment)
    return render(plan(read_spec(environment, what_if=what_if), lock, lock.data_end))


def pod_of(blueprint: Blueprint, name: str) -> dict[str, Any]:
    """The pod specification of a Deployment."""
    found: dict[str, Any] = blueprint[f"{name}-deployment"].props["spec"]["template"]["spec"]
    return found


def container_of(blueprint: Blueprint, name: str) -> dict[str, Any]:
    """The container of a Deployment that serves."""
    found: dict[str, Any] = pod_of(blueprint, name)["containers"][0]
    return found


@pytest.mark.parametrize("name", ["healthcare", "sales", "after-hours", "tools", "gateway"])
def test_probes_and_drain_are_on_a_port_of_their_own(name: str) -> None:
    """The port moves with its figure, and is not the port of the calls."""
    section = f"verticals.{name}" if name not in ("tools", "gateway") else name
    container = container_of(rendered("prod", [f"{section}.probes={{port: 9999, dead: 300s}}"]), name)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports["probes"] == 9999
    for asked in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[asked]["httpGet"]["port"] == "probes"
    assert container["lifecycle"]["preStop"]["httpGet"] == {"path": "/drain", "port": "probes"}
    assert container["livenessProbe"]["periodSeconds"] * container["livenessProbe"]["failureThreshold"] == 300


def test_a_pod_outlives_its_drain() -> None:
    """The kubelet waits longer than the drain may take, whatever the longest call is."""
    blueprint = rendered("prod", ["verticals.salon.longest_call=2h"])
    environment = {entry["name"]: entry.get("value") for entry in container_of(blueprint, "salon")["env"]}
    assert environment["HEADROOM_DRAIN_SECONDS"] == "7200"
    assert pod_of(blueprint, "salon")["terminationGracePeriodSeconds"] == 7260


def test_helpers_of_a_pod_are_there_before_its_calls_and_after_them() -> None:
    """Kubernetes starts an initial container that restarts before the one of the calls, and ends it after that has drained."""
    pod = pod_of(rendered("prod"), "real-estate")
    (calls,) = pod["containers"]
    check, *helpers = pod["initContainers"]
    assert calls["lifecycle"]["preStop"]["httpGet"]["path"] == "/drain"
    assert "restartPolicy" not in check
    assert {helper["name"]: helper["restartPolicy"] for helper in helpers} == dict.fromkeys(
        ("crm-writer", "calendar", "mls-lookup", "sms", "transcript"), "Always"
    )


def test_the_start_up_check_counts_on_what_the_plan_counts_on() -> None:
    """Its figures are those of the session container's limit and of the backlog; its own limit is the same."""
    blueprint = rendered("prod", ["verticals.healthcare.pod.descriptors=40k"])
    (check,) = pod_of(blueprint, "healthcare")["initContainers"]
    assert check["command"][3:] == ["--open-files", "40000", "--somaxconn", "2048"]
    template = blueprint["healthcare-deployment"].props["spec"]["template"]["metadata"]["annotations"]
    limits = {template[f"ulimits.nri.containerd.io/container.{name}"] for name in ("app", "limits")}
    assert len(limits) == 1
    assert "soft: 40000" in limits.pop()


def test_the_autoscaler_adds_pods_as_the_lag_counts_on_it() -> None:
    """Policies of the lag's stages are those of the autoscaler; the tolerance is said only where it is not Kubernetes' own."""
    plain = rendered("prod")["sales-autoscaler"].props["spec"]["behavior"]
    faster = rendered(
        "prod",
        [
            "scaling.lag.scale_up={policies: [{kind: pods, value: 20, period: 30s}], select: min}",
            "scaling.tolerance=0.05",
            "scaling.scale_down={window: 600s, pods: 2, period: 90s}",
        ],
    )["sales-autoscaler"].props["spec"]["behavior"]
    assert faster == {
        "scaleUp": {
            "stabilizationWindowSeconds": 0,
            "selectPolicy": "Min",
            "policies": [{"type": "Pods", "value": 20, "periodSeconds": 30}],
            "tolerance": "0.05",
        },
        "scaleDown": {
            "stabilizationWindowSeconds": 600,
            "selectPolicy": "Min",
            "policies": [{"type": "Pods", "value": 2, "periodSeconds": 90}],
            "tolerance": "0.05",
        },
    }
    assert planned("prod").scaling.tolerance == KUBERNETES_TOLERANCE
    assert "tolerance" not in plain["scaleUp"]


def test_the_gateways_limits_are_those_of_the_plans_sold() -> None:
    """A tenant may hold as many streams as its plan's cap, and ask as often as so many sessions do; no tenant is named."""
    blueprint = rendered("prod", ["gateway.requests_per_session_minute=12"])
    limits = json.loads(blueprint["gateway-config"].props["data"]["plans.json"])
    assert limits["growth"] == {"streams": 200, "requestsPerMinute": 2400}
    assert limits.keys() == planned("prod").plans.keys()


def test_parts_that_stand_on_the_pool_take_its_nodes() -> None:
    """Planner and gate count the executors: with large ones the nodes that there are do not do, and both say so."""
    large, lock = ["tools.pod={cpu: 8, memory: 1Gi}"], read_lock("prod")
    made = plan(read_spec("prod", what_if=large), lock, lock.data_end)
    verdict = judge_blueprint(render(made), lock_path("prod"), floors_path(), lock.data_end)
    assert {short.resource for short in made.shortfalls} == {"nodes"}
    assert {violation.rule for violation in verdict.violations} == {"nodes-cover-maximum"}
    assert {short.required for short in made.shortfalls} == {violation.required for violation in verdict.violations}


def test_placeholders_stand_only_where_machines_are_made() -> None:
    """Static machines have none; on a pool of Karpenter's each takes the room of the largest pod, and the gate counts none."""
    for environment in environments():
        assert not [one for one in rendered(environment) if one.type.endswith(":PriorityClass") or "placeholder" in one.name]
    lock = read_lock("prod")
    made = plan(read_spec("prod", what_if=KARPENTER), lock, lock.data_end)
    blueprint = render(made)
    deployment = blueprint["placeholder-general-deployment"].props["spec"]
    largest = container_of(blueprint, "sales")["resources"]
    assert deployment["replicas"] == 2
    assert deployment["template"]["spec"]["containers"][0]["resources"] == largest
    assert blueprint["placeholders-priority"].props["value"] < 0
    assert not judge_blueprint(blueprint, lock_path("prod"), floors_path(), lock.data_end).refused


def test_a_folder_has_no_definitions_but_those_that_are_declared() -> None:
    """Custom resources on the directory target are refused, until somebody says that they count as defined."""
    keda = rendered("local", ["scaling.autoscaler=keda"])
    folder = {TARGET: "directory:/somewhere"}
    (line,) = missing_definitions(keda, folder)
    assert line.endswith("say in HEADROOM_STANDIN_DEFINITIONS that they count as defined")
    assert missing_definitions(keda, {**folder, STANDIN_DEFINITIONS: "ScaledObject.keda.sh/v1alpha1"}) == ()
    assert missing_definitions(rendered("local"), folder) == ()


def test_a_cluster_that_does_not_answer_stops_custom_resources() -> None:
    """Whatever keeps the cluster from answering, nothing is applied that may not be defined."""
    (line,) = missing_definitions(rendered("local", ["scaling.autoscaler=keda"]), {"KUBECONFIG": "/nowhere/kubeconfig"})
    assert line.startswith("the cluster does not say which kinds it knows (ConfigException)")


def test_no_credentials_are_in_what_is_rendered() -> None:
    """Pods of verticals get passwords from Secrets that an operator made, and hold no token of the API server."""
    pod = pod_of(rendered("prod"), "after-hours")
    (password,) = (entry for entry in pod["containers"][0]["env"] if entry["name"] == "HEADROOM_QUEUE_PASSWORD")
    assert password["valueFrom"] == {"secretKeyRef": {"name": "queue-login", "key": "password"}}
    assert pod["automountServiceAccountToken"] is False
