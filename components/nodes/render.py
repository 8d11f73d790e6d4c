"""The machines: what the workloads may count on, what each is made a node with, and how they are renewed."""

from collections.abc import Mapping, Sequence
from typing import Any

from capacity.images import Images
from capacity.machines import Servers
from capacity.node_kernel import node_kernel, server_kernel
from capacity.node_room import advertised
from capacity.plan import CapacityPlan
from capacity.pool_plan import PoolPlan
from components.kubernetes import kubernetes_object
from components.nodes.daemons import bootstrap_resources
from components.nodes.k3s_config import agent_config, server_config
from components.nodes.karpenter import karpenter_resources
from components.nodes.machine import Machine, user_data
from components.nodes.upgrades import known_peaks, longest_drain, upgrade_plan
from components.plan.render import NAMESPACE
from headroom.blueprint import Rendered, canonical_json


def node_resources(plan: CapacityPlan, workloads: Sequence[Rendered], *, parent: str) -> list[Rendered]:
    """Return every pool's claim, the user data of every kind of machine, the order of upgrades, and the daemons of all nodes.

    `workloads` are those that the machines are for: how long they take to end is how long a machine takes to drain.
    """
    servers = plan.stack.servers
    found = [_pool(pool, plan.images, parent=parent) for pool in plan.pools]
    if servers is not None:
        found += [*_servers(servers, parent=parent), _upgrades(plan, servers, workloads, parent=parent)]
        for pool in plan.pools:
            found += _agents(pool, plan, servers, workloads)
    return [*found, *bootstrap_resources(plan, parent=parent)]


def machine_texts(plan: CapacityPlan) -> dict[str, str]:
    """Return the user data of every kind of machine by its name: what an operator gives to new machines."""
    machines = (found for found in node_resources(plan, (), parent="") if found.type == "headroom:nodes:CloudInit")
    return {found.props["machines"]: found.props["userData"] for found in machines}


def _pool(pool: PoolPlan, images: Images, *, parent: str) -> Rendered:
    """Return how many nodes of which shape there are, as each tells the scheduler: our daemons are not taken off yet."""
    room = advertised(pool.spec, images)
    claims: dict[str, Any] = {
        "pool": pool.name,
        "nodes": pool.nodes,
        "survive": pool.survive,
        "zones": pool.zones,
        "cpuCores": room.cpu_cores,
        "memoryBytes": room.memory_bytes,
        "pods": room.pods,
        **({} if pool.spec.gpus is None else {"gpus": pool.spec.gpus}),
        # Nodes that the spec does not count are ordered with the plan, which says how many.
        "leadSeconds": 0.0 if pool.spec.nodes is None else pool.spec.lead_time,
    }
    return Rendered("headroom:nodes:Pool", f"pool-{pool.name}", claims, parent=parent)


def _servers(servers: Servers, *, parent: str) -> list[Rendered]:
    name = "servers"
    claims = {"servers": servers.count, "version": servers.version, "region": servers.region}
    kernel = server_kernel(servers.kernel)
    kinds = {"first-server": server_config(servers, first=True)}
    if servers.count > 1:
        kinds["other-servers"] = server_config(servers, first=False)
    return [
        Rendered("headroom:nodes:Servers", name, claims, parent=parent),
        *(
            _cloud_init(
                kind,
                Machine("server", config, kernel),
                servers,
                1 if kind == "first-server" else servers.count - 1,
                {},
                parent=name,
            )
            for kind, config in kinds.items()
        ),
    ]


def _agents(pool: PoolPlan, plan: CapacityPlan, servers: Servers, workloads: Sequence[Rendered]) -> list[Rendered]:
    karpenter, parent = pool.spec.karpenter, f"pool-{pool.name}"
    machine = Machine(
        role="agent",
        config=agent_config(pool.name, pool.spec, servers, plan.images),
        kernel=node_kernel(pool, plan.live, plan.stack.edge.tunnel),
        gpus=pool.spec.gpus is not None,
        zoned=pool.zones > 1 or karpenter is not None,
        karpenter=karpenter is not None,
    )
    size = {"cpuCores": pool.spec.cpu, "memoryBytes": pool.spec.memory}
    described = _cloud_init(pool.name, machine, servers, pool.nodes, size, parent=parent)
    if karpenter is None:
        return [described]
    made = karpenter_resources(
        pool,
        karpenter,
        user_data=described.props["userData"],
        images=plan.images,
        peaks=known_peaks(plan),
        drain_seconds=longest_drain(pool.name, workloads),
        parent=parent,
    )
    return [described, *made]


def _cloud_init(name: str, machine: Machine, servers: Servers, count: int, size: Mapping[str, float], *, parent: str) -> Rendered:
    """Return the user data of a kind of machine, and what each must have where pods stand on it."""
    claims = {
        "machines": name,
        "count": count,
        **size,
        "openFiles": machine.kernel.open_files,
        "userData": user_data(machine, servers),
    }
    return Rendered("headroom:nodes:CloudInit", f"machine-{name}", claims, parent=parent)


def _upgrades(plan: CapacityPlan, servers: Servers, workloads: Sequence[Rendered], *, parent: str) -> Rendered:
    metadata = {"name": "node-upgrades", "namespace": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "headroom"}}
    data = {"plan.json": canonical_json(upgrade_plan(plan, servers, workloads))}
    return kubernetes_object(
        "node-upgrades", "v1", "ConfigMap", metadata, {"data": data}, parent=parent, after=("plan-namespace",)
    )
