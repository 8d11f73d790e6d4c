"""Whether the sections of a spec go together; what is wrong in one alone, that one says itself."""

from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

from capacity.node_room import daemons_on, held_back
from capacity.stack_pods import stack_pods, watching
from capacity.storage import shared_storage
from capacity.verticals import LiveVertical, QueueVertical

if TYPE_CHECKING:  # the spec checks itself by this module
    from capacity.spec import Spec

_IMAGE_OF = {
    "executors": "tools",
    "gateway": "gateway",
    "cloudflared": "edge.tunnel",
    "redis": "queues",
    "redis_exporter": "queues",
    "queue_gateway": "queue_gateways",
    "nats": "bus",
    "nats_exporter": "bus",
    "nats_tools": "bus",
    "coturn": "turn",
    **dict.fromkeys(("prometheus", "state_metrics", "adapter", "alertmanager", "grafana", "collector"), "observability"),
}
"""What each image is for: the path of a section that cannot be without it."""


def check_together(spec: "Spec") -> None:
    """Return nothing where every section finds what it needs in the others.

    Raises:
        ValueError: names the field, what it says, and what there is.
    """
    live = [name for name, vertical in spec.verticals.items() if isinstance(vertical, LiveVertical)]
    for name, vertical in spec.verticals.items():
        if vertical.pool not in spec.pools:
            raise ValueError(f"verticals.{name}.pool: there is no pool {vertical.pool!r}; there are: {', '.join(spec.pools)}")
    _customers_are_placed(spec, live)
    _parts_have_a_load(spec, live)
    _parts_can_run(spec)
    _health_data_lies_apart(spec)
    _callbacks_go_one_way(spec, live)
    _options_are_of_something(spec, live)
    _cells_hold(spec, live)


def _customers_are_placed(spec: "Spec", live: Sequence[str]) -> None:
    names: set[str] = set()
    for index, customer in enumerate(spec.customers):
        where = f"customers[{index}]"
        if customer.vertical not in live:
            raise ValueError(
                f"{where}.vertical: there is no live vertical {customer.vertical!r}; there are: {', '.join(live) or 'none'}"
            )
        if spec.plans and customer.plan not in spec.plans:
            raise ValueError(f"{where}.plan: there is no plan {customer.plan!r}; there are: {', '.join(spec.plans)}")
        if customer.name in names:
            raise ValueError(f"{where}.name: there is already a customer {customer.name!r}; its load would count twice")
        names.add(customer.name)


def _options_are_of_something(spec: "Spec", live: Sequence[str]) -> None:
    for what, section, known, named in (
        ("shapes", "pools", tuple(spec.pools), spec.options.shapes),
        ("pods", "live verticals", live, spec.options.pods),
    ):
        if unknown := sorted(named.keys() - set(known)):
            raise ValueError(f"options.{what}.{unknown[0]}: is none of the {section}: {', '.join(known) or 'there is none'}")


def _cells_hold(spec: "Spec", live: Sequence[str]) -> None:
    if spec.cells is None:
        return
    places = spec.cells.places
    for name, cell in places.items():
        if unknown := sorted(set(cell.verticals) - set(live)):
            known = ", ".join(live) or "none"
            raise ValueError(f"cells.places.{name}.verticals: there is no live vertical {unknown[0]!r}; there are: {known}")
    for name in live:
        if not any(not cell.verticals or name in cell.verticals for cell in places.values()):
            raise ValueError(f"cells.places: {name} may run in none of them")


def _parts_can_run(spec: "Spec") -> None:
    for image, part in _IMAGE_OF.items():
        unused = part == "observability" and image not in watching(spec)
        if not unused and attrgetter(part)(spec) is not None and getattr(spec.images, image) is None:
            raise ValueError(f"images.{image}: {part} runs from it, and there is none")
    for pool, pods in stack_pods(spec):
        if pool not in spec.pools:
            raise ValueError(f"{pods.name}.pool: there is no pool {pool!r}; there are: {', '.join(spec.pools)}")
    if spec.observability is not None and (unknown := sorted(spec.observability.owners.keys() - spec.verticals.keys())):
        raise ValueError(f"observability.owners.{unknown[0]}: there is no vertical of that name")
    _models_have_gpus(spec)
    _relays_are_found(spec)
    _machines_hold(spec)


def _models_have_gpus(spec: "Spec") -> None:
    sharing: dict[str, str] = {}
    for name, service in spec.gpu.items():
        where, server = f"gpu.{name}", service.server
        if server is None:
            continue
        if spec.pools[server.pod.pool].gpus is None:
            raise ValueError(
                f"{where}.server.pod.pool: {server.pod.pool} is no GPU pool: say in pools.{server.pod.pool}.gpus how many"
            )
        if spec.images.device_plugin is None:
            raise ValueError(f"images.device_plugin: {where} runs on GPUs that it shows to the cluster, and there is none")
        if sharing.setdefault(server.pod.pool, service.gpu.sharing) != service.gpu.sharing:
            raise ValueError(f"{where}.gpu.sharing: other GPUs of the pool {server.pod.pool} are {sharing[server.pod.pool]}")


def _relays_are_found(spec: "Spec") -> None:
    """Hold public addresses against the machines: on one that has none a relay would tell callers its private address."""
    if spec.turn is None or not spec.turn.public_addresses:
        return
    name, known = spec.turn.pod.pool, len(set(spec.turn.public_addresses.values()))
    pool = spec.pools[name]
    if pool.provision == "karpenter":
        raise ValueError(f"turn.public_addresses: Karpenter makes the machines of pools.{name}, and nobody knows theirs before")
    if pool.nodes is None:
        raise ValueError(f"turn.public_addresses: say in pools.{name}.nodes on how many machines a relay may stand")
    if known < pool.nodes:
        raise ValueError(
            f"turn.public_addresses: {known} machines have one; pools.{name} has {pool.nodes}, and a relay may stand on any: "
            f"give each its own, or the relays a pool of their own (turn.pod.pool)"
        )


def _machines_hold(spec: "Spec") -> None:
    for name, pool in spec.pools.items():
        cpu, memory = held_back(pool, spec.images)
        if daemons_on(pool, spec.images) and (cpu < 0 or memory < 0):
            raise ValueError(f"pools.{name}: reserved_cpu and reserved_memory are less than what its daemons ask for")
        if pool.provision == "karpenter" and spec.servers is None:
            raise ValueError(f"pools.{name}.provision: new machines join the cluster of `servers`, which are not given")
    if spec.servers is not None and spec.turn is not None and spec.turn.region not in (None, spec.servers.region):
        raise ValueError(f"turn.region: is {spec.turn.region}, and the cluster's machines stand in {spec.servers.region}")


def _health_data_lies_apart(spec: "Spec") -> None:
    phi = tuple(name for name, vertical in spec.verticals.items() if vertical.phi)
    speakers = tuple(name for name, vertical in spec.verticals.items() if vertical.kind == "nats")
    of_bus = next((name for name in speakers if name in phi), None)
    if spec.bus is not None and of_bus is not None and len(speakers) > 1:
        others = ", ".join(name for name in speakers if name != of_bus)
        raise ValueError(f"bus: {of_bus} carries health data, and its servers' disks would keep that beside the data of {others}")
    used = {
        f"verticals.{name}.queue.storage_class": (vertical.queue.storage_class, name if vertical.phi else None)
        for name, vertical in spec.verticals.items()
        if isinstance(vertical, QueueVertical) and vertical.queue is not None
    }
    if spec.bus is not None:
        used["bus.storage_class"] = (spec.bus.storage_class, of_bus)
    if spec.observability is not None:
        used["observability.storage_class"] = (spec.observability.storage_class, None)
    for fault in shared_storage(spec.storage, phi, used):
        raise ValueError(fault)


def _callbacks_go_one_way(spec: "Spec", live: Sequence[str]) -> None:
    taken: dict[str, str] = {}
    for name, gateway in (spec.queue_gateways or {}).items():
        where, apart = f"verticals.{name}.queue.gateway", spec.verticals[name].phi
        if unknown := sorted(gateway.priorities.keys() - spec.plans.keys()):
            raise ValueError(f"{where}.priorities: there is no plan {unknown[0]!r}; there are: {', '.join(spec.plans) or 'none'}")
        for served in gateway.serves:
            if served not in live:
                raise ValueError(f"{where}.serves: there is no live vertical {served!r}; there are: {', '.join(live) or 'none'}")
            if spec.verticals[served].phi != apart or (apart and len(gateway.serves) > 1):
                raise ValueError(
                    f"{where}.serves: callbacks of a vertical with health data go to a queue with `phi` that serves it alone, "
                    f"and only they do; {served} is not such a one for {name}"
                )
            if served in taken:
                raise ValueError(f"{where}.serves: callbacks of {served} go to {taken[served]} already")
            taken[served] = name


def _edge_has_a_place(spec: "Spec", live: Sequence[str]) -> None:
    edge = spec.edge
    if edge.tunnel is not None and (spec.target is None or spec.target.cloudflare is None):
        raise ValueError("edge.tunnel: say in target.cloudflare to which account, zone and domain it belongs")
    if edge.scripts is not None and (edge.tunnel is None or edge.admission_gate is None):
        raise ValueError("edge.scripts: they need edge.tunnel, which leads to the pods, and edge.admission_gate")
    if edge.scripts is not None and edge.admission_gate is not None:
        sessions, gate = edge.scripts.session, edge.admission_gate
        if sessions.margin >= gate.lease_seconds - gate.heartbeat:
            raise ValueError(
                f"edge.scripts.session.margin: below {gate.lease_seconds - gate.heartbeat:g} s, what is left of a lease when "
                f"it is renewed, or every call ends then"
            )
        if unknown := sorted(sessions.realtime.keys() - set(live)):
            raise ValueError(f"edge.scripts.session.realtime.{unknown[0]}: there is no live vertical of this name")


def _parts_have_a_load(spec: "Spec", live: Sequence[str]) -> None:
    if not live and spec.carrying_calls:
        raise ValueError(f"{spec.carrying_calls[0]}: there is no live vertical whose calls it could carry")
    if spec.bus is not None and not spec.speakers:
        raise ValueError("bus: no vertical is of kind nats, so nobody speaks on it")
    if spec.gateway is not None and not (spec.gpu and spec.plans):
        raise ValueError("gateway: it limits what plans ask of models on GPUs, and there are none of one or the other")
    _edge_has_a_place(spec, live)
    for name, plan in spec.plans.items():
        if plan.vertical is not None and plan.vertical not in live:
            raise ValueError(
                f"plans.{name}.vertical: there is no live vertical {plan.vertical!r}; there are: {', '.join(live) or 'none'}"
            )
    if spec.edge.admission_gate is not None and not spec.plans:
        raise ValueError("edge.admission_gate: its load is the largest cap of the plans, and none is sold")
