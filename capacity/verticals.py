"""What the owner writes of a vertical: its pods, and what a session costs them."""

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from capacity.figures import Frozen, Name, Source
from capacity.images import Image
from capacity.measured import Measured
from capacity.sizing.claims import Span
from capacity.sizing.pods import Port, Probes
from capacity.sizing.queue import QueueSection
from capacity.sizing.sockets import SocketsSection
from capacity.sizing.workers import WorkersSection
from capacity.units import Cores, Millicores, PositiveAmount, PositiveCores, PositiveSize, Seconds, Size


class SessionCost(Source):
    """What one live session costs its pod."""

    memory: PositiveSize
    cpu: PositiveCores
    descriptors: int = Field(default=6, gt=0)
    measured: Measured | None = None
    """Where each of these figures lies by measurement: the gate refuses one that is below."""


class Sidecar(Frozen):
    """A container beside the one that holds the sessions; its cost does not grow with them."""

    name: Name
    image: Image
    cpu: Millicores
    memory: PositiveSize


class Guaranteed(Frozen):
    """Resource requests below the limits."""

    cpu: Millicores
    memory: PositiveSize


class Pod(Frozen):
    """The container that holds the sessions: its limits, and what it needs before the first one."""

    cpu: Millicores
    memory: PositiveSize
    requests: Guaranteed | None = None
    """Left out: requests are the limits, so that all of it is guaranteed."""
    base_cpu: Cores = 0.0
    base_memory: Size = 0
    workers: int = Field(default=1, gt=0)
    """Processes that share the sessions evenly."""
    descriptors: PositiveAmount = 65536
    """Open files allowed to one process."""
    base_descriptors: int = Field(default=64, ge=0)
    scratch: PositiveSize = 64 * 2**20
    """Of /tmp, shared by the containers: the only place that they may write to."""
    sidecars: tuple[Sidecar, ...] = ()

    @model_validator(mode="after")
    def _requests_within_limits(self) -> Self:
        if self.requests is not None and (self.requests.cpu > self.cpu or self.requests.memory > self.memory):
            raise ValueError("requests are above the limits")
        return self


class SessionCap(Source):
    """A limit on the sessions of one pod that no resource of the pod explains."""

    sessions: int = Field(gt=0)
    reason: str = Field(min_length=1)


class Pins(Frozen):
    """Figures that the owner insists on. The plan keeps them and says where they fall short."""

    minimum: int | None = Field(default=None, ge=1)
    maximum: int | None = Field(default=None, ge=1)
    target: int | None = Field(default=None, ge=1)
    """Sessions a pod that the autoscaler aims at."""
    sessions_per_pod: int | None = Field(default=None, ge=1)
    """Sessions that a pod admits."""
    prescale_floor: int | None = Field(default=None, ge=1)
    """Replicas in every known peak."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        return self


class _Workload(Frozen):
    image: Image
    phi: bool = False
    """Whether it sees protected health information: then it shares no storage, queue or account with one that does not."""
    pool: Name = "general"
    port: Port = 8080
    probes: Probes = Probes()
    pod: Pod

    @model_validator(mode="after")
    def _probes_apart(self) -> Self:
        if self.port == self.probes.port:
            raise ValueError(f"probes.port: {self.port} is the port of the calls; probes need one of their own")
        return self


class LiveVertical(_Workload):
    """A vertical that answers calls as they come."""

    kind: Literal["fastapi", "nats", "pm2"]
    session: SessionCost
    cap: SessionCap | None = None
    longest_call: Seconds = 3600.0
    """A pod that is to go gets this long, and a minute more, for its calls to end."""
    mean_call: Span | None = None
    """Counts where the lock has measured none. Left out as well: calls that start in a second are unknown."""
    sockets: SocketsSection | None = None
    """Of a node full of the vertical's pods. Left out: nothing is said of them beside the descriptors of a pod."""
    workers: WorkersSection | None = None
    """Of kind `pm2` alone. Left out: nothing is said of restarts."""
    pins: Pins = Pins()

    @model_validator(mode="after")
    def _workers_of_pm2(self) -> Self:
        if self.workers is not None and self.kind != "pm2":
            raise ValueError(f"workers are PM2's, and this vertical is of kind {self.kind}")
        return self

    @property
    def grace_seconds(self) -> int:
        """Seconds from the signal to end until a pod is killed."""
        return math.ceil(self.longest_call) + 60


class QueueVertical(_Workload):
    """A vertical that works off a queue; it holds no live session."""

    kind: Literal["queue"]
    replicas: int = Field(gt=0)
    depth_cap: PositiveAmount
    """Jobs that may wait; the next one is refused."""
    queue: QueueSection | None = None
    """Left out: nothing is said of its memory and of what comes to it."""

    @model_validator(mode="after")
    def _limiter_above_the_workers(self) -> Self:
        queue = self.queue
        if queue is not None and queue.limiter is not None:
            served, allowed = self.replicas * queue.concurrency / queue.job, queue.limiter.jobs / queue.limiter.within
            if allowed < served:
                raise ValueError(
                    f"queue.limiter allows {allowed:g} jobs a second, the workers do {served:g}: they would stand idle and "
                    "the queue would drain later than planned; raise it or take fewer workers"
                )
        return self


Vertical = Annotated[LiveVertical | QueueVertical, Field(discriminator="kind")]
