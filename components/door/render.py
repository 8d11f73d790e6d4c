"""The door as resources: what it refuses, the figures that it refuses by, and their order in a deploy."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from capacity.plan import CapacityPlan
from components.door.figures import AUTOSCALERS, door_figures, guarded, key
from components.door.policy import KEPT, door_policy
from components.kubernetes import DOMAIN, kubernetes_object
from components.plan.render import NAMESPACE
from headroom.blueprint import Options, Rendered

NAME = "door"
FIGURES = f"{NAME}-figures"
POLICY = f"{NAME}.{DOMAIN}"
READ = {f"{DOMAIN}/door": "figures"}
"""The label of the ConfigMaps that the door reads."""
HEARD_SECONDS = 2.0
"""API servers hear of a ConfigMap by a watch, within 0.2 s on a busy machine, and read policies anew once a second."""
_POLICY = f"{NAME}-policy"
_SPACE = "plan-namespace"


def behind_door(resources: Sequence[Rendered], plan: CapacityPlan, *, parent: str) -> list[Rendered]:
    """Return a stack's resources with the door among them.

    The figures come before the objects that they hold: a lower plan must be known to the API server before the objects that it
    lowers are. The binding comes after them, and so goes before them when the stack goes; what keeps autoscalers goes first.
    """
    held = guarded(resources)
    names = {one.name for one in held}
    space = next(index for index, one in enumerate(resources) if one.name == _SPACE) + 1
    return [
        *resources[:space],
        Rendered("headroom:door:Door", NAME, {"objects": len(held)}, parent=parent),
        _config_map(FIGURES, door_figures(held, plan.live), after=(_SPACE,)),
        _admission(_POLICY, "ValidatingAdmissionPolicy", door_policy(), after=(FIGURES,), options=Options(pause=HEARD_SECONDS)),
        *(replace(one, after=(*one.after, _POLICY)) if one.name in names else one for one in resources[space:]),
        _admission(f"{NAME}-binding", "ValidatingAdmissionPolicyBinding", _binding(held), after=tuple(one.name for one in held)),
        _config_map(f"{NAME}-kept", _kept(held), after=(f"{NAME}-binding",)),
    ]


def _binding(held: Sequence[Rendered]) -> dict[str, Any]:
    spaces = sorted({one.props["metadata"]["namespace"] for one in held})
    return {
        "policyName": POLICY,
        # Without figures nobody knows what is required: scaling goes on.
        "paramRef": {"namespace": NAMESPACE, "selector": {"matchLabels": READ}, "parameterNotFoundAction": "Allow"},
        "validationActions": ["Deny"],
        "matchResources": {
            "namespaceSelector": {
                "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": spaces}]
            }
        },
    }


def _kept(held: Sequence[Rendered]) -> dict[str, str]:
    """Return the autoscalers that may not be deleted."""
    return {f"{key(one)}.{KEPT}": one.name for one in held if one.props["kind"] in AUTOSCALERS}


def _admission(name: str, kind: str, spec: dict[str, Any], *, after: tuple[str, ...], options: Options | None = None) -> Rendered:
    metadata = {"name": POLICY}
    return kubernetes_object(
        name, "admissionregistration.k8s.io/v1", kind, metadata, {"spec": spec}, parent=NAME, after=after, options=options
    )


def _config_map(name: str, data: dict[str, str], *, after: tuple[str, ...]) -> Rendered:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "headroom"} | READ}
    return kubernetes_object(name, "v1", "ConfigMap", metadata, {"data": data}, parent=NAME, after=after)
