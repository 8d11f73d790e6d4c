"""Classes of volumes, and the door that keeps the volumes of health data to the vertical that they are of."""

from collections.abc import Mapping
from typing import Any

from capacity.storage import StorageClass
from components.kubernetes import HEALTH_DATA, kubernetes_object
from headroom.blueprint import Rendered, canonical_json

NAME = "storage"
DOOR = "phi-apart.headroom.dev"


def storage_resources(classes: Mapping[str, StorageClass], *, parent: str) -> list[Rendered]:
    """Return the component of the stack's classes of volumes and everything below it; nothing where the spec has none."""
    if not classes:
        return []
    claims = {"classes": {name: {"provisioner": each.provisioner, "phi": each.phi} for name, each in classes.items()}}
    owners = {name: each.phi for name, each in classes.items() if each.phi is not None}
    return [
        Rendered("headroom:storage:Storage", NAME, claims, parent=parent),
        *(_storage_class(name, each) for name, each in classes.items()),
        *(_door(owners) if owners else []),
    ]


def _storage_class(name: str, volumes: StorageClass) -> Rendered:
    body: dict[str, Any] = {
        "provisioner": volumes.provisioner,
        "parameters": volumes.all_parameters,
        "reclaimPolicy": volumes.reclaim,
        # A volume is made where its pod was placed: before that nobody knows in which zone.
        "volumeBindingMode": "WaitForFirstConsumer",
        "allowVolumeExpansion": True,
    }
    return kubernetes_object(f"storage-class-{name}", "storage.k8s.io/v1", "StorageClass", {"name": name}, body, parent=NAME)


def _door(owners: Mapping[str, str]) -> list[Rendered]:
    """Return what refuses a claim at the API server: health data's volumes to other namespaces, other volumes to its own.

    A claim says its class once and for all, so creations are all there is to judge.
    """
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["persistentvolumeclaims"]}
    policy = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "variables": [
            {"name": "owners", "expression": canonical_json(owners)},
            {"name": "volumes", "expression": "object.spec.?storageClassName.orValue('')"},
            {"name": "vertical", "expression": f"namespaceObject.metadata.?labels[?'{HEALTH_DATA}'].orValue('')"},
        ],
        "validations": [
            {
                "expression": "(variables.volumes in variables.owners ? variables.owners[variables.volumes] : '')"
                " == variables.vertical",
                "messageExpression": "'volumes of class ' + variables.volumes + ' may not be claimed in namespace '"
                " + namespaceObject.metadata.name + ': health data lies on volumes of its own vertical'",
            }
        ],
    }
    binding = {"policyName": DOOR, "validationActions": ["Deny"]}
    group = "admissionregistration.k8s.io/v1"
    metadata = {"name": DOOR}
    made = f"{NAME}-door"
    return [
        kubernetes_object(made, group, "ValidatingAdmissionPolicy", metadata, {"spec": policy}, parent=NAME),
        kubernetes_object(
            f"{made}-binding", group, "ValidatingAdmissionPolicyBinding", metadata, {"spec": binding}, parent=NAME, after=(made,)
        ),
    ]
