"""The job queue of a vertical: what its server and its workers are configured by."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policies import documents
from policies.config_text import directives, size, the_one
from policies.documents import WrongDocument
from policies.fleet import autoscaler_of, maximum_pods
from policies.stack import Place, Resource, Stack, Unreadable, WrongField, annotation, field, optional_annotation
from policies.workload_types import POD_SPECS
from policies.workloads import CONFIG_MAP, beside_each_other, configuration, of_kind, pod_of

_SETTINGS = "bullmq.json"
_CAP = "HEADROOM_QUEUE_DEPTH_CAP"


@dataclass(frozen=True)
class Jobs:
    """One queue: its server, and what clients are told of it."""

    server: Resource
    vertical: str
    settings: Place
    """The file that workers and producers read."""
    depth_cap: int
    """The most jobs that anybody lets wait: the highest of all places that say so."""
    least_cap: int
    """The fewest at which anybody refuses one."""
    retained: int
    """Finished jobs that are kept."""
    concurrency: int
    most_per_second: float
    """Jobs that all workers together may begin, by BullMQ's limiter."""
    redis: Place
    """redis.conf."""

    @property
    def each_bytes(self) -> float:
        """What one job takes of the server's memory."""
        return annotation(self.server, "payload-bytes").number() + annotation(self.server, "overhead-bytes").number()

    @property
    def directives(self) -> dict[str, list[str]]:
        """The directives of redis.conf."""
        return directives(self.redis, " ")

    @property
    def max_memory(self) -> int:
        """Bytes at which the server takes no more."""
        return size(self.redis, "maxmemory", the_one(self.redis, self.directives, "maxmemory"))


def queues(stack: Stack) -> Iterator[Resource]:
    """Yield the servers of the stack's queues."""
    yield from of_kind(stack, "redis")


def jobs_of(stack: Stack, server: Resource) -> Jobs:
    """Return the queue of a server; raise `Unreadable` where its configuration is not there, twice there, or no such file."""
    vertical = annotation(server, "vertical").text()
    settings = _settings(stack, server, vertical)
    try:
        document = documents.mapping(documents.parse(settings.text()), "it")
        options = documents.mapping(document.get("defaultJobOptions"), "defaultJobOptions")
        retained = sum(_kept(options, name) for name in ("removeOnComplete", "removeOnFail"))
        cap = documents.integer(document.get("depthCap"), "depthCap", 1)
        worker = documents.mapping(document.get("worker"), "worker")
        concurrency = documents.integer(worker.get("concurrency"), "worker.concurrency", 1)
        most = _most_per_second(worker.get("limiter"))
    except WrongDocument as error:
        raise WrongField(settings.resource.name, settings.path, "the settings of a queue", why=str(error)) from None
    caps = [cap, *(place.count(at_least=1) for place in stack.once(_caps).get(vertical, ())), *_gateway_caps(stack, vertical)]
    return Jobs(
        server, vertical, settings, max(caps), min(caps), retained, concurrency, most, configuration(stack, server, "redis.conf")
    )


def _most_per_second(limiter: Any) -> float:
    if limiter is None:
        return math.inf
    given = documents.members(limiter, "worker.limiter", frozenset({"max", "duration"}))
    jobs = documents.integer(given["max"], "worker.limiter.max", 1)
    return 1000 * jobs / documents.number(given["duration"], "worker.limiter.duration", 1)


def workers(stack: Stack, jobs: Jobs) -> int:
    """Return the jobs that are worked on at once by as many pods as there always are."""
    pods = 0
    for deployment in of_kind(stack, "queue"):
        if annotation(deployment, "vertical").text() == jobs.vertical:
            pods += maximum_pods(deployment, autoscaler_of(stack, deployment))
    return pods * jobs.concurrency


def _kept(options: Any, name: str) -> int:
    count = documents.mapping(options.get(name), f"defaultJobOptions.{name}").get("count")
    return documents.integer(count, f"defaultJobOptions.{name}.count", 0)


def _settings(stack: Stack, server: Resource, vertical: str) -> Place:
    found = []
    for config_map in stack.of_type(CONFIG_MAP):
        text = field(config_map, "data").get(_SETTINGS) if config_map.props.get("data") is not None else None
        if text is not None and _names(text, vertical):
            found.append(text)
    if len(found) != 1:
        message = f"{len(found)} ConfigMaps have a {_SETTINGS} for the queue {vertical}"
        raise Unreadable(server.name, message, "deploy what the program renders")
    return found[0]


def _names(text: Place, vertical: str) -> bool:
    try:
        return bool(documents.mapping(documents.parse(text.text()), "it").get("queue") == vertical)
    except WrongDocument as error:
        raise WrongField(text.resource.name, text.path, "the settings of a queue", why=str(error)) from None


def _gateway_caps(stack: Stack, vertical: str) -> Iterator[int]:
    """Yield the caps that the gateways of a queue refuse at: they are who adds jobs."""
    for gateway in of_kind(stack, "queue-gateway"):
        for container in beside_each_other(pod_of(gateway)):
            for one in container.listed("env"):
                if one["name"].text() == "HEADROOM_SETTINGS" and _names(one["value"], vertical):
                    try:
                        yield documents.integer(documents.parse(one["value"].text()).get("depthCap"), "depthCap", 1)
                    except WrongDocument as error:
                        path = one["value"].path
                        raise WrongField(gateway.name, path, "the settings of a queue's gateway", why=str(error)) from None


def _caps(stack: Stack) -> Mapping[str, list[Place]]:
    """Return the caps that the pods of each vertical refuse at."""
    found: dict[str, list[Place]] = {}
    for workload in stack.of_type(*POD_SPECS):
        owner = optional_annotation(workload, "vertical")
        if owner is None:
            continue
        for container in beside_each_other(pod_of(workload)):
            for one in container.listed("env"):
                if one["name"].text() == _CAP:
                    found.setdefault(owner.text(), []).append(one["value"])
    return found
