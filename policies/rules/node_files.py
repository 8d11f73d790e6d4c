"""machines-hold-pods: a pool's machines are made such that its pods find what they were judged by."""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import yaml

from policies.config_text import directives
from policies.evidence import Context
from policies.rule import Finding, Rule, each
from policies.stack import Place, Resource, Stack, Unreadable, field, optional
from policies.workload_types import POD_SPECS
from policies.workloads import pod_of

_MACHINES = "headroom:nodes:CloudInit"
_POOL = "headroom:nodes:Pool"
_LIMITS = "ulimits.nri.containerd.io/container."
_SOFT = re.compile(r"(?:soft|hard):\s*(\d{1,12})")
_RENDER = "deploy what the program renders"


def _machines_hold_pods(stack: Stack, _context: Context) -> Iterator[Finding]:
    made = list(stack.of_type(_MACHINES))

    def check(pool: Resource) -> Iterator[Finding]:
        name = field(pool, "pool").text()
        found = [one for one in made if field(one, "machines").text() == name]
        if len(found) != 1:
            yield Finding(pool.name, f"{len(found)} configurations make the machines of the pool {name}", _RENDER)
            return
        yield from _fits(stack, pool, name, found[0])

    yield from each(stack.of_type(_POOL) if made else (), lambda pool: pool.name, check)


def _fits(stack: Stack, pool: Resource, name: str, machines: Resource) -> Iterator[Finding]:
    nodes, count = field(pool, "nodes").count(), field(machines, "count").count()
    if count != nodes:
        message = f"it makes {count} machines; the pool {name} has {nodes} nodes"
        yield Finding(machines.name, message, _RENDER, nodes, count, "nodes")
    files = _files(field(machines, "userData"))
    pods = [one for one in stack.resources if one.type in POD_SPECS and _stands_on(one, name)]
    open_files = max((limit for one in pods for limit in _open_files(one)), default=0)
    backlog = max((number for one in pods for number in _backlogs(one)), default=0)
    sysctls = _sysctls(machines, files)
    for what, has, needs in (
        ("LimitNOFILE", _open_files_of_service(machines, files), open_files),
        ("fs.nr_open", _whole(machines, sysctls, "fs.nr_open"), open_files),
        ("fs.file-max", _whole(machines, sysctls, "fs.file-max"), open_files * field(pool, "pods").count()),
        ("net.core.somaxconn", _whole(machines, sysctls, "net.core.somaxconn") if backlog else 0, backlog),
    ):
        if has < needs:
            message = f"{what} of the pool {name} is {has:,}; its pods count on {needs:,}"
            yield Finding(machines.name, message, f"set it to {needs}", needs, has)
    yield from _joins(pool, name, machines, files)


def _joins(pool: Resource, name: str, machines: Resource, files: Mapping[str, str]) -> Iterator[Finding]:
    config = _yaml(machines, files, "config.yaml")
    labels = config.get("node-label")
    if not isinstance(labels, list) or f"headroom.dev/pool={name}" not in labels:
        yield Finding(machines.name, f"its machines do not carry the label headroom.dev/pool={name}: no pod comes", _RENDER)
    arguments = dict(str(one).partition("=")[::2] for one in config.get("kubelet-arg") or ())
    most, needs = arguments.get("max-pods", ""), field(pool, "pods").count()
    if not most.isdigit() or int(most) < needs:
        yield Finding(machines.name, f"its machines take {most or 'no'} pods each; the pool {name} counts on {needs}", _RENDER)


def _stands_on(workload: Resource, pool: str) -> bool:
    selector = pod_of(workload).get("nodeSelector")
    return selector is not None and selector.value.get("headroom.dev/pool") == pool


def _open_files(workload: Resource) -> Iterator[int]:
    annotations = optional(workload, POD_SPECS[workload.type].removesuffix("spec") + "metadata.annotations")
    for name, text in ({} if annotations is None else annotations.value).items():
        if name.startswith(_LIMITS):
            yield from map(int, _SOFT.findall(str(text)))


def _backlogs(workload: Resource) -> Iterator[int]:
    for container in pod_of(workload).listed("initContainers"):
        command = container.get("command")
        words = [] if command is None else [str(word) for word in command.value]
        yield from (int(number) for word, number in pairwise(words) if word == "--somaxconn" and number.isdigit())


def _files(text: Place) -> dict[str, str]:
    try:
        document = yaml.safe_load(text.text())
        return {str(file["path"]): str(file["content"]) for file in document["write_files"]}
    except (yaml.YAMLError, LookupError, TypeError):
        raise Unreadable(text.resource.name, f"{text.path} is no cloud-init with write_files", _RENDER) from None


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
        "label, take its pods, and grant the open files and the backlog that its pods count on.",
        why="A pod on a machine that grants less than it was judged by refuses calls while it looks idle, or does not start.",
        reads="`count` and `userData` of `headroom:nodes:CloudInit`; pools; RLIMIT_NOFILE and the checked backlog of pods.",
        remedy="Deploy the machines that the program renders.",
        check=_machines_hold_pods,
    ),
)
