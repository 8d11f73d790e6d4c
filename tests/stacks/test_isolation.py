"""Health data apart from all other: in what is rendered, whichever verticals have it, and by two ways of looking."""

import copy
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import pytest

from capacity import CapacityPlan
from capacity.spec import Spec
from headroom.blueprint import Blueprint, Rendered, encode
from headroom.located import BadInput
from policies.adapters.program import blueprint_stack
from policies.evidence import Context, load_context
from policies.rules.isolation import RULES
from stacks.reading import environments, floors_path, lock_path, plan_environment, read_spec
from stacks.voice import render
from tests.environments import planned

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
HOST = re.compile(r"\b[a-z0-9-]+\.([a-z0-9-]+)\.svc\b")
"""How pods name a server of the cluster: service.namespace.svc."""
KEY = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000"
"""Of healthcare's volumes, a placeholder."""
KEEPS = {"bus", "redis"}
"""The kinds of server that keep the data of calls and jobs; those of kind watch keep figures."""


def context() -> Context:
    """Return evidence; the rule needs none."""
    return load_context(lock_path("prod"), floors_path(), "2026-11-02")


def refused(blueprint: Blueprint) -> list[str]:
    """Return what the gate's rule finds."""
    (rule,) = RULES
    return [f"{found.resource}: {found.message}" for found in rule.check(blueprint_stack(blueprint), context())]


def meta(resource: Rendered, key: str) -> Any:
    """Return something of an object's metadata."""
    return resource.props.get("metadata", {}).get(key)


def shared(blueprint: Blueprint) -> set[str]:
    """Return what health data shares with other data, found without the gate's code and without any NetworkPolicy.

    Walks every object: who stands in which namespace, whose volumes are of which class and key, and which server each object
    names in its text, be it an address in a variable, a setting or a command.
    """
    kubernetes = [resource for resource in blueprint if resource.type.startswith("kubernetes:")]
    owner = {
        meta(each, "name"): (meta(each, "labels") or {}).get("headroom.dev/phi")
        for each in kubernetes
        if each.type.endswith(":Namespace")
    }
    keys = {
        meta(each, "name"): each.props["parameters"].get("kmsKeyId") for each in kubernetes if each.type.endswith(":StorageClass")
    }
    keeping = {
        meta(each, "namespace") for each in kubernetes if (meta(each, "annotations") or {}).get("headroom.dev/kind") in KEEPS
    }
    users: dict[str, set[str | None]] = {}
    verticals: dict[str, set[str]] = {}
    for each in kubernetes:
        here = meta(each, "namespace")
        whose = owner.get(here)
        if vertical := (meta(each, "annotations") or {}).get("headroom.dev/vertical"):
            verticals.setdefault(f"namespace {here}", set()).add(vertical)
        for claim in each.props.get("spec", {}).get("volumeClaimTemplates", []):
            name = claim["spec"]["storageClassName"]
            users.setdefault(f"class {name}", set()).add(whose)
            if keys.get(name):
                users.setdefault(f"key {keys[name]}", set()).add(whose)
        for place in {here, *HOST.findall(json.dumps(encode(each.props)))} & keeping:
            users.setdefault(f"server in {place}", set()).add(whose)
    crowded = {place for place, there in verticals.items() if len(there) > 1}
    return crowded | {thing for thing, those in users.items() if len(those) > 1}


@pytest.mark.parametrize("environment", environments())
def test_no_health_data_lies_beside_other_data(environment: str) -> None:
    """In every environment both ways find nothing shared, and there is health data to look at."""
    blueprint = render(planned(environment))
    assert [vertical.name for vertical in planned(environment).verticals if vertical.spec.phi] == ["healthcare"]
    assert shared(blueprint) == set()
    assert refused(blueprint) == []


def marked(names: tuple[str, ...]) -> CapacityPlan:
    """Return the plan of prod with health data in these verticals alone, each with a class of volumes of its own."""
    spec = read_spec("prod")
    changes = ["storage={}"]
    for name, vertical in spec.verticals.items():
        changes.append(f"verticals.{name}.phi={str(name in names).lower()}")
        if name in names:
            changes.append(f"storage.own-{name}={{provisioner: any, key: key-of-{name}, phi: {name}}}")
            if vertical.kind == "queue":
                changes.append(f"verticals.{name}.queue.storage_class=own-{name}")
            if vertical.kind == "nats":
                changes.append(f"bus.storage_class=own-{name}")
        if vertical.kind == "queue":
            changes.append(f"verticals.{name}.queue.{_callbacks(spec, names, of_health_data=name in names)}")
    return plan_environment("prod", None, NOW, what_if=changes)


def _callbacks(spec: Spec, phi: tuple[str, ...], *, of_health_data: bool) -> str:
    """Return whose callbacks a queue may take: of the verticals without health data, or of one with it."""
    served = [name for name, one in spec.verticals.items() if one.kind != "queue" and (name in phi) == of_health_data]
    serves = served[:1] if of_health_data else served
    return f"gateway.serves=[{', '.join(serves)}]" if serves else "gateway=null"


def test_any_verticals_may_have_health_data() -> None:
    """Whichever one or two verticals have it, queue and bus among them, nothing is shared."""
    names = tuple(read_spec("prod").verticals)
    chosen = [*combinations(names, 1), *combinations(names, 2)]
    assert len(chosen) == 21
    for phi in chosen:
        blueprint = render(marked(phi))
        assert (phi, shared(blueprint), refused(blueprint)) == (phi, set(), [])


def changed(blueprint: Blueprint, name: str, change: Callable[[dict[str, Any]], object]) -> Blueprint:
    """Return the blueprint with one resource changed."""
    props = copy.deepcopy(dict(blueprint[name].props))
    change(props)
    assert props != blueprint[name].props
    return Blueprint(tuple(replace(each, props=props) if each.name == name else each for each in blueprint))


def _moved(props: dict[str, Any]) -> None:
    props["metadata"]["namespace"] = "healthcare"


def _on_the_same_volumes(props: dict[str, Any]) -> None:
    props["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"] = "own-after-hours"


def _told_of_the_queue(props: dict[str, Any]) -> None:
    container = props["spec"]["template"]["spec"]["containers"][0]
    container["env"].append({"name": "QUEUE", "value": "redis://redis.after-hours-queue.svc:6379"})


def _lets_all_in(props: dict[str, Any]) -> None:
    for rule in props["spec"]["ingress"]:
        rule["from"] = [{"namespaceSelector": {}}]


@pytest.mark.parametrize(
    ("name", "change", "walk", "gate"),
    [
        ("salon-deployment", _moved, "namespace healthcare", "salon runs in namespace healthcare"),
        ("bus-servers", _on_the_same_volumes, "class own-after-hours", "share the class own-after-hours"),
        ("salon-deployment", _told_of_the_queue, "server in after-hours-queue", None),
        ("after-hours-queue-allowed-traffic", _lets_all_in, None, "lets namespace salon in"),
    ],
)
def test_a_stack_that_shares_is_found(
    name: str, change: Callable[[dict[str, Any]], object], walk: str | None, gate: str | None
) -> None:
    """Each sabotage of a stack with two verticals of health data is seen: by the walk, by the gate, or by both."""
    blueprint = changed(render(marked(("healthcare", "after-hours"))), name, change)
    assert (walk is None) == (walk not in shared(blueprint))
    assert any(gate in found for found in refused(blueprint)) if gate is not None else refused(blueprint) == []


@pytest.mark.parametrize(
    ("what_if", "where", "says"),
    [
        ("verticals.salon.phi=true", "verticals.salon.phi", "storage.NAME with phi: salon and a key"),
        ("storage.phi-healthcare.key=null", "storage.phi-healthcare", "key is missing"),
        ("storage.phi-healthcare.parameters.encrypted='false'", "storage.phi-healthcare", 'parameters.encrypted must be "true"'),
        ("storage.phi-healthcare.parameters.kmsKeyId=other", "storage.phi-healthcare", "say it as key"),
        (
            f"storage.other={{provisioner: any, key: '{KEY}'}}",
            "storage.other.key",
            "is that of storage.phi-healthcare too",
        ),
        ("storage.phi-healthcare.phi=sales", "verticals.healthcare.phi", "class of their own"),
        (
            "verticals.after-hours.queue.storage_class=phi-healthcare",
            "verticals.after-hours.queue.storage_class",
            "health data of healthcare",
        ),
        ("observability.storage_class=phi-healthcare", "observability.storage_class", "name another class"),
    ],
)
def test_a_spec_that_shares_is_refused_by_the_figure(what_if: str, where: str, says: str) -> None:
    """Before anything is rendered, with the path of what is wrong."""
    with pytest.raises(BadInput) as bad:
        plan_environment("prod", None, NOW, what_if=[what_if])
    assert where in str(bad.value)
    assert says in str(bad.value)


def test_a_bus_keeps_no_health_data_beside_other_data() -> None:
    """JetStream's accounts lie on the same disks, so a vertical with health data must be the only one on the bus."""
    salon = ["verticals.salon.kind=nats", "verticals.salon.phi=true", "storage.own={provisioner: any, key: k, phi: salon}"]
    with pytest.raises(BadInput) as bad:
        plan_environment("prod", None, NOW, what_if=salon)
    assert "bus: salon carries health data" in str(bad.value)
