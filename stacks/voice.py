"""The whole stack: its components wired, as a value and as Pulumi resources."""

from typing import TYPE_CHECKING

from capacity import CapacityPlan
from components.gateway.render import gateway_resources
from components.model.render import model_resources
from components.nodes.render import pool_resources
from components.plan.render import ROOT, plan_resources, root_resource
from components.tools.render import tools_resources
from components.workloads.render import vertical_resources
from components.workloads.surroundings import surroundings
from headroom.blueprint import Blueprint

if TYPE_CHECKING:
    import pulumi


def render(plan: CapacityPlan) -> Blueprint:
    """Return every resource of an environment."""
    return Blueprint(
        (
            root_resource(plan),
            *plan_resources(plan, parent=ROOT),
            *model_resources(plan.model, parent=ROOT),
            *(resource for pool in plan.pools for resource in pool_resources(pool, parent=ROOT)),
            *(
                resource
                for vertical in plan.verticals
                for resource in vertical_resources(vertical, surroundings(plan, vertical), parent=ROOT)
            ),
            *tools_resources(plan, parent=ROOT),
            *gateway_resources(plan, {}, parent=ROOT),
        )
    )


def deploy(blueprint: Blueprint) -> "dict[str, pulumi.Resource]":
    """Register a judged blueprint with the engine, and return what was registered by name."""
    from components.resource import register  # pulumi takes a third of a second to import: synth does without

    made: dict[str, pulumi.Resource] = {}
    for resource in blueprint.children(None):
        register(resource, blueprint, made)
    return made
