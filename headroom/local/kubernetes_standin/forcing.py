"""Which changes of an object replace it."""

from headroom.local.kubernetes_standin.manifest import IDENTITY
from headroom.local.standin.property_path import Path
from headroom.local.standin.values import Object

_WORKLOAD = ("spec.selector",)
_STATEFUL = ("podManagementPolicy", "revisionHistoryLimit", "selector", "serviceName", "volumeClaimTemplates")
# Pulumi's Kubernetes provider v4, provider/pkg/provider/diff.go (forceNew), for the kinds of this project. A DaemonSet's selector
# is not among them (the table there misspells the kind): the server refuses that change. ConfigMaps and Secrets stand there too,
# but not under enableConfigMapMutable and enableSecretMutable.
_FORCING: dict[tuple[str, str], tuple[str, ...]] = {
    ("apps/v1", "Deployment"): _WORKLOAD,
    ("apps/v1", "StatefulSet"): tuple(f"spec.{name}" for name in _STATEFUL),
    ("batch/v1", "Job"): ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): ("roleRef",),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): ("roleRef",),
    ("storage.k8s.io/v1", "StorageClass"): ("parameters", "provisioner"),
    ("v1", "PersistentVolumeClaim"): ("spec",),
    ("v1", "ResourceQuota"): ("spec.scopes",),
    ("v1", "Service"): ("spec.clusterIP",),
}


def replaces(manifest: Object, path: Path) -> bool:
    """Return whether a difference at a path of a manifest makes another object of it."""
    if path in IDENTITY:
        return True
    forcing = _FORCING.get((str(manifest.get("apiVersion")), str(manifest.get("kind"))), ())
    return any(path[: len(names)] == names for names in (tuple(each.split(".")) for each in forcing))
