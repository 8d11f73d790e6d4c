"""Machine pools."""

from capacity.pool_plan import PoolPlan
from headroom.blueprint import Rendered


def pool_resources(pool: PoolPlan, *, parent: str) -> list[Rendered]:
    """Return a pool's claim: how many nodes of which shape the workloads may count on."""
    claims = {
        "pool": pool.name,
        "nodes": pool.nodes,
        "survive": pool.survive,
        "zones": pool.zones,
        "cpuCores": pool.node.cpu_cores,
        "memoryBytes": pool.node.memory_bytes,
        "pods": pool.node.pods,
    }
    return [Rendered("headroom:nodes:Pool", f"pool-{pool.name}", claims, parent=parent)]
