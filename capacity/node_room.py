"""What a node tells the scheduler that it has: what it gives to pods, and to the daemons that run on every node."""

from capacity.images import Images
from capacity.packing import Allocatable, PodRequest
from capacity.pools import Pool


def allocatable(pool: Pool) -> Allocatable:
    """Return what a node of a pool gives to pods."""
    places = pool.pods if pool.gpus is None else min(pool.pods, pool.gpus)
    return Allocatable(max(0.0, pool.cpu - pool.reserved_cpu), max(0, pool.memory - pool.reserved_memory), places)


def daemons_on(pool: Pool, images: Images) -> tuple[PodRequest, ...]:
    """Return what the daemons of ours on each node of a pool ask of it."""
    daemons = []
    if images.ulimit_adjuster is not None:
        daemons.append(("ulimit-adjuster", pool.daemons.ulimit_adjuster))
    if images.device_plugin is not None and pool.gpus is not None:
        daemons.append(("device-plugin", pool.daemons.device_plugin))
    return tuple(PodRequest(name, size.cpu, size.memory) for name, size in daemons)


def advertised(pool: Pool, images: Images) -> Allocatable:
    """Return what a node of a pool has for pods and for our daemons together; its places are those of pods, not its GPUs.

    The daemons are part of `reserved_cpu` and `reserved_memory`: the kubelet holds back the rest of those, so that pods find what
    the plan gives them once the daemons have theirs.
    """
    node, daemons = allocatable(pool), daemons_on(pool, images)
    return Allocatable(
        round(node.cpu_cores + sum(daemon.cpu_cores for daemon in daemons), 9),
        node.memory_bytes + sum(daemon.memory_bytes for daemon in daemons),
        pool.pods + len(daemons),
    )


def held_back(pool: Pool, images: Images) -> tuple[float, int]:
    """Return the cores and bytes that the kubelet keeps from pods and daemons alike: the system's own."""
    room = advertised(pool, images)
    return round(pool.cpu - room.cpu_cores, 9), pool.memory - room.memory_bytes
