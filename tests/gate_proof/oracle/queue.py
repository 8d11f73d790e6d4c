"""Queues and their workers."""

import json
from collections.abc import Mapping
from datetime import date

from tests.gate_proof.leaves import Leaf
from tests.gate_proof.oracle.facts import Facts, Family, amount_of, claim_of, container_of, file_of
from tests.gate_proof.oracle.speech import gateways
from tests.gate_proof.texts import SPACED


def _queue(facts: Facts, _leaf: Leaf) -> bool:
    (server,) = facts.of_kind("redis")
    config, told = SPACED.read(file_of(facts, "redis.conf")), json.loads(file_of(facts, "bullmq.json"))
    each = claim_of(server, "payload-bytes") + claim_of(server, "overhead-bytes")
    kept = sum(one["count"] for one in (told["defaultJobOptions"][name] for name in ("removeOnComplete", "removeOnFail")))
    memory, rewrite = int(config["maxmemory"]), int(config["auto-aof-rewrite-percentage"])
    limit = amount_of(container_of(server, "redis")["resources"]["limits"]["memory"])
    disk = amount_of(server.props["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"])
    return (told["depthCap"] * 2 + kept) * each <= memory and 2 * memory <= limit and 2 * memory * (1 + rewrite / 100) <= disk


def _backlog(facts: Facts, leaf: Leaf) -> bool:
    (server,) = facts.of_kind("redis")
    told = json.loads(file_of(facts, "bullmq.json"))
    pods = sum(one.props["spec"]["replicas"] for one in facts.of_kind("queue"))
    served = float(pods * told["worker"]["concurrency"]) / claim_of(server, "job-seconds")
    names = ("busy-jobs-per-second", "quiet-jobs-per-second", "busy-seconds", "drain-seconds", "lead-seconds")
    busy, quiet, seconds, drain, lead = (claim_of(server, name) for name in names)

    def held(day: date) -> float:
        return min(float(told["depthCap"]), max(0.0, (served - facts.grown(day) * quiet) * drain)) * facts.safe

    return facts.ordered_in_time(
        lambda day: max(0.0, (facts.burst * facts.grown(day) * busy - served) * seconds), held, lead
    ) and gateways(facts, leaf)


FAMILIES: Mapping[str, Family] = {
    "queue": _queue,
    "backlog": _backlog,
}
