"""Models on GPUs, and what stands before them and beside the calls."""

import math
from collections.abc import Mapping

from tests.gate_proof.leaves import Leaf
from tests.gate_proof.oracle.facts import SLACK, Facts, Family, claim_of, container_of, env_of, left_of


def _gpu(facts: Facts, leaf: Leaf) -> bool:
    model = next(one for one in facts.stack.resources if one.name == leaf.resource.name)
    container = container_of(model, "app")
    names = {one["name"] for one in container["env"]}
    admitted, session = env_of(container, "HEADROOM_MAX_STREAMS"), env_of(container, "HEADROOM_SESSION_BYTES")
    cache = env_of(container, "HEADROOM_KV_CACHE_BYTES") if "HEADROOM_KV_CACHE_BYTES" in names else 0.0
    room = 0.9 * claim_of(model, "gpu-memory-bytes") - claim_of(model, "weights-bytes") - claim_of(model, "workspace-bytes")
    held = left_of(model) * math.floor(admitted * facts.safe + SLACK)
    share = claim_of(model, "share")
    fits = max(admitted * session, cache) <= room and room >= 0 and admitted <= claim_of(model, "streams")
    pool = facts.named["pool-gpu"]["survive"] if "pool-gpu" in facts.named else 0
    twice = pool == 0 or (model.props["spec"]["replicas"] >= 2 and claim_of(model, "survive") >= 1)
    timely = facts.ordered_in_time(lambda day: share * facts.sessions(day), lambda _day: held, claim_of(model, "lead-seconds"))
    return fits and twice and timely and gateways(facts, leaf)


def gateways(facts: Facts, _leaf: Leaf) -> bool:
    """Return whether every gateway carries what comes to it."""
    shares = sum(claim_of(model, "share") for model in facts.of_kind("asr", "tts", "llm"))
    survive = facts.named["pool-general"]["survive"]
    for gateway in facts.of_kind("gateway"):
        held = left_of(gateway) * env_of(container_of(gateway, "app"), "HEADROOM_MAX_STREAMS") * facts.safe
        if shares * facts.sessions(facts.end) > held * (1 + SLACK):
            return False
    for gateway in facts.of_kind("queue-gateway"):
        (server,) = facts.of_kind("redis")
        asked = facts.burst * facts.grown(facts.end) * claim_of(server, "busy-jobs-per-second")
        if asked > left_of(gateway) * claim_of(gateway, "per-second") * facts.safe * (1 + SLACK):
            return False
    gateways = facts.of_kind("gateway", "queue-gateway")
    return survive == 0 or all(one.props["spec"]["replicas"] >= 2 and claim_of(one, "survive") >= 1 for one in gateways)


def _tools(facts: Facts, _leaf: Leaf) -> bool:
    """Return whether few enough calls wait too long, by Erlang's second formula added up term by term."""
    (tools,) = facts.of_kind("tools")
    container, seconds = container_of(tools, "app"), claim_of(tools, "call-seconds")
    slots, wait = left_of(tools) * env_of(container, "HEADROOM_SLOTS"), env_of(container, "HEADROOM_WAIT_MS") / 1000
    starts = sum(facts.required(name, facts.end) / facts.mean_call(name) for name in facts.lock["verticals"])
    load = claim_of(tools, "calls-per-session") * starts * seconds / facts.safe
    if load >= slots:
        return False
    logs = [number * math.log(load) - math.lgamma(number + 1) for number in range(int(slots) + 1)]
    busy = logs[-1] + math.log(slots / (slots - load))
    top = max(*logs, busy)
    waiting = math.exp(busy - top) / (sum(math.exp(one - top) for one in logs[:-1]) + math.exp(busy - top))
    late = waiting * math.exp(-(slots - load) * wait / seconds)
    survive = facts.named["pool-general"]["survive"]
    twice = survive == 0 or (tools.props["spec"]["replicas"] >= 2 and claim_of(tools, "survive") >= 1)
    return late <= 1 - claim_of(tools, "service-level") and twice


FAMILIES: Mapping[str, Family] = {
    "gpu": _gpu,
    "gateways": gateways,
    "tools": _tools,
}
