"""Prometheus, its adapter and Alertmanager, written by hand, such that the autoscalers see sessions and people are told."""

import json
from typing import Any

from tests.policies.objects import rendered

Document = dict[str, Any]

_SPACE = "observability"
_POD = "__meta_kubernetes_pod"
_RBAC = "rbac.authorization.k8s.io/v1"


def watched(rules: str) -> list[Document]:
    """Return the three and all that they need, with rules of Prometheus; JSON is YAML."""
    return [
        rendered("observability-namespace", "v1", "Namespace", _SPACE, None, {}),
        *_program("prometheus", 9090, {"prometheus.yaml": json.dumps(_prometheus()), "rules.yaml": rules}, token=True),
        *_program("adapter", 6443, {"adapter.yaml": _ADAPTER}, token=True),
        *_program("alertmanager", 9093, {"alertmanager.yaml": json.dumps(_alertmanager())}, token=False),
        *_may("prometheus", [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]),
        *_may("adapter", [{"apiGroups": [""], "resources": ["namespaces", "pods"], "verbs": ["get", "list", "watch"]}]),
        *_may(
            "autoscalers",
            [{"apiGroups": ["custom.metrics.k8s.io"], "resources": ["*"], "verbs": ["get", "list"]}],
            ("horizontal-pod-autoscaler", "kube-system"),
        ),
        _binding("asks-who", "ClusterRoleBinding", "ClusterRole", "system:auth-delegator", ("adapter", _SPACE)),
        _binding("reads-authentication", "RoleBinding", "Role", "extension-apiserver-authentication-reader", ("adapter", _SPACE)),
        rendered("adapter-service", "v1", "Service", "adapter", _SPACE, {"spec": _served("adapter", 443)}),
        rendered(
            "custom-metrics",
            "apiregistration.k8s.io/v1",
            "APIService",
            "v1beta2.custom.metrics.k8s.io",
            None,
            {
                "spec": {
                    "group": "custom.metrics.k8s.io",
                    "version": "v1beta2",
                    "insecureSkipTLSVerify": True,
                    "service": {"name": "adapter", "namespace": _SPACE, "port": 443},
                }
            },
        ),
    ]


_ADAPTER = """rules:
- seriesQuery: voice_active_sessions{namespace!="",pod!=""}
  resources:
    overrides:
      namespace: {resource: namespace}
      pod: {resource: pod}
  name:
    as: active_sessions_per_pod
  metricsQuery: sum by (<<.GroupBy>>) (<<.Series>>{<<.LabelMatchers>>})
"""


def _prometheus() -> Document:
    def label(source: str, target: str) -> Document:
        return {"source_labels": [source], "target_label": target}

    return {
        "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
        "rule_files": ["/etc/headroom/rules.yaml"],
        "alerting": {
            "alertmanagers": [
                {
                    "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": [_SPACE]}}],
                    "relabel_configs": [{"source_labels": [f"{_POD}_container_name"], "regex": "alertmanager", "action": "keep"}],
                }
            ]
        },
        "scrape_configs": [
            {
                "job_name": "pods",
                "kubernetes_sd_configs": [{"role": "pod"}],
                "relabel_configs": [
                    {"source_labels": [f"{_POD}_container_port_name"], "regex": "probes|metrics", "action": "keep"},
                    label("__meta_kubernetes_namespace", "namespace"),
                    label(f"{_POD}_name", "pod"),
                    label("__meta_kubernetes_namespace", "vertical"),
                ],
            },
            {"job_name": "edge", "static_configs": [{"targets": ["calls.example.com"]}]},
        ],
    }


def _alertmanager() -> Document:
    folder = "/etc/alertmanager/receivers"
    return {
        "route": {"receiver": "ticket", "routes": [{"matchers": ['severity="page"'], "receiver": "page"}]},
        "inhibit_rules": [{"source_matchers": ['alertname="CallsBlocked"'], "target_matchers": ['alertname="PodsBecomeFull"']}],
        "receivers": [{"name": name, "webhook_configs": [{"url_file": f"{folder}/{name}"}]} for name in ("page", "ticket")],
    }


def _program(name: str, port: int, files: dict[str, str], *, token: bool) -> list[Document]:
    mounts = [{"name": "config", "mountPath": "/etc/headroom"}]
    volumes: list[Document] = [{"name": "config", "configMap": {"name": name}}]
    if name == "alertmanager":
        mounts.append({"name": "receivers", "mountPath": "/etc/alertmanager/receivers"})
        volumes.append({"name": "receivers", "secret": {"secretName": "receivers"}})
    size = {"cpu": "100m", "memory": "128Mi"}
    container = {
        "name": name,
        "args": [f"--config.file=/etc/headroom/{name}.yaml"],
        "ports": [{"name": "https" if name == "adapter" else "metrics", "containerPort": port}],
        "resources": {"requests": size, "limits": size},
        "volumeMounts": mounts,
    }
    pod = {
        "serviceAccountName": name,
        "automountServiceAccountToken": token,
        "nodeSelector": {"headroom.dev/pool": "parts"},
        "containers": [container],
        "volumes": volumes,
    }
    spec = {"replicas": 1, "template": {"metadata": {"labels": {"app": name}}, "spec": pod}}
    made = rendered(name, "apps/v1", "Deployment", name, _SPACE, {"spec": spec})
    made["props"]["metadata"]["annotations"] = {"headroom.dev/kind": "watch"}
    return [
        made,
        rendered(f"{name}-account", "v1", "ServiceAccount", name, _SPACE, {}),
        rendered(f"{name}-config", "v1", "ConfigMap", name, _SPACE, {"data": files}),
    ]


def _served(name: str, port: int) -> Document:
    return {"selector": {"app": name}, "ports": [{"port": port, "targetPort": "https"}]}


def _may(who: str, rules: list[Document], account: tuple[str, str] | None = None) -> list[Document]:
    return [
        rendered(f"{who}-role", _RBAC, "ClusterRole", who, None, {"rules": rules}),
        _binding(f"{who}-binding", "ClusterRoleBinding", "ClusterRole", who, account or (who, _SPACE)),
    ]


def _binding(name: str, kind: str, of: str, role: str, account: tuple[str, str]) -> Document:
    subject = {"kind": "ServiceAccount", "name": account[0], "namespace": account[1]}
    body = {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": of, "name": role}, "subjects": [subject]}
    return rendered(name, _RBAC, kind, name, "kube-system" if kind == "RoleBinding" else None, body)
