"""A rendered stack and its lock, read by hand."""

import json
import math
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import yaml

from policies.stack import Resource, Stack
from tests.gate_proof.changes import number_of
from tests.gate_proof.leaves import Leaf

SLACK = 1e-9
Family = Callable[["Facts", Leaf], bool]
"""Whether what a leaf has a part in is held."""


class Facts:
    """A rendered stack, read by hand."""

    def __init__(self, lock: Mapping[str, Any], floors: Mapping[str, Any], stack: Stack) -> None:
        self.lock, self.floors, self.stack = lock, floors, stack
        self.named = {resource.name: resource.props for resource in stack.resources}
        self.start = date.fromisoformat(lock["data_end"])
        self.end = self.start + timedelta(days=lock.get("valid_days", 28))

    @cached_property
    def root(self) -> Mapping[str, Any]:
        """The stack's own claims."""
        return next(props for props in self.named.values() if "growthPerQuarter" in props)

    @cached_property
    def safe(self) -> float:
        """The share of a ceiling that may be planned with."""
        return float(min(self.root["safeUtilisation"], self.floors["maximum_safe_utilisation"]))

    @cached_property
    def burst(self) -> float:
        """The burst over the peak that counts."""
        return float(max(self.root["burst"], self.floors["minimum_burst"]))

    def grown(self, day: date) -> float:
        """Return the growth since the data's end: a factor each day."""
        daily = max(self.root["growthPerQuarter"], self.floors["minimum_growth_per_quarter"]) ** (1 / 91)
        grown = 1.0
        for _ in range((day - self.start).days):
            grown *= daily
        return float(grown)

    def required(self, vertical: str, day: date) -> float:
        """Return the sessions that a vertical must hold on a day."""
        load = self.lock["verticals"][vertical]
        return max(float(load["peak"]) * self.burst * self.grown(day), float((load.get("extreme") or {}).get("q95", 0)))

    def sessions(self, day: date) -> float:
        """Return those of all verticals."""
        return sum(self.required(vertical, day) for vertical in self.lock["verticals"])

    def of_kind(self, *kinds: str) -> list[Resource]:
        """Return the workloads of some kinds."""
        return [one for one in self.stack.resources if annotations_of(one).get("headroom.dev/kind") in kinds]

    def live(self, vertical: str) -> Resource:
        """Return a vertical's Deployment."""
        found = [
            one for one in self.of_kind("fastapi", "nats", "pm2") if annotations_of(one)["headroom.dev/vertical"] == vertical
        ]
        (one,) = found
        return one

    def scaler(self, vertical: str) -> Mapping[str, Any]:
        """Return a vertical's autoscaler."""
        return self.named[f"{vertical}-autoscaler"]

    def mean_call(self, vertical: str) -> float:
        """Return the mean length of a vertical's calls."""
        demand = self.lock["verticals"][vertical].get("demand")
        if demand and demand["holding_seconds"]["value"]:
            return float(demand["holding_seconds"]["value"])
        return claim_of(self.live(vertical), "mean-call-seconds")

    def ordered_in_time(
        self, asked: Callable[[date], float], held: Callable[[date], float], lead: float, *, now: bool = False
    ) -> bool:
        """Return whether a thing holds until the lock's last day, and its order for the first short day is not past."""
        if asked(self.start if now else self.end) > held(self.start if now else self.end) * (1 + SLACK):
            return False
        for ahead in range(731):
            day = self.start + timedelta(days=ahead)
            if asked(day) > held(day) * (1 + SLACK):
                return ahead * 86_400 >= lead or day - timedelta(seconds=lead) >= self.start
        return True

    def pods(self, vertical: str) -> tuple[int, int, int]:
        """Return the sessions of one pod: by its limits, by its requests, and by what it admits."""
        if vertical not in self._pods:
            self._pods[vertical] = self._filled(vertical)
        return self._pods[vertical]

    @cached_property
    def _pods(self) -> dict[str, tuple[int, int, int]]:
        return {}

    def _filled(self, vertical: str) -> tuple[int, int, int]:
        """Put sessions into a pod one by one."""
        live = self.live(vertical)
        container = container_of(live, "app")
        least = self.floors.get("minimum_session_by_vertical", {}).get(vertical, self.floors["minimum_session"])
        memory, cpu, files = (
            max(claim_of(live, f"session-{name}"), least[name.replace("-", "_")])
            for name in ("memory-bytes", "cpu-cores", "descriptors")
        )
        workers, base_files = int(claim_of(live, "workers")), claim_of(live, "base-descriptors")
        in_process, may_open = 0, self.open_files(live, "app")
        while ((in_process + 1) * files + base_files) * 1.5 <= may_open + SLACK:
            in_process += 1
        cap = annotations_of(live).get("headroom.dev/session-cap")
        most = min(in_process * workers, 10**9 if cap is None else int(cap))

        def fitting(bound: Mapping[str, Any]) -> int:
            room_memory = amount_of(bound["memory"]) - claim_of(live, "base-memory-bytes")
            room_cpu = amount_of(bound["cpu"]) - claim_of(live, "base-cpu-cores")
            sessions = 0
            while sessions < most and (sessions + 1) * memory <= room_memory + 1e-6 and (sessions + 1) * cpu <= room_cpu + SLACK:
                sessions += 1
            return sessions

        hard = fitting(container["resources"]["limits"])
        guaranteed = min(hard, fitting(container["resources"]["requests"]))
        return hard, guaranteed, int(env_of(container, "HEADROOM_MAX_SESSIONS"))

    def open_files(self, workload: Resource, container: str) -> float:
        """Return the open files of one process."""
        text = workload.props["spec"]["template"]["metadata"]["annotations"][f"ulimits.nri.containerd.io/container.{container}"]
        (limit,) = yaml.safe_load(text)
        if not 0 <= limit["soft"] <= limit["hard"]:
            raise ValueError
        return float(limit["soft"])

    def safe_pod(self, vertical: str) -> int:
        """Return what a pod safely holds."""
        hard, guaranteed, admitted = self.pods(vertical)
        return min(admitted, math.floor(hard * self.safe + SLACK), math.floor(guaranteed * self.safe + SLACK))

    def caps(self) -> Mapping[str, Any]:
        """Return what the edge admits by."""
        found: dict[str, Any] = json.loads(self.named["edge-caps"]["value"])
        return found


def annotations_of(resource: Resource) -> Mapping[str, Any]:
    """Return a resource's annotations; none where it has no metadata."""
    metadata = resource.props.get("metadata")
    return (metadata.get("annotations") or {}) if isinstance(metadata, Mapping) else {}


def claim_of(resource: Resource, name: str) -> float:
    """Return a number that a workload's annotation claims."""
    return float(annotations_of(resource)[f"headroom.dev/{name}"])


def amount_of(value: Any) -> float:
    """Return the number behind a value; raise ValueError where it is none."""
    number = number_of(value)
    if number is None:
        raise ValueError
    return float(number)


def container_of(resource: Resource, name: str) -> Mapping[str, Any]:
    """Return a workload's container by its name."""
    found: Mapping[str, Any] = next(
        one for one in resource.props["spec"]["template"]["spec"]["containers"] if one["name"] == name
    )
    return found


def running(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the containers of a pod that run at once, helpers that start before the others among them."""
    return [*pod["containers"], *(one for one in pod.get("initContainers", ()) if one.get("restartPolicy") == "Always")]


def env_of(container: Mapping[str, Any], name: str) -> float:
    """Return the number of the one variable of a name."""
    (value,) = (one["value"] for one in container["env"] if one["name"] == name)
    return float(value)


def grace_of(resource: Resource) -> float:
    """Return how long a pod may take to end."""
    return float(resource.props["spec"]["template"]["spec"]["terminationGracePeriodSeconds"])


def file_of(facts: Facts, name: str) -> str:
    """Return the one configuration text of a name."""
    found = [props["data"][name] for props in facts.named.values() if name in (props.get("data") or {})]
    (text,) = found
    return str(text)


def vertical_of(leaf: Leaf) -> str:
    """Return the vertical whose Deployment or autoscaler a leaf is of."""
    return leaf.resource.name.removesuffix("-deployment").removesuffix("-autoscaler")


def left_of(resource: Resource) -> int:
    """Return the pods that remain after the loss that a workload claims to survive."""
    return max(0, int(resource.props["spec"]["replicas"]) - int(claim_of(resource, "survive")))


def poisson(mean: float) -> int:
    """Return the least count that one second in a thousand passes, by adding up chances from where they are next to nothing."""
    if mean > 10**6:  # more than anything that is sold bears
        return math.ceil(mean)
    count = max(0, math.floor(mean - 12 * math.sqrt(mean)))
    chance, total = math.exp(count * math.log(mean) - mean - math.lgamma(count + 1)) if mean else 1.0, 0.0
    while total + chance < 0.999:
        total, count = total + chance, count + 1
        chance *= mean / count
    return count
