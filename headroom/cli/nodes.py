"""The machines of a plan as nodes of the local cluster."""

from capacity import CapacityPlan
from headroom.local.cluster.nodes import NodeShape


def node_shapes(plan: CapacityPlan) -> list[NodeShape]:
    """Return one node a machine of the plan's pools, in its shape, with what is left for pods."""
    return [
        NodeShape(
            name=f"{pool.name}-{number}",
            cpu=f"{pool.node.cpu_cores:g}",
            memory=str(pool.node.memory_bytes),
            pods=pool.node.pods,
            labels={"headroom.dev/pool": pool.name},
        )
        for pool in plan.pools
        for number in range(1, pool.nodes + 1)
    ]
