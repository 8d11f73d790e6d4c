"""The machines: nodes for all pods wherever they stand, and what each machine grants its pods."""

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from itertools import pairwise, product
from typing import Any

import yaml

from policies.stack import Resource
from tests.gate_proof.leaves import Leaf
from tests.gate_proof.oracle.facts import SLACK, Facts, Family, amount_of, running
from tests.gate_proof.texts import EQUALS, RESERVED

_DAY = 86_400
_HORIZON = 731
_Size = tuple[int, int]
"""Millionths of a core, and bytes."""
_Pods = tuple[tuple[_Size, int, bool], ...]
"""Sizes, how many, and whether they keep off each other's nodes."""


@lru_cache(maxsize=4096)
def _nodes(node: _Size, places: int, survive: int, zones: int, pods: _Pods) -> float:
    """Return the nodes on which each pod finds room wherever the others stand, also after a loss.

    What leaves a pod no room on a node weighs one together: by the room that the pod must lack there, or by the pods of its own
    size that others displace; of cores, memory and places each pod counts with the part in which it weighs most.
    """
    if any(count and (places < 1 or size[0] > node[0] or size[1] > node[1]) for size, count, _ in pods):
        return math.inf
    stock: dict[_Size, int] = {}
    for size, count, _ in pods:
        stock[size] = stock.get(size, 0) + count
    enough = max((1 + _full(node, places, size, stock, 1) for size, count in stock.items() if count), default=0)
    nodes = enough + survive if enough else 0
    while zones > 1 and nodes - math.ceil(nodes / zones) < enough:
        nodes += 1
    return max((nodes, *(count + _full(node, places, size, stock, count) for size, count, apart in pods if apart and count)))


def _full(node: _Size, places: int, pod: _Size, stock: Mapping[_Size, int], its_own: int) -> int:
    """Return the nodes that all pods but so many of one size may leave without room for one of it, in whole numbers."""
    others = {size: count - its_own * (size == pod) for size, count in stock.items()}
    laws = [_laws(pod[at], node[at], [pod[at], *(size[at] for size, count in others.items() if count)]) for at in (0, 1)]
    found = []
    for (cpu, cpu_whole), (memory, memory_whole) in product(*laws):
        whole = cpu_whole * memory_whole * places
        total = 0
        for size, count in others.items():
            heaviest = max(cpu(size[0]) * memory_whole * places, memory(size[1]) * cpu_whole * places, cpu_whole * memory_whole)
            total += count * min(whole, heaviest)
        found.append(total // whole)
    return min(found)


def _laws(asked: int, has: int, sizes: Sequence[int]) -> list[tuple[Any, int]]:
    """Return the two ways to weigh another pod of one resource, each with what a node without room weighs."""
    if not asked:
        return [(lambda _other: 0, 1)]
    unit = math.gcd(*sizes)
    own, whole = asked // unit, has // unit
    fit, rest = whole // own, whole % own + 1
    return [
        (lambda other: other // unit, whole - own + 1),
        (lambda other: other // unit // own * rest + min(rest, other // unit % own), fit * rest),
    ]


def _standing(facts: Facts, pool: str) -> tuple[list[tuple[Resource, _Size, int, bool]], list[_Size]]:
    """Return the workloads of a pool with the pods that they may grow to, and its daemons."""
    placed, daemons = [], []
    most = {
        (one.props["metadata"]["namespace"], one.props["spec"]["scaleTargetRef"]["name"]): one.props["spec"]["maxReplicas"]
        for one in facts.stack.resources
        if one.type.endswith(":HorizontalPodAutoscaler")
    }
    for one in facts.stack.resources:
        kind = one.type.rpartition(":")[2]
        if kind not in ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job"):
            continue
        spec = one.props["spec"]["jobTemplate"]["spec"] if kind == "CronJob" else one.props["spec"]
        pod = spec["template"]["spec"]
        if pod["nodeSelector"]["headroom.dev/pool"] != pool:
            continue
        if kind == "DaemonSet":
            daemons.append(_size(pod))
            continue
        place = one.props["metadata"]["namespace"], one.props["metadata"]["name"]
        count = {"CronJob": 1, "Job": spec.get("parallelism", 1)}.get(kind) or most.get(place) or spec["replicas"]
        placed.append((one, _size(pod), count, _apart(pod, count)))
    return placed, daemons


def _node(facts: Facts, pool: Mapping[str, Any]) -> tuple[_Size, int, list[tuple[Resource, _Size, int, bool]]]:
    """Return what a node has beside its daemons, its places, and what may stand there."""
    placed, daemons = _standing(facts, pool["pool"])
    cpu = round(pool["cpuCores"] * 10**6) - sum(cpu for cpu, _ in daemons)
    memory = round(pool["memoryBytes"]) - sum(memory for _, memory in daemons)
    return (cpu, memory), min(pool["pods"] - len(daemons), pool.get("gpus", 10**9)), placed


def _size(pod: Mapping[str, Any]) -> _Size:
    """Return what the scheduler reserves: all that runs together, or the largest of what runs before."""

    def asked(container: Mapping[str, Any]) -> _Size:
        wanted = container["resources"]["requests"]
        return round(amount_of(wanted["cpu"]) * 10**6), round(amount_of(wanted["memory"]))

    together = [sum(parts) for parts in zip(*(asked(one) for one in running(pod)), strict=True)]
    cpu, memory = (max(parts) for parts in zip(together, *(asked(one) for one in pod.get("initContainers", ())), strict=True))
    return cpu, memory


def _apart(pod: Mapping[str, Any], count: int) -> bool:
    hard = pod.get("affinity", {}).get("podAntiAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution", ())
    return any(term["topologyKey"] == "kubernetes.io/hostname" for term in hard) or any(
        one["topologyKey"] == "kubernetes.io/hostname"
        and one["whenUnsatisfiable"] == "DoNotSchedule"
        and one["maxSkew"] == 1
        and one.get("minDomains", 0) >= count
        for one in pod.get("topologySpreadConstraints", ())
    )


def _machines(facts: Facts, _leaf: Leaf) -> bool:
    """Return whether there are nodes for every pod at its maximum, all of them made, and more come before the load needs them."""
    pools = [one for name, one in facts.named.items() if name.startswith("pool-")]
    made = {one["machines"]: one["count"] for one in facts.named.values() if "userData" in one}
    return all(made.get(pool["pool"]) == pool["nodes"] and _enough(facts, pool) for pool in pools)


def _enough(facts: Facts, pool: Mapping[str, Any]) -> bool:
    node, places, placed = _node(facts, pool)

    def taken(counts: Sequence[int]) -> float:
        pods = tuple((size, count, apart) for (_, size, _, apart), count in zip(placed, counts, strict=True))
        return _nodes(node, places, pool["survive"], pool["zones"], pods)

    if taken([count for _, _, count, _ in placed]) > pool["nodes"]:
        return False
    fleet = {one.name: one for one in facts.of_kind("fastapi", "nats", "pm2")}
    if not any(one.name in fleet for one, _, _, _ in placed):
        return bool(pool["leadSeconds"] >= 0)

    def on(ahead: int) -> list[int]:
        day = facts.start + timedelta(days=ahead)
        return [
            math.ceil(facts.required(vertical, day) / facts.safe_pod(vertical) - SLACK)
            if (vertical := one.name.removesuffix("-deployment")) in facts.lock["verticals"]
            else count
            for one, _, count, _ in placed
        ]

    short = next((ahead for ahead in range(_HORIZON) if taken(on(ahead)) > pool["nodes"]), None)
    return short is None or short >= pool["leadSeconds"] // _DAY


def _kernels(facts: Facts, _leaf: Leaf) -> bool:
    """Return whether the machines of each pool grant the open files, the backlog and the connections that its pods count on."""
    made = {one["machines"]: one for one in facts.named.values() if "userData" in one}
    for name, pool in facts.named.items():
        if not name.startswith("pool-"):
            continue
        machine = made[pool["pool"]]
        files = {one["path"].rpartition("/")[2]: one["content"] for one in yaml.safe_load(machine["userData"])["write_files"]}
        kernel, service = EQUALS.read(files["90-headroom.conf"]), EQUALS.read(files["10-headroom.conf"])
        if not _leaves(pool, machine, yaml.safe_load(files["config.yaml"])["kubelet-arg"]):
            return False
        pods = [one for one in facts.stack.resources if _stands(one, pool["pool"])]
        most = max((limit for one in pods for limit in _limits(one)), default=0)
        backlog = max((number for one in pods for number in _backlogs(one)), default=0)
        if (
            min(int(service["LimitNOFILE"]), int(kernel["fs.nr_open"])) < most
            or int(kernel["fs.file-max"]) < most * pool["pods"]
            or (backlog and int(kernel["net.core.somaxconn"]) < backlog)
            or (backlog and int(kernel["net.netfilter.nf_conntrack_max"]) < _connections(facts, pool))
        ):
            return False
    return True


def _leaves(pool: Mapping[str, Any], machine: Mapping[str, Any], arguments: Sequence[str]) -> bool:
    """Return whether a machine has what its kubelet keeps, and what its pool gives to pods."""
    (reserved,) = (RESERVED.read(one) for one in arguments if one.startswith("system-reserved="))
    (evicted,) = (
        one.partition("memory.available<")[2].partition(",")[0] for one in arguments if one.startswith("eviction-hard=")
    )
    cores = amount_of(reserved["cpu"]) + pool["cpuCores"]
    memory = amount_of(reserved["memory"]) + amount_of(evicted) + pool["memoryBytes"]
    return bool(cores <= machine["cpuCores"] + 0.0005 and memory <= machine["memoryBytes"])


def _connections(facts: Facts, pool: Mapping[str, Any]) -> float:
    """Put pods of one vertical on a machine one by one; each session has two connections, and each that ended for two minutes."""
    node, places, placed = _node(facts, pool)
    most = 0.0
    for one, size, count, _ in placed:
        vertical = one.name.removesuffix("-deployment")
        if vertical not in facts.lock["verticals"] or not _backlogs(one):
            continue
        pods = 1
        while pods < min(count, places) and all((pods + 1) * asked <= has for asked, has in zip(size, node, strict=True)):
            pods += 1
        standing = pods * facts.pods(vertical)[2] / facts.safe
        most = max(most, 2 * standing + 2 * standing / facts.mean_call(vertical) * 120)
    return math.ceil(most - SLACK)


def _stands(one: Resource, pool: str) -> bool:
    spec = one.props.get("spec") or {}
    template = (spec.get("template") or {}) if isinstance(spec, Mapping) else {}
    return bool(((template.get("spec") or {}).get("nodeSelector") or {}).get("headroom.dev/pool") == pool)


def _limits(one: Resource) -> list[int]:
    told = one.props["spec"]["template"].get("metadata", {}).get("annotations", {})
    texts = [text for name, text in told.items() if name.startswith("ulimits.nri.containerd.io/")]
    return [limit[side] for text in texts for limit in yaml.safe_load(text) for side in ("soft", "hard")]


def _backlogs(one: Resource) -> list[int]:
    commands = [two["command"] for two in one.props["spec"]["template"]["spec"].get("initContainers", ())]
    return [int(value) for command in commands for word, value in pairwise(command) if word == "--somaxconn"]


FAMILIES: Mapping[str, Family] = {"machines": _machines, "kernels": _kernels}
