"""The edge as values: what is rendered for Cloudflare and for the tunnel's replicas."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from capacity import CapacityPlan
from capacity.edge import MIGRATIONS
from components.edge.render import edge_resources
from components.edge.scripts import migrations
from components.edge.settings import caps
from headroom.blueprint import Joined, Ref, Rendered, Secret
from headroom.local.paths import paths
from tests.environments import planned

ACCOUNT = 32 * "0"
CALLBACKS = "after-hours-callbacks"
"""What takes callbacks in the examples."""
ROOT = paths().root


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


def test_everything_behind_the_tunnel_is_reached_by_its_host_alone() -> None:
    """Ingress rules, host records and Access applications name the same hosts, of verticals and of what takes callbacks."""
    made, ports = _edge(), {vertical.name: vertical.spec.port for vertical in planned("prod").live} | {CALLBACKS: 8080}
    *rules, last = made["edge-tunnel-routes"].props["config"]["ingresses"]
    hosts = {f"{name}-origin.prod.example.com" for name in ports}
    assert {rule["hostname"]: rule["service"] for rule in rules} == {
        f"{name}-origin.prod.example.com": f"http://{name}.{name}.svc:{port}" for name, port in ports.items()
    }
    assert last == {"service": "http_status:404"}
    assert {made[f"edge-{name}-host"].props["name"] for name in ports} == hosts
    assert {made[f"edge-{name}-access"].props["domain"] for name in ports} == hosts
    assert [policy["id"] for policy in made["edge-metrics-access"].props["policies"]] == [
        Ref("edge-people-policy", "id"),
        Ref("edge-scrapers-policy", "id"),
    ]
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


def _settings(plan: CapacityPlan, script: str = "router") -> Any:
    (found,) = [binding for binding in _edge(plan)[f"edge-{script}"].props["bindings"] if binding["name"] == "SETTINGS"]
    return json.loads(found["json"])


def test_caps_are_the_plans_and_what_the_pods_hold() -> None:
    """KV says what each plan caps and guarantees, and the places of each vertical: no tenant, no copy in a script."""
    plan = planned("prod")
    assert plan.admission is not None
    said = caps(plan.admission)
    enterprise = said["plans"]["enterprise"]
    assert (enterprise["cap"], enterprise["guaranteed"], enterprise["starts"]["burst"]) == (1000, 1000, 1000)
    assert sum(enterprise["guarantees"].values()) == 1000
    assert said["verticals"] == {live.name: live.provided for live in plan.live}
    assert {name: pool["reserved"] for name, pool in said["pools"].items()} == enterprise["guarantees"]
    assert _edge()["edge-caps"].props["keyName"] == "caps"
    assert json.loads(_edge()["edge-caps"].props["value"]) == said


def test_a_sold_cap_changes_one_value_at_the_edge() -> None:
    """With one call more in a plan's cap, the KV value differs, and no other resource of the edge."""
    plan = planned("prod")
    assert plan.admission is not None
    starter = replace(plan.admission.plans["starter"], cap=51)
    more = replace(plan, admission=replace(plan.admission, plans={**plan.admission.plans, "starter": starter}))
    before, after = _edge(), _edge(more)
    assert [name for name in after if after[name] != before[name]] == ["edge-caps"]


def test_what_only_the_router_is_told_leaves_the_sessions_alone() -> None:
    """Texts, tokens and callbacks are in the router's settings alone: a change of them uploads no script that holds calls."""
    plan = planned("prod")
    router, sessions = _settings(plan), _settings(plan, "sessions")
    assert {"tokens", "refusal", "callbacks", "retryAfterSeconds"} <= router.keys() - sessions.keys()
    assert router["refusal"]["texts"][0][0] == "en"
    assert router["tokens"]["audience"] == "calls.prod.example.com"
    assert sessions["loanSeconds"] >= 2 * sessions["leaseSeconds"] + sessions["heartbeatSeconds"]


def test_callbacks_go_to_the_gateway_that_serves_their_vertical() -> None:
    """The router posts each vertical's callbacks to its gateway's host; a vertical without one is offered none."""
    upstreams = _settings(planned("prod"))["callbacks"]["upstreams"]
    assert set(upstreams.values()) == {f"https://{CALLBACKS}-origin.prod.example.com/"}
    assert "healthcare" not in upstreams
    made = _edge()
    consumer = made["edge-callbacks-consumer"].props
    assert consumer["queueId"] == Ref("edge-callbacks", "queueId")
    assert consumer["scriptName"] == made["edge-router"].props["scriptName"]
    assert consumer["deadLetterQueue"] == made["edge-callbacks-dead"].props["queueName"]


def test_the_routers_secrets_are_configured_and_nowhere_written() -> None:
    """Tokens come from the configuration, what opens the hosts from Access; the sessions know no token of people."""
    made = _edge()
    texts = {
        script: {
            binding["name"]: binding["text"]
            for binding in made[f"edge-{script}"].props["bindings"]
            if binding["type"] == "secret_text"
        }
        for script in ("router", "sessions")
    }
    access = {
        "ACCESS_CLIENT_ID": Ref("edge-sessions-token", "clientId"),
        "ACCESS_CLIENT_SECRET": Ref("edge-sessions-token", "clientSecret"),
    }
    assert texts["router"] == {"METRICS_TOKEN": Secret("metricsToken"), "CALLBACKS_TOKEN": Secret("callbacksToken"), **access}
    assert not {"METRICS_TOKEN", "CALLBACKS_TOKEN"} & texts["sessions"].keys()


def test_no_limit_is_written_in_javascript() -> None:
    """Every number in the product's JavaScript but 0 and 1 is in the list beside this test, with its reason, and no other is.

    Numbers in regular expressions count, in texts only those of patterns.
    """
    listed = yaml.safe_load(Path(__file__).with_name("javascript_figures.yaml").read_text())
    sources = {one for room in ("components", "headroom") for one in (ROOT / room).rglob("*") if one.suffix in {".js", ".mjs"}}
    found = {
        str(source.relative_to(ROOT)): numbers
        for source in sources
        if not {"node_modules", "dist"} & set(source.parts) and (numbers := _numbers(source.read_text()))
    }
    assert found == {source: {number for numbers in reasons.values() for number in numbers} for source, reasons in listed.items()}


def _numbers(source: str) -> set[str]:
    comments_and_texts = r"""(?s)/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`"""
    code = re.sub(comments_and_texts, _that_counts, source).replace("0-9", "")
    return set(re.findall(r"(?<![\w.$#])(?:0x[0-9a-f]+|\d[\d_]*(?:\.\d+)?(?:e\d+)?)(?!\w)", code)) - {"0", "1"}


def _that_counts(found: re.Match[str]) -> str:
    """Return what of a comment or a text counts: a pattern, and what a template computes."""
    if found[0].startswith("`"):
        return " ".join(re.findall(r"\$\{([^}]*)\}", found[0]))
    return found[0] if found[0].startswith('"^') else ""


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
