"""What is rendered of queue, bus and TURN, as values; the real servers read it in tests/parts."""

import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from capacity.plan import CapacityPlan
from capacity.stack_pods import stack_pods
from components.bus.config import nats_config, stream_config
from components.bus.render import bus_resources
from components.queue.callbacks import callback_resources
from components.queue.render import queue_resources
from components.turn.render import turn_resources
from headroom.blueprint import Rendered
from policies.quantities import quantity
from stacks.reading import environments, read_spec
from tests.capacity.sizing import TURN
from tests.capacity.specs import live, spec_document
from tests.capacity.specs import read_spec as read_document
from tests.capacity.test_stack_sizing import BUS, QUEUE
from tests.components.test_nodes import KARPENTER
from tests.environments import planned

Document = dict[str, Any]
JOBS: Document = {
    "kind": "queue",
    "image": spec_document()["images"]["tools"],
    "replicas": 2,
    "depth_cap": 1000,
    "pod": {"cpu": 1, "memory": "1Gi"},
}


def _servers(plan: CapacityPlan) -> list[Rendered]:
    queues = (*queue_resources(plan, parent="x"), *callback_resources(plan, parent="x"))
    parts = (*queues, *bus_resources(plan, parent="x"), *turn_resources(plan, parent="x"))
    return [one for one in parts if "template" in one.props.get("spec", {})]


@pytest.mark.parametrize("environment", environments())
def test_the_planner_counts_the_pods_that_are_rendered(environment: str) -> None:
    """What each server's pod asks for, and how many there are, is what the plan keeps room for on its pool."""
    paths = ("verticals.", "bus.", "turn.")
    planned_for = sorted(
        (pool, round(pods.cpu_cores, 6), pods.memory_bytes, pods.count)
        for pool, pods in stack_pods(read_spec(environment))
        if pods.name.startswith(paths)
    )
    rendered = []
    for server in _servers(planned(environment)):
        pod = server.props["spec"]["template"]["spec"]
        asked = [container["resources"]["requests"] for container in pod["containers"]]
        cpu, memory = (sum(quantity(one[kind]) for one in asked) for kind in ("cpu", "memory"))
        count = server.props["spec"].get("replicas", 1)
        rendered.append((pod["nodeSelector"]["headroom.dev/pool"], round(cpu, 6), int(memory), count))
    assert sorted(rendered) == planned_for


@pytest.mark.parametrize("environment", environments())
def test_secrets_are_named_and_never_written(environment: str) -> None:
    """Every password comes from a Secret that an operator makes; no object of these parts is one."""
    plan = planned(environment)
    parts = (*queue_resources(plan, parent="x"), *bus_resources(plan, parent="x"), *turn_resources(plan, parent="x"))
    assert not [one.name for one in parts if one.type.endswith(":Secret")]
    for server in _servers(plan):
        for container in server.props["spec"]["template"]["spec"]["containers"]:
            given = [one for one in container.get("env", []) if "PASSWORD" in one["name"]]
            assert all("secretKeyRef" in one["valueFrom"] for one in given)


def test_the_bus_takes_its_figures_from_the_spec() -> None:
    """Cap, copies, storage and connections are the spec's; a doubled cap changes the stream and nothing of the servers."""
    bus = read_spec("prod").bus
    assert bus is not None
    stream = json.loads(stream_config(bus, 3600))
    assert (stream["max_msgs_per_subject"], stream["num_replicas"], stream["max_bytes"]) == (600, 3, 3_333_333_333)
    doubled = bus.model_copy(update={"cap_per_session": 1200})
    assert json.loads(stream_config(doubled, 3600)) == stream | {"max_msgs_per_subject": 1200}
    assert nats_config(doubled, ["real-estate"]) == nats_config(bus, ["real-estate"])
    assert "max_connections: 1000, " in nats_config(bus, ["real-estate"])


def test_a_changed_stream_is_another_job() -> None:
    """Jobs do not change: the one that makes the streams carries a mark of what it makes in its name."""
    plan = planned("prod")
    assert plan.stack.bus is not None
    sections = plan.stack.model_copy(update={"bus": plan.stack.bus.model_copy(update={"cap_per_session": 1200})})
    names = [
        next(one.props["metadata"]["name"] for one in bus_resources(each, parent="x") if one.type.endswith(":Job"))
        for each in (plan, plan, replace(plan, stack=sections))
    ]
    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize(
    ("section", "images"),
    [("bus", ("nats", "nats_exporter", "nats_tools")), ("turn", ("coturn",)), ("queue", ("redis", "redis_exporter"))],
)
def test_a_part_without_its_image_is_refused(section: str, images: tuple[str, ...]) -> None:
    """Every image of a part is asked for by its path in the spec."""
    for image in images:
        document = spec_document(homes=live(kind="nats"), jobs=JOBS | ({"queue": QUEUE} if section == "queue" else {}))
        document |= {"bus": BUS} if section == "bus" else {"turn": TURN} if section == "turn" else {}
        del document["images"][image]
        with pytest.raises(ValidationError, match=rf"images\.{image}: "):
            read_document(document)


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        ({"denied_peers": ["::/128"]}, "all of IPv4 too"),
        ({"listening_port": 50000}, "listening_port 50000 is one of the relay's ports"),
        ({"user_quota": 1}, "less than the 2 ports of one call"),
        ({"public_addresses": {"machine": "203.0.113.1"}}, "public_addresses"),
        ({"public_addresses": {"10.0.3.11": "203.0.113.11"}}, r"pools\.general\.nodes on how many machines a relay may stand"),
    ],
)
def test_a_relay_that_would_not_relay_is_refused(turn: Document, said: str) -> None:
    """Figures that coturn takes and that would let nobody through are errors of the spec."""
    with pytest.raises(ValidationError, match=said):
        read_document(spec_document(desk=live()) | {"turn": TURN | turn})


@pytest.mark.parametrize(
    ("pool", "said"),
    [
        ({"nodes": 3}, "2 machines have one; pools.general has 3"),
        ({"provision": "karpenter", "karpenter": KARPENTER}, "Karpenter makes the machines of pools.general"),
    ],
)
def test_every_machine_of_the_relays_has_its_public_address(pool: Document, said: str) -> None:
    """On a machine that has none a relay would tell callers the private one: two of three are refused, two of two are not."""
    document = spec_document(desk=live())
    document["turn"] = TURN | {"servers": 2, "public_addresses": {f"10.0.3.{one}": f"203.0.113.{one}" for one in (1, 2)}}
    document["pools"]["general"]["nodes"] = 2
    read_document(document)
    document["pools"]["general"] |= pool
    with pytest.raises(ValidationError, match=said):
        read_document(document)


def test_a_limiter_below_the_workers_is_refused() -> None:
    """The plan drains by what the workers do: a limiter that holds them back would make it wrong."""
    limited = QUEUE | {"limiter": {"jobs": 4, "within": "1s"}}
    with pytest.raises(ValidationError, match="allows 4 jobs a second, the workers do 5"):
        read_document(spec_document(jobs=JOBS | {"queue": limited}))
    read_document(spec_document(jobs=JOBS | {"queue": limited | {"limiter": {"jobs": 5, "within": "1s"}}}))
