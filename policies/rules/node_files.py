"""machines-hold-pods: a pool's machines are made such that its pods find what they were judged by."""

import math
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import yaml

from policies import known_machines
from policies.config_text import directives
from policies.demand import Demand, demand_of
from policies.evidence import Context
from policies.figures import TINY
from policies.fleet import Live, admitted_sessions
from policies.known import Known, unknown_directives, unknown_inside, unknown_of
from policies.placement import POOL
from policies.rule import Finding, Rule, each
from policies.rules.nodes import Pods, Pool, filled, standing_at_most
from policies.stack import Place, Resource, Stack, Unreadable, field, optional
from policies.workload_types import POD_SPECS
from policies.workloads import pod_metadata, pod_of

_MACHINES = "headroom:nodes:CloudInit"
_MADE_ON_DEMAND = "kubernetes:karpenter.sh/v1:NodePool"
_LIMITS = "ulimits.nri.containerd.io/container."
_SOFT = re.compile(r"(?:soft|hard):\s*(\d{1,12})")
_RENDER = "deploy what the program renders"
_TRACKING = "net.netfilter.nf_conntrack_max"
_TRACKED_A_SESSION = 2
"""Connections that pass the machine's tracking: one in, one to the model."""
_TRACKED_AFTER_SECONDS = 120
"""How long Linux tracks a connection after its end (nf_conntrack_tcp_timeout_time_wait)."""
_OWN_PORTS = 60999 - 32768 + 1
"""Of net.ipv4.ip_local_port_range, as Linux sets it."""
_FIRST_PORT, _LAST_PORT = 1024, 65_535
"""Above the privileged ones, and the last of TCP."""
_RANGE = re.compile(r"(\d{1,5})\s+(\d{1,5})")
_HALF_MILLICORE = 0.0005
"""The kubelet counts in thousandths of a core: what is kept is rounded to them."""


def _machines_hold_pods(stack: Stack, context: Context) -> Iterator[Finding]:
    made = list(stack.of_type(_MACHINES))

    def check(pool: Resource) -> Iterator[Finding]:
        name = field(pool, "pool").text()
        found = [one for one in made if field(one, "machines").text() == name]
        if len(found) != 1:
            yield Finding(pool.name, f"{len(found)} configurations make the machines of the pool {name}", _RENDER)
            return
        yield from _fits(stack, pool, name, found[0], context)

    yield from each(stack.of_type(POOL) if made else (), lambda pool: pool.name, check)
    yield from each(made, lambda machines: machines.name, lambda machines: _is_made_as_known(stack, machines))


def _is_made_as_known(stack: Stack, machines: Resource) -> Iterator[Finding]:
    """Yield what makes a machine another one than its figures say: files, commands and settings that no rule knows."""
    yield from unknown_of(machines, known_machines.RESOURCE)
    text = field(machines, "userData")
    document, files = _document(text), _files(text)
    yield from unknown_inside(text, document, known_machines.USER_DATA)
    written = [str(file["path"]) for file in document["write_files"]]
    for path in sorted({path for path in written if path not in known_machines.FILES or written.count(path) > 1}):
        yield Finding(machines.name, f"no rule knows the file {path} of its machines, or it is written twice", _RENDER)
    for command in _listed(document.get("runcmd")):
        if command not in known_machines.COMMANDS:
            yield Finding(machines.name, "its machines run a command that no rule knows", _RENDER)
    for path in sorted(files.keys() & known_machines.SETTINGS.keys()):
        place = _ending(machines, files, path)
        yield from unknown_directives(place, directives(place, "="), known_machines.SETTINGS[path], known_machines.OFTEN)
    config = _yaml(machines, files, known_machines.CONFIG)
    yield from unknown_inside(_ending(machines, files, known_machines.CONFIG), config, known_machines.K3S)
    for name, allowed in known_machines.ARGUMENTS.items():
        yield from _says_once(machines, name, config, allowed)
    for taint in _listed(config.get("node-taint")):
        if taint not in _taints(stack, machines):
            yield Finding(machines.name, f"its machines have the taint {taint}, which pods of its pool do not bear", _RENDER)


def _listed(value: Any) -> list[Any]:
    """Return what a program reads as a list: what is none is one element."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _says_once(machines: Resource, name: str, config: Mapping[str, Any], allowed: Known) -> Iterator[Finding]:
    """Yield the arguments of a program of k3s that no rule knows, and those of which the last would win."""
    told = [str(one).partition("=")[0] for one in _listed(config.get(name))]
    for argument in sorted({one for one in told if one not in allowed or told.count(one) > 1}):
        yield Finding(machines.name, f"no rule knows {argument} in {name} of its machines, or it is there twice", _RENDER)


def _taints(stack: Stack, machines: Resource) -> Iterator[str]:
    """Yield the taints of a kind of machine that its own pods bear, or that go when it is known."""
    name = field(machines, "machines").text()
    pools = [pool for pool in stack.of_type(POOL) if field(pool, "pool").text() == name]
    if not pools:
        yield known_machines.SERVER_TAINT
    if any(optional(pool, "gpus") is not None for pool in pools):
        yield known_machines.GPU_TAINT
    if any(field(made, "metadata.name").text() == name for made in stack.of_type(_MADE_ON_DEMAND)):
        yield known_machines.KARPENTER_TAINT


def _fits(stack: Stack, pool: Resource, name: str, machines: Resource, context: Context) -> Iterator[Finding]:
    nodes, count = field(pool, "nodes").count(), field(machines, "count").count()
    if count != nodes:
        message = f"it makes {count} machines; the pool {name} has {nodes} nodes"
        yield Finding(machines.name, message, _RENDER, nodes, count, "nodes")
    files = _files(field(machines, "userData"))
    pods = [one for one in stack.resources if one.type in POD_SPECS and _stands_on(one, name)]
    open_files = max((limit for one in pods for limit in _open_files(one)), default=0)
    backlog = max((number for one in pods for number in _backlogs(one)), default=0)
    sysctls = _sysctls(machines, files)
    tracked = _tracked(stack, pool, demand_of(stack, context), _tracked_after(machines, sysctls)) if backlog else 0
    for what, has, needs in (
        ("LimitNOFILE", _open_files_of_service(machines, files), open_files),
        ("fs.nr_open", _whole(machines, sysctls, "fs.nr_open"), open_files),
        ("fs.file-max", _whole(machines, sysctls, "fs.file-max"), open_files * field(pool, "pods").count()),
        ("net.core.somaxconn", _whole(machines, sysctls, "net.core.somaxconn") if backlog else 0, backlog),
        (_TRACKING, _whole(machines, sysctls, _TRACKING) if tracked else 0, tracked),
    ):
        if has < needs:
            message = f"{what} of the pool {name} is {has:,}; its pods count on {needs:,}"
            yield Finding(machines.name, message, f"set it to {needs}", needs, has)
    yield from _ports(machines, sysctls)
    config = _yaml(machines, files, "config.yaml")
    if tracked and "conntrack-max-per-core=0" not in (config.get("kube-proxy-arg") or ()):
        yield Finding(
            machines.name, f"kube-proxy sets {_TRACKING} anew, by the machine's cores", "give it conntrack-max-per-core=0"
        )
    yield from _joins(pool, name, machines, config)
    yield from _leaves_enough(pool, machines, _arguments(config))


def _tracked(stack: Stack, pool: Resource, demand: Demand, after: int) -> int:
    """Return the connections that a machine tracks when it is full of the pods of one vertical whose sockets were counted.

    By Little's law those of sessions that stand, and of those that ended within the time that each is kept.
    """
    of_pool, pods = filled(pool, stack.once(standing_at_most))
    live = {one.deployment.name: one for one in demand.fleet if any(_backlogs(one.deployment))}

    def tracked(one: Pods, held: Live) -> int:
        sessions = _together(of_pool, one) * admitted_sessions(held) / demand.kept.safe_utilisation
        return math.ceil(_TRACKED_A_SESSION * sessions * (1 + after / demand.mean_call(held.vertical)) - TINY)

    return max((tracked(one, live[one.workload.name]) for one in pods if one.workload.name in live), default=0)


def _together(pool: Pool, pods: Pods) -> int:
    """Return how many pods of a workload may come to stand on one node."""
    rooms = [pool.places, pods.number]
    if pods.size.cpu_millionths:
        rooms.append(pool.node.cpu_millionths // pods.size.cpu_millionths)
    if pods.size.memory_bytes:
        rooms.append(pool.node.memory_bytes // pods.size.memory_bytes)
    return max(1, min(rooms))


def _tracked_after(machines: Resource, sysctls: Mapping[str, list[str]]) -> int:
    name = "net.netfilter.nf_conntrack_tcp_timeout_time_wait"
    return _whole(machines, sysctls, name) if name in sysctls else _TRACKED_AFTER_SECONDS


def _ports(machines: Resource, sysctls: Mapping[str, list[str]]) -> Iterator[Finding]:
    """Yield what is wrong with the machine's own ephemeral ports; pods have theirs, as Linux sets them."""
    name = "net.ipv4.ip_local_port_range"
    if name not in sysctls:
        return
    said = " ".join(sysctls[name])
    match = _RANGE.fullmatch(said)
    first, last = (int(match[1]), int(match[2])) if match else (0, 0)
    wide = last - first + 1 if first >= _FIRST_PORT and last <= _LAST_PORT else 0
    if wide < _OWN_PORTS:
        message = f"{name} is {said!r}; Linux by itself has {_OWN_PORTS:,} ports, none of them privileged"
        yield Finding(machines.name, message, "leave it out, or make it wider", _OWN_PORTS, max(0, wide), "ports")


def _leaves_enough(pool: Resource, machines: Resource, arguments: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what the kubelet keeps of a machine that its pool says pods have."""
    kept = {"cpu": 0.0, "memory": 0.0}
    for name in ("system-reserved", "kube-reserved"):
        for resource, amount in _amounts(machines, arguments.get(name, ""), "=").items():
            kept[resource] = kept.get(resource, 0.0) + amount
    kept["memory"] += _amounts(machines, arguments.get("eviction-hard", ""), "<").get("memory.available", 0.0)
    if not arguments.get("system-reserved"):
        yield Finding(machines.name, "its kubelets keep nothing for the system: pods may take all of it", _RENDER)
    for name, resource, tolerance in (("cpuCores", "cpu", _HALF_MILLICORE), ("memoryBytes", "memory", 0)):
        has, gives = field(machines, name).number(), field(pool, name).number()
        if gives + kept[resource] > has + tolerance:
            keeps = f"{has:,.12g} of {name}, of which it keeps {kept[resource]:,.12g} from pods"
            message = f"it has {keeps}; its pool gives them {gives:,.12g}"
            yield Finding(machines.name, message, _RENDER, gives + kept[resource], has)


def _amounts(machines: Resource, text: str, between: str) -> dict[str, float]:
    """Return the amounts of one of the kubelet's arguments; shares, as of disks, are none."""
    parts = [part.partition(between) for part in text.split(",") if part]
    return {name: Place(machines, f"{name} of its kubelets", amount).quantity() for name, _, amount in parts if "%" not in amount}


def _joins(pool: Resource, name: str, machines: Resource, config: Mapping[str, Any]) -> Iterator[Finding]:
    labels = config.get("node-label")
    if not isinstance(labels, list) or f"headroom.dev/pool={name}" not in labels:
        yield Finding(machines.name, f"its machines do not carry the label headroom.dev/pool={name}: no pod comes", _RENDER)
    most, needs = _arguments(config).get("max-pods", ""), field(pool, "pods").count()
    if not most.isdigit() or int(most) < needs:
        yield Finding(machines.name, f"its machines take {most or 'no'} pods each; the pool {name} counts on {needs}", _RENDER)


def _arguments(config: Mapping[str, Any]) -> dict[str, str]:
    """Return what the kubelet is told."""
    return dict(str(one).partition("=")[::2] for one in config.get("kubelet-arg") or ())


def _stands_on(workload: Resource, pool: str) -> bool:
    selector = pod_of(workload).get("nodeSelector")
    named = None if selector is None else selector.get("headroom.dev/pool")
    return named is not None and named.value == pool


def _open_files(workload: Resource) -> Iterator[int]:
    annotations = pod_metadata(workload, "annotations")
    if annotations is not None:
        for name in annotations.names():
            if name.startswith(_LIMITS):
                yield from map(int, _SOFT.findall(annotations[name].text()))


def _backlogs(workload: Resource) -> Iterator[int]:
    for container in pod_of(workload).listed("initContainers"):
        command = container.get("command")
        words = [] if command is None else [str(word.value) for word in command.items()]
        yield from (int(number) for word, number in pairwise(words) if word == "--somaxconn" and number.isdigit())


def _files(text: Place) -> dict[str, str]:
    return {str(file["path"]): str(file["content"]) for file in _document(text)["write_files"]}


def _document(text: Place) -> dict[str, Any]:
    try:
        document = yaml.safe_load(text.text())
        _ = [(file["path"], file["content"]) for file in document["write_files"]]
    except (yaml.YAMLError, LookupError, TypeError):
        raise Unreadable(text.resource.name, f"{text.path} is no cloud-init with write_files", _RENDER) from None
    return dict(document)


def _ending(machines: Resource, files: Mapping[str, str], end: str) -> Place:
    found = [content for path, content in files.items() if path.endswith(end)]
    if len(found) != 1:
        raise Unreadable(machines.name, f"it writes {len(found)} files {end}", _RENDER)
    return Place(machines, f"userData, {end}", found[0])


def _yaml(machines: Resource, files: Mapping[str, str], end: str) -> Mapping[str, Any]:
    document = yaml.safe_load(_ending(machines, files, end).text())
    if not isinstance(document, dict):
        raise Unreadable(machines.name, f"{end} is no mapping", _RENDER)
    return document


def _sysctls(machines: Resource, files: Mapping[str, str]) -> dict[str, list[str]]:
    return directives(_ending(machines, files, "/90-headroom.conf"), "=")


def _open_files_of_service(machines: Resource, files: Mapping[str, str]) -> int:
    return _whole(machines, directives(_ending(machines, files, ".service.d/10-headroom.conf"), "="), "limitnofile")


def _whole(machines: Resource, found: Mapping[str, list[str]], name: str) -> int:
    values = found.get(name, [])
    if len(values) != 1 or not values[0].isdigit():
        raise Unreadable(machines.name, f"it does not set {name} to a whole number, once", _RENDER)
    return int(values[0])


RULES = (
    Rule(
        name="machines-hold-pods",
        condition="Where the machines of a pool are made by the stack there are as many as the pool has nodes; they carry its "
        "label, take its pods, keep no more of themselves than it says, and grant the open files, the backlog and the tracked "
        "connections that its pods count on. Every machine is made by the files, settings and commands that the gate knows.",
        why="A pod on a machine that grants less than it was judged by refuses calls while it looks idle, or does not start.",
        reads="`count`, `cpuCores`, `memoryBytes` and `userData` of `headroom:nodes:CloudInit`; pools; RLIMIT_NOFILE and the "
        "checked backlog of pods, what they admit and ask for, and how long calls are.",
        remedy="Deploy the machines that the program renders.",
        check=_machines_hold_pods,
    ),
)
