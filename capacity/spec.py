"""The capacity spec of one environment: what its owner writes."""

import math
from datetime import date
from operator import attrgetter
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from capacity.cells.places import Cells
from capacity.figures import Frozen, Name, Price, Source
from capacity.images import Image, Images
from capacity.lock import Zone
from capacity.machines import Daemons, Karpenter, Kernel, Provision
from capacity.measured import Measured
from capacity.onboarding import Customer
from capacity.providers.limits import Providers
from capacity.providers.oversubscription import MOST_OVERSUBSCRIBED
from capacity.sections import StackSections
from capacity.sizing.claims import Count, Span
from capacity.sizing.lag import KUBERNETES_NODE_LOSS, KUBERNETES_SCALE_UP, NodeLoss, ScaleUp, ScalingLag
from capacity.sizing.nodes import Rollout
from capacity.sizing.pods import Port, Probes
from capacity.sizing.queue import QueueSection
from capacity.sizing.sockets import SocketsSection
from capacity.sizing.workers import WorkersSection
from capacity.storage import shared_storage
from capacity.target import Target
from capacity.uncertain.interval import Interval
from capacity.uncertain.varied import check
from capacity.units import Cores, Millicores, PositiveAmount, PositiveCores, PositiveSize, Seconds, Size


class Margins(Frozen):
    """What is kept in hand. Each margin sizes one thing (docs/capacity.md)."""

    safe_utilisation: float = Field(default=0.9, gt=0, le=1)
    """Safe ceiling = hard ceiling x this."""
    burst: float = Field(default=1.5, ge=1)
    """Multiplies the forecast peak."""
    growth_per_quarter: float = Field(default=2.0, ge=1)
    """The load thirteen weeks from the lock's data end as a multiple of the load at it."""
    blocking: float = Field(default=0.001, gt=0, lt=1)
    """The largest share of calls that may find every session taken at the forecast peak."""


class Alert(Frozen):
    """The headroom alert: utilisation above the threshold for some time."""

    utilisation: float = Field(default=0.70, gt=0, lt=1)
    """Lowered to 1/burst where that is less: above 1/burst a burst no longer fits."""
    hold: Seconds = 600.0


class Lag(Source):
    """From load rise to ready pod, as one figure."""

    value: Seconds


def _one_or_stages(value: Any) -> str:
    return "one" if isinstance(value, Lag) or (isinstance(value, dict) and "value" in value) else "stages"


class AllowedNodeLoss(Frozen):
    """How long the sessions of a dead node may have no pods."""

    allowed: Seconds
    """From the node's death until its pods answer elsewhere."""
    cluster: NodeLoss = KUBERNETES_NODE_LOSS
    """How long the cluster waits before it replaces them."""


class ScaleDown(Frozen):
    """How an autoscaler takes pods away; calls in them end first, and new ones must find room meanwhile."""

    window: Seconds = 300.0
    """It follows the highest number that was asked for within this time."""
    pods: int = Field(default=1, gt=0)
    """Taken at most in a period."""
    period: Seconds = 60.0


class Keda(Frozen):
    """What KEDA asks, where it is the autoscaler. KEDA itself and its definitions must be on the cluster."""

    prometheus: str = Field(default="http://prometheus.observability.svc:9090", pattern=r"^https?://[^\s/]+$")
    """The server that has the sessions."""
    polling: Seconds = 15.0
    failures: int = Field(default=3, gt=0)
    """Queries that fail in a row; then the highest floor of the week is asked for, and never fewer pods than there are."""


class Scaling(Frozen):
    """How the autoscaler behaves; the plan sets its target so that growth within the lag is held."""

    lag: Annotated[Annotated[Lag, Tag("one")] | Annotated[ScalingLag, Tag("stages")], Discriminator(_one_or_stages)]
    """From load rise to ready pod: one figure, or stages that are summed for the way from the lowest floor to the maximum."""
    node_loss: AllowedNodeLoss | None = None
    """Left out: how long a dead node's sessions have no pods is not judged. Needs the lag's stages."""
    tolerance: float = Field(default=0.1, ge=0, lt=1)
    """The autoscaler does nothing until the metric is off its target by more than this share."""
    prescale_lead: Seconds = 900.0
    """How long before a known peak its floor stands."""
    autoscaler: Literal["hpa", "keda"] = "hpa"
    """What scales the live verticals: a HorizontalPodAutoscaler with a job that keeps its floor, or KEDA with cron triggers."""
    scale_down: ScaleDown = ScaleDown()
    keda: Keda = Keda()

    @property
    def scale_up(self) -> ScaleUp:
        """How fast pods are added: as the lag's stages count on it, else as Kubernetes does it."""
        return self.lag.scale_up if isinstance(self.lag, ScalingLag) else KUBERNETES_SCALE_UP

    @model_validator(mode="after")
    def _stages_of_a_new_pod(self) -> Self:
        if self.node_loss is not None and isinstance(self.lag, Lag):
            raise ValueError("node_loss needs the stages of a new pod: give lag as stages (metric, scheduling, start, ...)")
        return self


class Failover(Frozen):
    """What must hold while providers are out: the others carry the peak of the day, without the burst."""

    reopen_minutes: float = Field(gt=0)
    """Within how long callers whose sessions were cut come back."""
    survive: int = Field(default=1, ge=1)
    """How many providers, in the order in which they are asked, may be out at once."""


class Model(Providers):
    """Who serves the live sessions, who takes over, and what may be sold on it."""

    failover: Failover | None = None
    """Left out: outages are not judged."""
    oversubscription: float = Field(default=MOST_OVERSUBSCRIBED, ge=0, le=MOST_OVERSUBSCRIBED)
    """The share by which caps of sold plans may exceed the sessions that the first provider carries; load never may."""

    @model_validator(mode="after")
    def _enough_to_survive(self) -> Self:
        if self.failover is not None and self.failover.survive > len(self.fallbacks):
            there = f"there are {len(self.fallbacks)} fallbacks"
            raise ValueError(f"failover.survive is {self.failover.survive}, and {there}: nobody would be left")
        return self


class SelfHosted(Source):
    """Speech models on GPUs of one's own, as far as their price goes; what they hold is sized elsewhere."""

    price_per_gpu_hour: Price
    sessions_per_gpu: Count
    """Sessions that one GPU serves in real time, measured."""
    spares: int = Field(default=1, ge=0)
    """GPUs that stand by for a lost one, or warm for more load; they cost and carry nothing."""
    operations_per_hour: Price
    """What it costs an hour to run them, however many they are."""


class Pool(Source):
    """Machines of one shape."""

    cpu: PositiveCores
    memory: PositiveSize
    pods: int = Field(default=110, gt=0)
    reserved_cpu: Cores = 0.5
    reserved_memory: Size = 2**30
    """What the system and the daemons of a node keep for themselves."""
    gpus: int | None = Field(default=None, gt=0)
    """GPUs or MIG instances of a node, of which every pod takes one. Left out: not a GPU pool."""
    nodes: int | None = Field(default=None, ge=1)
    """How many there are. Left out: as many as the plan needs."""
    survive: int = Field(default=1, ge=0)
    """Nodes that may be gone while every pod still finds room."""
    zones: int = Field(default=1, ge=1)
    """Zones over which the nodes are spread evenly. With more than one, every pod still finds room when the largest is gone."""
    rollout: Rollout | None = None
    """Left out: room for pods that surge and drain while one Deployment is rolled out is not counted."""
    lead_time: Seconds = 28 * 86400.0
    """How long more of them take to get."""
    price_per_node_hour: Price | None = None
    """Left out: unknown, and so is every cost that needs it."""
    kernel: Kernel = Kernel()
    daemons: Daemons = Daemons()
    provision: Provision = "static"
    """Whether its machines are there, or Karpenter makes them."""
    karpenter: Karpenter | None = None

    @model_validator(mode="after")
    def _made_by_somebody(self) -> Self:
        if (self.provision == "karpenter") != (self.karpenter is not None):
            raise ValueError(f"provision is {self.provision}, and karpenter is {'given' if self.karpenter else 'not given'}")
        for kind in () if self.karpenter is None else self.karpenter.types:
            if kind.cpu < self.cpu or kind.memory < self.memory or kind.gpus < (self.gpus or 0):
                raise ValueError(
                    f"karpenter.types: {kind.name} is smaller than the machines of the pool, which the plan counts on"
                )
        return self


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


class SoldPlan(Source):
    """A plan that tenants buy: sessions at once, capped, and maybe some of them guaranteed. It names no tenant."""

    tenants: int = Field(gt=0)
    cap: int = Field(gt=0)
    """The most that one tenant may hold at once."""
    guaranteed: int = Field(default=0, ge=0)
    """What each tenant always finds: taken off the shared fleet first."""
    sessions: float = Field(gt=0)
    """What one tenant holds on average at the busiest hour."""

    @model_validator(mode="after")
    def _guarantee_within_cap(self) -> Self:
        if self.guaranteed > self.cap:
            raise ValueError(f"guaranteed {self.guaranteed} is above the cap of {self.cap}")
        return self


Vertical = Annotated[LiveVertical | QueueVertical, Field(discriminator="kind")]


class Options(Frozen):
    """Machines and pods to compare with those of the plan. What one leaves out is as there, but nodes, price and requests."""

    shapes: dict[Name, dict[Name, Pool]] = Field(default_factory=dict)
    """Other machines, by pool and name."""
    pods: dict[Name, dict[Name, Pod]] = Field(default_factory=dict)
    """Pods of other sizes, by live vertical and name."""


_IMAGE_OF = {
    "executors": "tools",
    "gateway": "gateway",
    "cloudflared": "edge.tunnel",
    "redis": "queues",
    "redis_exporter": "queues",
    "nats": "bus",
    "nats_exporter": "bus",
    "nats_tools": "bus",
    "coturn": "turn",
    **dict.fromkeys(("prometheus", "state_metrics", "adapter", "alertmanager", "grafana", "collector"), "observability"),
}
"""What each image is for: the path of a section that cannot be without it."""


class Spec(StackSections):
    """One environment, as its owner describes it."""

    example: bool = False
    """Only an example may pin `as_of`."""
    as_of: date | None = None
    zone: Zone
    """Where the environment's days and weeks begin."""
    margins: Margins = Margins()
    alert: Alert = Alert()
    scaling: Scaling
    model: Model
    target: Target | None = None
    """Where it is deployed to. Left out: to wherever the engine's caller is logged in; an edge needs it."""
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    images: Images
    pools: dict[Name, Pool] = Field(min_length=1)
    verticals: dict[Name, Vertical] = Field(min_length=1)
    plans: dict[Name, SoldPlan] = Field(default_factory=dict)
    """What is sold on the fleet. Left out: nothing is said of tenants."""
    blocked_call_cost: Price | None = None
    """What it costs that one call finds no room. Left out: unknown."""
    self_hosted: SelfHosted | None = None
    """GPUs of one's own beside the model's price a minute. Left out: not compared."""
    customers: tuple[Customer, ...] = ()
    """Those whose calls are not in the history yet: each adds its profile to its vertical's load."""
    uncertain: dict[str, Interval] = Field(default_factory=dict)
    """Figures that nobody knows exactly, by path, such as verticals.sales.session.memory or forecast.sales.peak."""
    options: Options = Options()
    """Left out: `headroom options` has nothing to compare the plan with."""
    cells: Cells | None = None
    """Left out: the environment is one cluster. `headroom cells` divides one that is several."""

    @property
    def queues(self) -> dict[str, QueueSection] | None:
        """The queues by their vertical; None where there is none."""
        verticals = self.verticals.items()
        return {name: one.queue for name, one in verticals if isinstance(one, QueueVertical) and one.queue is not None} or None

    @property
    def speakers(self) -> tuple[str, ...]:
        """The verticals that speak on the bus."""
        return tuple(name for name, one in self.verticals.items() if one.kind == "nats")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.as_of is not None and not self.example:
            raise ValueError("as_of is pinned, but this is not an example (example: true): time comes from the clock")
        for name, vertical in self.verticals.items():
            if vertical.pool not in self.pools:
                raise ValueError(f"verticals.{name}.pool: there is no pool {vertical.pool!r}; there are: {', '.join(self.pools)}")
        live = [name for name, vertical in self.verticals.items() if isinstance(vertical, LiveVertical)]
        names: set[str] = set()
        for index, customer in enumerate(self.customers):
            where = f"customers[{index}]"
            if customer.vertical not in live:
                raise ValueError(
                    f"{where}.vertical: there is no live vertical {customer.vertical!r}; there are: {', '.join(live) or 'none'}"
                )
            if customer.name in names:
                raise ValueError(f"{where}.name: there is already a customer {customer.name!r}; its load would count twice")
            names.add(customer.name)
        self._parts_have_a_load(live)
        self._parts_can_run()
        self._health_data_lies_apart()
        for section, known, named in (("pools", self.pools, self.options.shapes), ("live verticals", live, self.options.pods)):
            if unknown := sorted(named.keys() - set(known)):
                what = "shapes" if section == "pools" else "pods"
                raise ValueError(f"options.{what}.{unknown[0]}: is none of the {section}: {', '.join(known) or 'there is none'}")
        check(self.uncertain, self)
        if self.cells is not None:
            self._cells_hold(live)
        return self

    def _cells_hold(self, live: list[str]) -> None:
        places = self.cells.places if self.cells is not None else {}
        for name, cell in places.items():
            if unknown := sorted(set(cell.verticals) - set(live)):
                known = ", ".join(live) or "none"
                raise ValueError(f"cells.places.{name}.verticals: there is no live vertical {unknown[0]!r}; there are: {known}")
        for name in live:
            if not any(not cell.verticals or name in cell.verticals for cell in places.values()):
                raise ValueError(f"cells.places: {name} may run in none of them")

    def _parts_can_run(self) -> None:
        from capacity.stack_pods import stack_pods  # it reads the specs of this module

        for image, part in _IMAGE_OF.items():
            if attrgetter(part)(self) is not None and getattr(self.images, image) is None:
                raise ValueError(f"images.{image}: {part} runs from it, and there is none")
        for pool, pods in stack_pods(self):
            if pool not in self.pools:
                raise ValueError(f"{pods.name}.pool: there is no pool {pool!r}; there are: {', '.join(self.pools)}")
        if self.observability is not None and (unknown := sorted(self.observability.owners.keys() - self.verticals.keys())):
            raise ValueError(f"observability.owners.{unknown[0]}: there is no vertical of that name")
        self._models_have_gpus()
        self._machines_hold()

    def _models_have_gpus(self) -> None:
        sharing: dict[str, str] = {}
        for name, service in self.gpu.items():
            where, server = f"gpu.{name}", service.server
            if server is None:
                continue
            if self.pools[server.pod.pool].gpus is None:
                raise ValueError(
                    f"{where}.server.pod.pool: {server.pod.pool} is no GPU pool: say in pools.{server.pod.pool}.gpus how many"
                )
            if self.images.device_plugin is None:
                raise ValueError(f"images.device_plugin: {where} runs on GPUs that it shows to the cluster, and there is none")
            if sharing.setdefault(server.pod.pool, service.gpu.sharing) != service.gpu.sharing:
                raise ValueError(f"{where}.gpu.sharing: other GPUs of the pool {server.pod.pool} are {sharing[server.pod.pool]}")

    def _machines_hold(self) -> None:
        from capacity.node_room import daemons_on, held_back  # it reads the pools of this module

        for name, pool in self.pools.items():
            cpu, memory = held_back(pool, self.images)
            if daemons_on(pool, self.images) and (cpu < 0 or memory < 0):
                raise ValueError(f"pools.{name}: reserved_cpu and reserved_memory are less than what its daemons ask for")
            if pool.provision == "karpenter" and self.servers is None:
                raise ValueError(f"pools.{name}.provision: new machines join the cluster of `servers`, which are not given")
        if self.servers is not None and self.turn is not None and self.turn.region not in (None, self.servers.region):
            raise ValueError(f"turn.region: is {self.turn.region}, and the cluster's machines stand in {self.servers.region}")

    def _health_data_lies_apart(self) -> None:
        phi = tuple(name for name, vertical in self.verticals.items() if vertical.phi)
        speakers = tuple(name for name, vertical in self.verticals.items() if vertical.kind == "nats")
        of_bus = next((name for name in speakers if name in phi), None)
        if self.bus is not None and of_bus is not None and len(speakers) > 1:
            others = ", ".join(name for name in speakers if name != of_bus)
            raise ValueError(
                f"bus: {of_bus} carries health data, and its servers' disks would keep that beside the data of {others}"
            )
        used = {
            f"verticals.{name}.queue.storage_class": (vertical.queue.storage_class, name if vertical.phi else None)
            for name, vertical in self.verticals.items()
            if isinstance(vertical, QueueVertical) and vertical.queue is not None
        }
        if self.bus is not None:
            used["bus.storage_class"] = (self.bus.storage_class, of_bus)
        if self.observability is not None:
            used["observability.storage_class"] = (self.observability.storage_class, None)
        for fault in shared_storage(self.storage, phi, used):
            raise ValueError(fault)

    def _edge_has_a_place(self) -> None:
        edge = self.edge
        if edge.tunnel is not None and (self.target is None or self.target.cloudflare is None):
            raise ValueError("edge.tunnel: say in target.cloudflare to which account, zone and domain it belongs")
        if edge.scripts is not None and (edge.tunnel is None or edge.admission_gate is None):
            raise ValueError("edge.scripts: they need edge.tunnel, which leads to the pods, and edge.admission_gate")

    def _parts_have_a_load(self, live: list[str]) -> None:
        if not live and self.carrying_calls:
            raise ValueError(f"{self.carrying_calls[0]}: there is no live vertical whose calls it could carry")
        if self.bus is not None and not self.speakers:
            raise ValueError("bus: no vertical is of kind nats, so nobody speaks on it")
        if self.gateway is not None and not (self.gpu and self.plans):
            raise ValueError("gateway: it limits what plans ask of models on GPUs, and there are none of one or the other")
        self._edge_has_a_place()
        if self.edge.admission_gate is not None and not self.plans:
            raise ValueError("edge.admission_gate: its load is the largest cap of the plans, and none is sold")
