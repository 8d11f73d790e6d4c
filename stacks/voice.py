"""The whole stack: its components wired, as a value and as Pulumi resources."""

from typing import TYPE_CHECKING

from capacity import CapacityPlan
from components.bus.render import bus_resources
from components.carrier.render import carrier_resources
from components.door.render import behind_door
from components.edge.render import edge_resources
from components.gateway.render import gateway_resources
from components.gpu.render import gpu_resources, model_addresses
from components.latency.render import latency_resources
from components.model.render import model_resources
from components.nodes.render import node_resources
from components.observability.render import observability_resources
from components.plan.render import ROOT, cluster_provider, plan_resources, root_resource, sold_resources
from components.queue.callbacks import callback_resources
from components.queue.render import queue_resources
from components.storage.render import storage_resources
from components.tools.render import tools_resources
from components.turn.render import turn_resources
from components.workloads.placeholders import placeholder_resources
from components.workloads.render import vertical_resources
from components.workloads.surroundings import surroundings
from headroom.blueprint import Blueprint

if TYPE_CHECKING:
    import pulumi


def render(plan: CapacityPlan) -> Blueprint:
    """Return every resource of an environment."""
    workloads = (
        *gpu_resources(plan, parent=ROOT),
        *(
            resource
            for vertical in plan.verticals
            for resource in vertical_resources(vertical, surroundings(plan, vertical), parent=ROOT)
        ),
        *placeholder_resources(plan, parent=ROOT),
        *queue_resources(plan, parent=ROOT),
        *callback_resources(plan, parent=ROOT),
        *bus_resources(plan, parent=ROOT),
        *turn_resources(plan, parent=ROOT),
        *tools_resources(plan, parent=ROOT),
        *gateway_resources(plan, model_addresses(plan), parent=ROOT),
        *edge_resources(plan, parent=ROOT),
        *observability_resources(plan, parent=ROOT),
    )
    resources = (
        *cluster_provider(plan),
        root_resource(plan),
        *plan_resources(plan, parent=ROOT),
        *sold_resources(plan, parent=ROOT),
        *storage_resources(plan.stack.storage, parent=ROOT),
        *model_resources(plan.model, parent=ROOT),
        *carrier_resources(plan.stack.carrier, parent=ROOT),
        *latency_resources(plan.stack.latency, parent=ROOT),
        *node_resources(plan, workloads, parent=ROOT),
        *workloads,
    )
    return Blueprint(tuple(behind_door(resources, plan, parent=ROOT)))


def deploy(blueprint: Blueprint) -> "dict[str, pulumi.Resource]":
    """Register a judged blueprint with the engine, and return what was registered by name.

    Raises pulumi.RunError, before anything is registered, where the stack's configuration lacks a secret of the blueprint.
    """
    import pulumi  # takes a third of a second: synth does without

    from components.resource import register

    settings = pulumi.Config()
    if missing := [key for key in blueprint.secrets() if settings.get_secret(key) is None]:
        raise pulumi.RunError(
            f"the stack needs the secret {missing[0]}, and nothing was touched: pulumi config set --secret {missing[0]} VALUE"
        )
    return register(blueprint)
