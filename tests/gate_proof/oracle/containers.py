"""What single containers may take, and what their programs are started with."""

import json
from collections.abc import Mapping

from tests.gate_proof.leaves import Leaf, at
from tests.gate_proof.oracle.facts import SLACK, Facts, Family, amount_of, annotations_of, claim_of, container_of, env_of, file_of


def _restart(facts: Facts, _leaf: Leaf) -> bool:
    """Fill one process with its part of the sessions that its pod admits, and look whether PM2 would restart it."""
    (app,) = json.loads(file_of(facts, "ecosystem.json"))["apps"]
    live = facts.live(app["name"])
    workers, admitted = int(claim_of(live, "workers")), int(env_of(container_of(live, "app"), "HEADROOM_MAX_SESSIONS"))
    memory = claim_of(live, "base-memory-bytes") / workers
    for _ in range(0, admitted, workers):
        memory += max(claim_of(live, "session-memory-bytes"), facts.floors["minimum_session"]["memory_bytes"])
    return bool(1.3 * memory <= app["max_memory_restart"] * (1 + SLACK))


def _jobs(facts: Facts, leaf: Leaf) -> bool:
    (worker,) = (one for one in facts.of_kind("queue") if one.name == leaf.resource.name)
    settings = json.loads(file_of(facts, "bullmq.json"))
    assert settings["queue"] == annotations_of(worker)["headroom.dev/vertical"]
    needed = 1.5 * settings["worker"]["concurrency"] * facts.floors["minimum_session"]["descriptors"]
    return bool(needed <= facts.open_files(worker, "app"))


def _watch(facts: Facts, leaf: Leaf) -> bool:
    spec = facts.named[leaf.resource.name]["spec"]
    for claim in spec.get("volumeClaimTemplates", []):
        (container,) = spec["template"]["spec"]["containers"]
        (kept,) = (word for word in container["args"] if "retention.size=" in word)
        held = amount_of(claim["spec"]["resources"]["requests"]["storage"]) * facts.safe
        if int(kept.partition("size=")[2].removesuffix("B")) > held * (1 + SLACK):
            return False
    return bool(spec["replicas"] >= 1)


def _asked(facts: Facts, leaf: Leaf) -> bool:
    resources = at(facts.named[leaf.resource.name], leaf.steps[:-2])
    return all(amount_of(resources["limits"][name]) >= amount_of(resources["requests"][name]) for name in ("cpu", "memory"))


FAMILIES: Mapping[str, Family] = {"restart": _restart, "jobs": _jobs, "watch": _watch, "asked": _asked}
