"""The margins of the whole stack, and the alerts that stand for them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import yaml

from policies.stack import Resource
from tests.gate_proof.leaves import Leaf
from tests.gate_proof.oracle import account, bus, edge, machines, pods, queue, relays, speech
from tests.gate_proof.oracle.facts import Facts, Family, annotations_of, file_of

_LIVE: Mapping[str, Family] = pods.FAMILIES
_SHARED: Mapping[str, Family] = {
    name: family for part in (account, relays, speech, bus, queue, machines) for name, family in part.FAMILIES.items()
}


def _each_live(facts: Facts, leaf: Leaf, *families: str) -> bool:
    """Return whether some families hold for each vertical."""
    of = [replace(leaf, resource=Resource("", vertical, {})) for vertical in facts.lock["verticals"]]
    return all(_LIVE[family](facts, one) for family in families for one in of)


def _margins(facts: Facts, leaf: Leaf) -> bool:
    models = [replace(leaf, resource=one) for one in facts.of_kind("asr", "tts", "llm")]
    scripts = [replace(leaf, resource=one) for one in _with_leases(facts)]
    return (
        _alerts(facts, leaf)
        and _each_live(facts, leaf, "pod", "backlog-pod")
        and all(family(facts, leaf) for name, family in _SHARED.items() if name != "gpu")
        and all(_SHARED["gpu"](facts, model) for model in models)
        and all(edge.FAMILIES["objects"](facts, script) for script in scripts)
    )


def _arrivals(facts: Facts, leaf: Leaf) -> bool:
    """Return whether what starts in a second is taken: by the pods, the carrier, the executors, and the edge's objects."""
    scripts = [replace(leaf, resource=one) for one in _with_leases(facts)]
    return (
        _each_live(facts, leaf, "backlog-pod")
        and all(_SHARED[name](facts, leaf) for name in ("carrier", "tools"))
        and all(edge.FAMILIES["objects"](facts, script) for script in scripts)
    )


def _with_leases(facts: Facts) -> Iterator[Resource]:
    for one in facts.stack.resources:
        if any("heartbeatSeconds" in str(binding.get("json")) for binding in one.props.get("bindings") or ()):
            yield one


def _alerts(facts: Facts, _leaf: Leaf) -> bool:
    """Return whether Prometheus has the alerts' threshold that counts for each vertical."""
    groups = yaml.safe_load(file_of(facts, "rules.yaml"))["groups"]
    told = {
        one["labels"]["vertical"]: float(one["expr"].removeprefix("vector(").removesuffix(")"))
        for group in groups
        for one in group["rules"]
        if one.get("record") == "vertical:alert_utilisation:plan"
    }
    highest = min(facts.root["alertUtilisation"], 0.7, 1 / facts.burst)
    scalers = {vertical: Resource("", "", facts.scaler(vertical)) for vertical in facts.lock["verticals"]}
    return all(
        abs(told[vertical] - min(highest, float(annotations_of(scaler)["headroom.dev/alert-utilisation"]))) <= 1e-6
        for vertical, scaler in scalers.items()
    )


def _lag(facts: Facts, leaf: Leaf) -> bool:
    known = min(load["lag"]["seconds"] for load in facts.lock["verticals"].values())
    return facts.root["lagSeconds"] <= known + 1e-9 * known and _each_live(facts, leaf, "week")


FAMILIES: Mapping[str, Family] = {
    "margins": _margins,
    "arrivals": _arrivals,
    "alerts": _alerts,
    "lag": _lag,
    "targets": lambda facts, leaf: _each_live(facts, leaf, "target"),
}
