"""The door as resources: what it refuses, and its order in a deploy."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from capacity.plan import CapacityPlan
from components.door.figures import KEPT, door_figures, guarded
from components.door.policy import door_policy
from components.kubernetes import DOMAIN, kubernetes_object
from headroom.blueprint import Options, Rendered

NAME = "door"
POLICY = f"{NAME}.{DOMAIN}"
HEARD_SECONDS = 2.0
"""API servers read policies anew once a second, and compile what changed: 0.1 to 1.1 s for prod on a busy machine."""
_POLICY = f"{NAME}-policy"


def behind_door(resources: Sequence[Rendered], plan: CapacityPlan, *, parent: str) -> list[Rendered]:
    """Return a stack's resources with the door among them.

    The policy comes before the objects that it holds: the figures of a lower plan must be known to the API server before the
    objects that it lowers are. The binding comes after them, and so goes before them when the stack goes. API servers may hold
    what is kept for a second yet: that goes with its namespace, which the policy lets pass.
    """
    held = guarded(resources)
    names = {one.name for one in held}
    spaces = {one.props["metadata"]["name"]: one.name for one in resources if one.type.endswith(":Namespace")}
    first = next(index for index, one in enumerate(resources) if one.name in names)

    def behind(one: Rendered) -> Rendered:
        if one.name not in names:
            return one
        kept = one.props["kind"] in KEPT
        options = replace(one.options, goes_with=spaces[one.props["metadata"]["namespace"]]) if kept else one.options
        return replace(one, after=(*one.after, _POLICY), options=options)

    policy = door_policy(door_figures(held, plan.live))
    return [
        *resources[:first],
        Rendered("headroom:door:Door", NAME, {"objects": len(held)}, parent=parent),
        _admission(_POLICY, "ValidatingAdmissionPolicy", policy, options=Options(pause=HEARD_SECONDS)),
        *map(behind, resources[first:]),
        _admission(f"{NAME}-binding", "ValidatingAdmissionPolicyBinding", _binding(held), after=tuple(one.name for one in held)),
    ]


def _binding(held: Sequence[Rendered]) -> dict[str, Any]:
    spaces = sorted({one.props["metadata"]["namespace"] for one in held})
    return {
        "policyName": POLICY,
        "validationActions": ["Deny"],
        "matchResources": {
            "namespaceSelector": {
                "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": spaces}]
            }
        },
    }


def _admission(
    name: str, kind: str, spec: dict[str, Any], *, after: tuple[str, ...] = (), options: Options | None = None
) -> Rendered:
    metadata = {"name": POLICY}
    return kubernetes_object(
        name, "admissionregistration.k8s.io/v1", kind, metadata, {"spec": spec}, parent=NAME, after=after, options=options
    )
