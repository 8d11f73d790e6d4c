"""watchers-stand: who measures the stack is there, and goes on measuring."""

import re
from collections.abc import Iterator

from policies.evidence import Context, usable
from policies.figures import count, exceeds
from policies.margins import margins
from policies.rule import Finding, Rule, each
from policies.stack import Place, Resource, Stack, WrongField, field, optional
from policies.workloads import beside_each_other, of_kind, pod_of

_KEEPS = "--storage.tsdb.retention.size="
_UNITS = {"B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40, "PB": 2**50}
"""Prometheus' own: powers of two."""


def _watchers_stand(stack: Stack, context: Context) -> Iterator[Finding]:
    def check(watcher: Resource) -> Iterator[Finding]:
        replicas = optional(watcher, "spec.replicas")
        if replicas is not None and replicas.count() < 1:
            message = "no pod of it stands: what it measures or tells is not known"
            yield Finding(watcher.name, message, "set spec.replicas to 1", 1, 0, "replicas")
        if optional(watcher, "spec.volumeClaimTemplates") is not None:
            yield from _disk_is_never_full(watcher, margins(stack, usable(context.floors)).safe_utilisation)

    yield from each(of_kind(stack, "watch"), lambda watcher: watcher.name, check)


def _disk_is_never_full(watcher: Resource, safe_utilisation: float) -> Iterator[Finding]:
    kept, disks = _kept(watcher), field(watcher, "spec.volumeClaimTemplates").items()
    disk = sum(one["spec"]["resources"]["requests"]["storage"].quantity() for one in disks)
    if exceeds(kept, disk * safe_utilisation):
        message = (
            f"it drops its oldest samples at {count(kept)} bytes; {safe_utilisation:.0%} of its disk are "
            f"{count(disk * safe_utilisation)}, and on a full one it measures nothing, nor does the autoscaler see a session"
        )
        remedy = f"ask for {kept / safe_utilisation:.0f} bytes, or keep less"
        yield Finding(watcher.name, message, remedy, kept, disk * safe_utilisation, "bytes")


def _kept(watcher: Resource) -> int:
    words: list[Place] = [word for one in beside_each_other(pod_of(watcher)) for word in one.listed("args")]
    found = [word for word in words if word.text().startswith(_KEEPS)]
    match = re.fullmatch(r"([1-9]\d{0,14})([KMGTP]?B)", found[0].text().removeprefix(_KEEPS)) if len(found) == 1 else None
    if match is None:
        path = f"{pod_of(watcher).path}.containers"
        raise WrongField(watcher.name, path, f"a list with {_KEEPS}<bytes>B among the args, once")
    return int(match[1]) * _UNITS[match[2]]


RULES = (
    Rule(
        name="watchers-stand",
        condition="Every program that watches the stack has a pod, and one with a disk drops its oldest samples before the disk "
        "is full.",
        why="The autoscaler sees sessions only as Prometheus measures them: without it a fleet neither grows nor says so.",
        reads="workloads of kind `watch`: replicas, disks, Prometheus' retention size; the safe utilisation.",
        remedy="A pod of each; a larger disk, or a smaller retention size.",
        check=_watchers_stand,
    ),
)
