"""What the edge admits."""

import json
from collections.abc import Mapping

from tests.gate_proof.leaves import Leaf
from tests.gate_proof.oracle.facts import SLACK, Facts, Family, poisson


def _reserved(facts: Facts, _leaf: Leaf) -> bool:
    caps, sold = facts.caps(), facts.named["sold"]["plans"]
    promised = {
        vertical: sum(plan["guarantees"].get(vertical, 0) * sold[name]["tenants"] for name, plan in caps["plans"].items())
        for vertical in caps["pools"]
    }
    return all(promised[name] <= pool["reserved"] <= caps["verticals"][name] for name, pool in caps["pools"].items())


def _caps(facts: Facts, _leaf: Leaf) -> bool:
    return all(
        calls <= facts.scaler(vertical)["spec"]["maxReplicas"] * facts.safe_pod(vertical)
        for vertical, calls in facts.caps()["verticals"].items()
    )


def _objects(facts: Facts, leaf: Leaf) -> bool:
    script, caps = facts.named[leaf.resource.name], facts.caps()
    (settings,) = (json.loads(one["json"]) for one in script["bindings"] if one["name"] == "SETTINGS")
    beat = settings["heartbeatSeconds"]
    verticals = caps["verticals"].items()
    asked = [(-(-calls // caps["pools"][name]["shards"]), facts.mean_call(name)) for name, calls in verticals]
    shortest = min(facts.mean_call(name) for name in facts.lock["verticals"])
    asked.append((max(plan["cap"] for plan in caps["plans"].values()), shortest))
    most = 500 * facts.safe * (1 + SLACK)
    return beat >= 1 and all(leases / beat + 2 * poisson(leases / mean) <= most for leases, mean in asked)


FAMILIES: Mapping[str, Family] = {
    "reserved": _reserved,
    "caps": _caps,
    "objects": _objects,
}
