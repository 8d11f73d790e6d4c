"""Whether the calls of a tenant may begin, and whether their places stand for as long as they are counted on."""

import json
from collections.abc import Mapping
from typing import Any

from tests.gate_proof.leaves import Leaf
from tests.gate_proof.oracle.facts import Facts, Family, poisson


def _starts(facts: Facts, _leaf: Leaf) -> bool:
    for plan in facts.caps()["plans"].values():
        busiest = max(1, poisson(plan["cap"] / _shortest(facts)))
        if min(plan["starts"]["perSecond"], plan["starts"]["burst"]) < min(plan["cap"], busiest):
            return False
    return True


def _shield(facts: Facts, _leaf: Leaf) -> bool:
    largest = max(plan["cap"] for plan in facts.caps()["plans"].values())
    (of_address,) = facts.named["edge-shield"]["rules"]
    (of_tenant,) = (one["simple"] for one in facts.named["edge-router"]["bindings"] if one["name"] == "SHIELD")
    limits = [(of_address["ratelimit"]["requestsPerPeriod"], of_address["ratelimit"]["period"])]
    limits.append((of_tenant["limit"], of_tenant["period"]))
    return all(requests >= poisson(largest / _shortest(facts) * period) for requests, period in limits if period >= 1)


def _shortest(facts: Facts) -> float:
    return min(facts.mean_call(name) for name in facts.lock["verticals"])


def _lease(facts: Facts, _leaf: Leaf) -> bool:
    """Let a call miss a heartbeat, and a shard look at its loan a moment before half of it is over."""
    told, router = _told(facts, "edge-sessions"), _told(facts, "edge-router")
    beat, lease = told["heartbeatSeconds"], told["leaseSeconds"]
    renewed_in_time = beat < lease - told["session"]["marginSeconds"]
    may_miss_one = 2 * beat <= lease
    seen_again = told["loanSeconds"] / 2 + beat
    outlived = told["loanSeconds"] - seen_again >= lease
    return bool(renewed_in_time and may_miss_one and outlived and router["leaseSeconds"] == lease)


def _told(facts: Facts, script: str) -> Mapping[str, Any]:
    (settings,) = (json.loads(one["json"]) for one in facts.named[script]["bindings"] if one["name"] == "SETTINGS")
    found: Mapping[str, Any] = settings
    return found


FAMILIES: Mapping[str, Family] = {
    "starts": _starts,
    "shield": _shield,
    "lease": _lease,
}
