"""The edge as values: what is rendered for Cloudflare and for the tunnel's replicas."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
import yaml

from capacity import CapacityPlan
from capacity.edge import MIGRATIONS
from components.edge.render import edge_resources
from components.edge.scripts import caps, migrations
from headroom.blueprint import Joined, Ref, Rendered, Secret
from tests.environments import planned

ACCOUNT = 32 * "0"


def _edge(plan: CapacityPlan | None = None) -> dict[str, Rendered]:
    return {resource.name: resource for resource in edge_resources(plan or planned("prod"), parent="voice")}


def _with_tunnel(**changes: Any) -> CapacityPlan:
    plan = planned("prod")
    edge = plan.stack.edge
    assert edge.tunnel is not None
    tunnel = edge.tunnel.model_copy(update=changes)
    return replace(plan, stack=plan.stack.model_copy(update={"edge": edge.model_copy(update={"tunnel": tunnel})}))


def _pod(resources: dict[str, Rendered]) -> Any:
    return resources["edge-tunnel-deployment"].props["spec"]["template"]["spec"]


def test_every_vertical_is_routed_to_and_reached_by_its_host_alone() -> None:
    """Ingress rules, host records and Access applications name the same hosts; anything else is a 404."""
    made, live = _edge(), planned("prod").live
    *rules, last = made["edge-tunnel-routes"].props["config"]["ingresses"]
    hosts = {f"{vertical.name}-origin.prod.example.com" for vertical in live}
    assert {rule["hostname"]: rule["service"] for rule in rules} == {
        f"{vertical.name}-origin.prod.example.com": f"http://{vertical.name}.{vertical.name}.svc:{vertical.spec.port}"
        for vertical in live
    }
    assert last == {"service": "http_status:404"}
    assert {made[f"edge-{vertical.name}-host"].props["name"] for vertical in live} == hosts
    assert {made[f"edge-{vertical.name}-access"].props["domain"] for vertical in live} == hosts
    (only,) = made["edge-salon-access"].props["policies"]
    assert only["id"] == Ref("edge-sessions-policy", "id")
    assert made["edge-sessions-policy"].props["decision"] == "non_identity"


def test_replicas_are_fixed_apart_and_slow_to_end() -> None:
    """As many as the spec says, each on a node of its own, no surge, a grace above cloudflared's three minutes, no autoscaler."""
    made = _edge()
    spec = made["edge-tunnel-deployment"].props["spec"]
    pod = _pod(made)
    assert spec["replicas"] == 4
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    assert pod["terminationGracePeriodSeconds"] == 240
    (term,) = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["topologyKey"] == "kubernetes.io/hostname"
    assert term["labelSelector"]["matchLabels"] == spec["selector"]["matchLabels"]
    (sysctl,) = pod["securityContext"]["sysctls"]
    assert sysctl == {"name": "net.ipv4.ip_local_port_range", "value": "11000 60999"}
    assert not [name for name in made if "autoscaler" in name]
    (container,) = pod["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
    slow = container["livenessProbe"]
    assert slow["failureThreshold"] * slow["periodSeconds"] == 600


def test_credentials_are_references() -> None:
    """The files of the replicas hold ids and the secret by reference; joined they are what cloudflared reads."""
    texts = _edge()["edge-tunnel-credentials"].props["stringData"]
    assert Secret("tunnelSecret") in texts["credentials.json"].parts
    assert json.loads(_joined(texts["credentials.json"])) == {"AccountTag": ACCOUNT, "TunnelID": "x", "TunnelSecret": "x"}
    assert yaml.safe_load(_joined(texts["config.yml"])) == {
        "tunnel": "x",
        "credentials-file": "/etc/cloudflared/credentials.json",
        "no-autoupdate": True,
        "metrics": "0.0.0.0:2000",
        "grace-period": "180s",
    }


def _joined(text: Joined) -> str:
    return "".join(part if isinstance(part, str) else "x" for part in text.parts)


def test_several_tunnels_share_each_host() -> None:
    """Two tunnels have replicas and credentials of their own; a load balancer has each vertical's host, over both."""
    made = _edge(_with_tunnel(tunnels=2))
    assert {name for name in made if name.endswith("-deployment")} == {"edge-tunnel-1-deployment", "edge-tunnel-2-deployment"}
    pool, host = made["edge-sales-tunnels"].props, made["edge-sales-host"]
    assert host.type == "cloudflare:index/loadBalancer:LoadBalancer"
    assert [member["address"].parts[0] for member in pool["origins"]] == [Ref("edge-tunnel-1", "id"), Ref("edge-tunnel-2", "id")]
    assert all(member["header"] == {"hosts": [host.props["name"]]} for member in pool["origins"])


def test_every_migration_is_applied_once_from_wherever_the_account_is() -> None:
    """Without a tag all of them, from the last tag none: the account refuses one that it has."""
    assert migrations(None) == {"migrations": {"newTag": "v1", "newSqliteClasses": ["TenantGate", "Pool", "CallSession"]}}
    assert migrations(MIGRATIONS[-1].tag) == {}
    script = _edge()["edge-sessions"].props
    bound = {binding["className"] for binding in _edge()["edge-router"].props["bindings"] if "className" in binding}
    assert bound == set(script["migrations"]["newSqliteClasses"])


def test_the_two_scripts_differ_and_the_router_comes_after() -> None:
    """The classes are the sessions' script's alone, and the router binds them there: a change of it leaves them as they are."""
    made = _edge()
    router, sessions = made["edge-router"], made["edge-sessions"]
    owners = {binding["scriptName"] for binding in router.props["bindings"] if "className" in binding}
    assert owners == {"prod-sessions"} == {sessions.props["scriptName"]}
    assert "edge-sessions" in router.after
    assert "migrations" not in router.props


def test_only_health_data_is_kept_in_the_jurisdiction() -> None:
    """A vertical with health data carries the spec's jurisdiction to the router, no other does; without one nobody does."""
    plan = planned("prod")
    verticals = (replace(each, spec=each.spec.model_copy(update={"phi": each.name == "healthcare"})) for each in plan.live)
    settings = _settings(replace(plan, verticals=tuple(verticals)))
    kept = {name: vertical.get("jurisdiction") for name, vertical in settings["verticals"].items()}
    assert {name for name, jurisdiction in kept.items() if jurisdiction} == {"healthcare"}
    assert kept["healthcare"] == "us"
    assert "jurisdiction" not in json.dumps(_settings(planned("local")))


def _settings(plan: CapacityPlan) -> Any:
    (found,) = [binding for binding in _edge(plan)["edge-router"].props["bindings"] if binding["name"] == "SETTINGS"]
    return json.loads(found["json"])


def test_caps_are_the_plans_and_what_the_pods_hold() -> None:
    """KV says what each plan caps and how many sessions each vertical's pods safely hold: no tenant, no copy in a script."""
    plan = planned("prod")
    assert caps(plan)["plans"]["enterprise"] == {"cap": 1000, "guaranteed": 1000}
    assert caps(plan)["verticals"] == {live.name: live.provided for live in plan.live}
    assert _edge()["edge-caps"].props["keyName"] == "caps"
    assert "1000" not in json.dumps(_settings(plan))


def test_no_figure_of_the_edge_is_written_in_javascript() -> None:
    """The scripts' only numbers are 0 and 1, codes of HTTP and WebSocket, hexadecimal's, and milliseconds of a second."""
    codes = {101, 401, 404, 405, 409, 429, 502, 503, 1000, 1005, 1006, 1012, 1013}
    for script in ("edge-router", "edge-sessions"):
        text = re.sub(r"(?s:/\*.*?\*/)|//.*|\"[^\"]*\"|`[^`]*`|/\^.*\$/", "", _edge()[script].props["content"])
        numbers = {int(number) for number in re.findall(r"(?<![\w.])\d+(?![\w.])", text)}
        assert numbers <= {0, 1, 2, 16} | codes, (script, numbers)


@pytest.mark.parametrize("missing", ["tunnel", "scripts"])
def test_what_the_spec_leaves_out_is_not_rendered(missing: str) -> None:
    """Without a tunnel there is no edge; without scripts there is the tunnel alone."""
    plan = planned("prod")
    edge = plan.stack.edge.model_copy(update={missing: None})
    made = _edge(replace(plan, stack=plan.stack.model_copy(update={"edge": edge})))
    if missing == "tunnel":
        assert made == {}
    else:
        assert {resource.type for resource in made.values() if "orkers" in resource.type or "Access" in resource.type} == set()
        assert "edge-tunnel-deployment" in made


def test_types_are_those_of_the_provider_and_known_to_the_gate() -> None:
    """Every type of the edge is a class of pulumi-cloudflare, and the gate knows that it runs no pods."""
    from headroom.local.cloudflare_standin.schema import installed_package
    from policies.workload_types import HARMLESS, POD_SPECS

    package = installed_package()
    for resource in [*_edge().values(), *_edge(_with_tunnel(tunnels=2)).values()]:
        if resource.type.startswith("cloudflare:"):
            assert package.resource(resource.type) is not None
            assert resource.type in HARMLESS - POD_SPECS.keys()
