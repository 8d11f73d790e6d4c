"""Machines as they are rendered: upgrades outside known peaks, and what Karpenter is told."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from capacity import CapacityPlan, plan
from capacity.figures import Frozen
from capacity.machines import Servers
from capacity.scaling import Window
from components.nodes.karpenter import quiet_budgets
from components.nodes.render import node_resources
from components.nodes.upgrades import longest_drain, upgrade_plan
from headroom.blueprint import Rendered
from stacks.reading import read_lock, read_spec_document
from stacks.voice import render
from tests.capacity.specs import DATA_END, live, load, lock, read_spec, spec_document
from tests.environments import planned

SERVERS: dict[str, Any] = {"version": "v1.34.1+k3s1", "sha256": "0" * 64, "address": "k3s.example.com", "region": "us-east-1"}
KARPENTER: dict[str, Any] = {
    "types": [{"name": "m7i.8xlarge", "cpu": 32, "memory": "131072Mi"}],
    "ami": "ami-0123456789abcdef0",
    "role": "headroom-node",
    "discovery": "voice",
}


def with_karpenter() -> CapacityPlan:
    """Return prod's plan with machines of its general pool made by Karpenter."""
    document = read_spec_document("prod")
    document["pools"]["general"] |= {"provision": "karpenter", "karpenter": KARPENTER}
    document["turn"]["public_addresses"] = {}
    return plan(read_spec(document), read_lock("prod"), read_lock("prod").data_end)


def _props(resources: list[Rendered], kind: str) -> dict[str, Any]:
    (found,) = (one for one in resources if one.type.endswith(f":{kind}"))
    return dict(found.props)


def test_karpenter_makes_what_the_plan_counts_on() -> None:
    """At most the plan's nodes, only the spec's types, never spot, joined by the user data of the pool."""
    made = with_karpenter()
    resources = list(render(made))
    pool, machines = _props(resources, "NodePool")["spec"], _props(resources, "EC2NodeClass")["spec"]
    general = made.pools[0]
    assert pool["limits"]["cpu"] == str(general.nodes * 32)
    requirements = {one["key"]: one["values"] for one in pool["template"]["spec"]["requirements"]}
    assert requirements == {"node.kubernetes.io/instance-type": ["m7i.8xlarge"], "karpenter.sh/capacity-type": ["on-demand"]}
    described = next(one for one in resources if one.name == "machine-general")
    assert machines["userData"] == described.props["userData"]
    assert "karpenter.sh/unregistered=true:NoExecute" in machines["userData"]
    assert pool["template"]["spec"]["terminationGracePeriod"] == "3660s"


def test_static_machines_need_no_custom_resource() -> None:
    """By default nothing is rendered that a cluster without Karpenter does not know."""
    groups = {
        one.type.split(":")[1].split("/")[0]
        for one in node_resources(planned("prod"), (), parent="")
        if one.type.startswith("kub")
    }
    assert groups <= {"core", "apps", "networking.k8s.io"}


@pytest.mark.parametrize("day", ["2026-01-05", "2026-07-06", "2026-11-02"], ids=["winter", "summer", "after the change"])
@pytest.mark.parametrize(("zone", "start", "end"), [("America/New_York", "09:00", "11:00"), ("Asia/Tokyo", "00:30", "02:00")])
def test_karpenter_takes_no_machine_within_a_peak(day: str, zone: str, start: str, end: str) -> None:
    """In every minute from the lead of a peak to its end, on both sides of a change of clocks, the budget is 0."""
    window = Window("mon", start, end, zone, 900.0, 6)
    begins = datetime.fromisoformat(f"{day}T{start}").replace(tzinfo=ZoneInfo(zone)) - timedelta(seconds=900)
    ends = datetime.fromisoformat(f"{day}T{end}").replace(tzinfo=ZoneInfo(zone))
    first, closed = quiet_budgets([window])
    assert first == {"nodes": "1"}
    minute, hour, _, _, weekday = closed["schedule"].split()
    length = timedelta(minutes=int(closed["duration"].removesuffix("m")))
    at = begins.astimezone(UTC)
    opened = at.replace(hour=int(hour), minute=int(minute))
    opened -= timedelta(days=(opened.isoweekday() - int(weekday)) % 7)
    opened -= timedelta(days=7) if opened > at else timedelta()
    assert opened <= at
    assert ends.astimezone(UTC) <= opened + length


def test_upgrades_take_one_machine_at_a_time_and_no_peak() -> None:
    """Servers before agents, each drained for its longest call, and never within a window of the lock's known peaks."""
    made = planned("prod")
    assert made.stack.servers is not None
    rendered = render(made)
    order = upgrade_plan(made, made.stack.servers, rendered.resources)
    assert [step["machines"] for step in order["steps"]] == ["servers", *(pool.name for pool in made.pools)]
    assert {step["at_once"] for step in order["steps"]} == {1}
    assert {step["machines"]: step["drain_seconds"] for step in order["steps"]} == {"servers": 30, "general": 3660, "gpu": 120}
    peaks = [window for one in made.live for window in one.scaling.windows]
    assert [(one["day"], one["start"], one["end"]) for one in order["never_within"]] == [(w.day, w.start, w.end) for w in peaks]
    assert json.loads(rendered["node-upgrades"].props["data"]["plan.json"]) == order


@pytest.mark.parametrize(
    ("change", "pool", "seconds"),
    [
        ({"turn": {"drain": "2h"}}, "general", 7230),
        ({"edge": {"tunnel": {"grace": "5000s"}}}, "general", 5000),
        ({"turn": {"drain": "2h", "pod": {"cpu": 2, "memory": "2Gi", "pool": "gpu"}}}, "gpu", 7230),
    ],
    ids=["relays", "tunnel", "relays on another pool"],
)
def test_a_machine_drains_as_long_as_any_of_its_pods(change: dict[str, Any], pool: str, seconds: int) -> None:
    """The longest grace is of whatever workload may stand on the pool, no vertical's alone."""
    document = read_spec_document("prod")
    for section, figures in change.items():
        for name, value in figures.items():
            before = document[section].get(name)
            document[section][name] = before | value if isinstance(before, dict) else value
    document["turn"]["public_addresses"] = {}
    rendered = render(plan(read_spec(document), read_lock("prod"), read_lock("prod").data_end))
    assert longest_drain(pool, rendered.resources) == seconds


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"count": 2}, "2 servers survive no more losses than 1"),
        ({"version": "v1.32.1+k3s1"}, "containerd older than 2.0"),
        ({"version": "latest"}, "no release of k3s"),
        ({"download": "https://x/'; rm"}, "String should match pattern"),
    ],
)
def test_servers_that_cannot_hold_are_refused(changes: dict[str, Any], words: str) -> None:
    """An even number, a release without what the pods need, and an address that a shell would run are no servers."""
    with pytest.raises(ValidationError, match=words):
        _read(Servers, SERVERS | changes)


@pytest.mark.parametrize(
    ("pool", "spec", "words"),
    [
        ({"provision": "karpenter"}, {}, "karpenter is not given"),
        ({"karpenter": KARPENTER}, {}, "provision is static"),
        ({"provision": "karpenter", "karpenter": KARPENTER, "cpu": 64}, {}, "m7i.8xlarge is smaller"),
        ({"provision": "karpenter", "karpenter": KARPENTER}, {}, "new machines join the cluster of `servers`"),
        ({"reserved_cpu": 0}, {"images": {"ulimit_adjuster": True}}, "less than what its daemons ask for"),
    ],
)
def test_a_pool_that_nobody_can_make_is_refused(pool: dict[str, Any], spec: dict[str, Any], words: str) -> None:
    """Types smaller than the plan's machines, half a choice of who makes them, and daemons without room are named."""
    document = spec_document(a=live())
    document["pools"]["general"] |= pool
    if "images" in spec:
        document["images"]["ulimit_adjuster"] = document["images"]["tools"]
    with pytest.raises(ValidationError, match=words):
        read_spec(document)


def test_a_node_tells_of_its_daemons_room_too() -> None:
    """The pool's claim is what the kubelet tells: the plan's figures and what our daemons ask for beside them."""
    document = spec_document(a=live())
    document["images"]["ulimit_adjuster"] = document["images"]["tools"]
    made = plan(read_spec(document), lock(a=load()), DATA_END)
    pool, daemon = _props(node_resources(made, (), parent=""), "Pool"), made.pools[0].spec.daemons.ulimit_adjuster
    assert pool["cpuCores"] == pytest.approx(made.pools[0].node.cpu_cores + daemon.cpu)
    assert pool["memoryBytes"] == made.pools[0].node.memory_bytes + daemon.memory


def _read(model: type[Frozen], document: dict[str, Any]) -> Frozen:
    return model.model_validate_json(json.dumps(document))
