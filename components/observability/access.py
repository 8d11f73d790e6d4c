"""What the programs may read of the cluster, and how the API server reaches the autoscaler's metric."""

from collections.abc import Iterable
from typing import Any

from components.kubernetes import kubernetes_object
from components.network import OBSERVABILITY_NAMESPACE as NAMESPACE
from components.observability.programs import COMPONENT
from components.observability.serving_metric import GROUP, VERSION
from headroom.blueprint import Rendered

_RBAC = "rbac.authorization.k8s.io"
_READ = ["get", "list", "watch"]


def prometheus_access() -> list[Rendered]:
    """Return what discovery, kubelets and k3s ask of Prometheus' account."""
    rules = [
        {"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": _READ},
        {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
        {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
    ]
    return _allowed("prometheus", rules)


def state_metrics_access() -> list[Rendered]:
    """Return what kube-state-metrics reads: no Secret, no ConfigMap."""
    rules = [
        {"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["list", "watch"]},
        {"apiGroups": ["autoscaling"], "resources": ["horizontalpodautoscalers"], "verbs": ["list", "watch"]},
        {"apiGroups": ["batch"], "resources": ["cronjobs"], "verbs": ["list", "watch"]},
    ]
    return _allowed("state-metrics", rules)


def adapter_access() -> list[Rendered]:
    """Return what makes the adapter the custom-metrics API, and lets the autoscaler's controller, and nobody else, ask it."""
    account = _account("adapter", NAMESPACE)
    controller = _account("horizontal-pod-autoscaler", "kube-system")
    metrics = [{"apiGroups": [GROUP], "resources": ["*"], "verbs": ["get", "list"]}]
    return [
        *_allowed("adapter", [{"apiGroups": [""], "resources": ["namespaces", "pods"], "verbs": _READ}]),
        _bound("adapter-asks-who", "ClusterRole", "system:auth-delegator", account),
        _object(
            "adapter-reads-authentication",
            _RBAC + "/v1",
            "RoleBinding",
            {
                "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": "extension-apiserver-authentication-reader"},
                "subjects": [account],
            },
            namespace="kube-system",
        ),
        *_allowed("autoscalers", metrics, controller),
        _object(
            "custom-metrics",
            "apiregistration.k8s.io/v1",
            "APIService",
            {
                "spec": {
                    "group": GROUP,
                    "version": VERSION,
                    "groupPriorityMinimum": 100,
                    "versionPriority": 200,
                    # The adapter signs its own certificate at its start, as its project's manifests have it.
                    "insecureSkipTLSVerify": True,
                    "service": {"name": "adapter", "namespace": NAMESPACE, "port": 443},
                }
            },
            name=f"{VERSION}.{GROUP}",
            after=(f"{COMPONENT}-adapter-workload", f"{COMPONENT}-adapter-service"),
        ),
    ]


def _allowed(who: str, rules: Iterable[dict[str, Any]], account: dict[str, str] | None = None) -> list[Rendered]:
    name = f"headroom-{who}"
    return [
        _object(f"{who}-role", _RBAC + "/v1", "ClusterRole", {"rules": list(rules)}, name=name),
        _bound(f"{who}-binding", "ClusterRole", name, account or _account(who, NAMESPACE), after=(f"{COMPONENT}-{who}-role",)),
    ]


def _bound(resource: str, kind: str, role: str, account: dict[str, str], after: tuple[str, ...] = ()) -> Rendered:
    body = {"roleRef": {"apiGroup": _RBAC, "kind": kind, "name": role}, "subjects": [account]}
    return _object(resource, _RBAC + "/v1", "ClusterRoleBinding", body, after=after)


def _account(name: str, namespace: str) -> dict[str, str]:
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def _object(
    resource: str,
    api_version: str,
    kind: str,
    body: dict[str, Any],
    *,
    name: str | None = None,
    namespace: str | None = None,
    after: tuple[str, ...] = (),
) -> Rendered:
    metadata = {"name": name or f"headroom-{resource}"} | ({} if namespace is None else {"namespace": namespace})
    return kubernetes_object(f"{COMPONENT}-{resource}", api_version, kind, metadata, body, parent=COMPONENT, after=after)
