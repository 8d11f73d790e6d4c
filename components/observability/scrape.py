"""What Prometheus asks, and where it sends its alerts."""

from typing import Any

from capacity.observability import Observability
from capacity.plan import CapacityPlan
from components.edge.names import call_host
from components.network import OBSERVABILITY_NAMESPACE
from components.pods import PROBES

PORT = 9090
ALERTMANAGER_PORT = 9093
RULES_FILE = "/etc/headroom/rules.yaml"
EDGE_FOLDER = "/var/run/secrets/edge-scraper"
"""Where Prometheus finds what the edge asks of it."""
_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_KEPT_OF_KUBELETS = "container_(cpu_usage_seconds_total|memory_working_set_bytes|file_descriptors)"
_POD = "__meta_kubernetes_pod"
_NODE = "__meta_kubernetes_node"


def edge_host(plan: CapacityPlan) -> str | None:
    """Return where the edge's router answers; None where the environment has none."""
    scripts, target = plan.stack.edge.scripts, None if plan.target is None else plan.target.cloudflare
    return None if scripts is None or target is None else call_host(scripts.host, target)


def prometheus_config(plan: CapacityPlan, section: Observability) -> dict[str, Any]:
    """Return Prometheus' configuration.

    It asks every pod of the stack on its port `probes` or `metrics` at /metrics, and the edge's router past Access and with its
    token. A pod's vertical is that of its label, whatever its metrics say of themselves. Metrics of OpenTelemetry are pushed to
    it and keep their vertical as a resource attribute.
    """
    scrape, host = _duration(section.scrape), edge_host(plan)
    return {
        "global": {
            "scrape_interval": scrape,
            "scrape_timeout": scrape,
            "evaluation_interval": scrape,
            "external_labels": {"environment": plan.environment},
        },
        "rule_files": [RULES_FILE],
        "alerting": {"alertmanagers": [_alertmanagers()]},
        # A pod's push may reach a Prometheus behind a later one when the collector that it talks to changes.
        "storage": {"tsdb": {"out_of_order_time_window": "10m"}},
        "otlp": {"promote_resource_attributes": ["headroom.vertical", "k8s.namespace.name", "k8s.pod.name", "service.name"]},
        "scrape_configs": [
            _pods(),
            _state_metrics(),
            _kubelets(),
            _servers(),
            *([] if host is None else [_edge(host, section)]),
        ],
    }


def _duration(seconds: float) -> str:
    return f"{seconds:g}s" if seconds.is_integer() else f"{seconds * 1000:.0f}ms"


def _relabel(source: str, target: str) -> dict[str, Any]:
    return {"source_labels": [source], "target_label": target}


def _keep(source: str, regex: str) -> dict[str, Any]:
    return {"source_labels": [source], "regex": regex, "action": "keep"}


def _alertmanagers() -> dict[str, Any]:
    return {
        "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": [OBSERVABILITY_NAMESPACE]}}],
        "relabel_configs": [
            _keep(f"{_POD}_label_app_kubernetes_io_name", "alertmanager"),
            _keep(f"{_POD}_container_port_number", str(ALERTMANAGER_PORT)),
        ],
    }


def _pods() -> dict[str, Any]:
    return {
        "job_name": "pods",
        "kubernetes_sd_configs": [{"role": "pod"}],
        "relabel_configs": [
            _keep(f"{_POD}_label_app_kubernetes_io_part_of", "headroom"),
            {"source_labels": [f"{_POD}_label_app_kubernetes_io_name"], "regex": "state-metrics", "action": "drop"},
            _keep(f"{_POD}_container_port_name", f"{PROBES}|metrics"),
            # A job's pod that is done answers no more.
            _keep(f"{_POD}_phase", "Running"),
            _relabel(f"{_POD}_label_app_kubernetes_io_name", "job"),
            _relabel("__meta_kubernetes_namespace", "namespace"),
            _relabel(f"{_POD}_name", "pod"),
            _relabel(f"{_POD}_label_headroom_dev_vertical", "vertical"),
        ],
    }


def _state_metrics() -> dict[str, Any]:
    return {
        "job_name": "state-metrics",
        # Its series speak of other pods than itself.
        "honor_labels": True,
        "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": [OBSERVABILITY_NAMESPACE]}}],
        "relabel_configs": [
            _keep(f"{_POD}_label_app_kubernetes_io_name", "state-metrics"),
            _keep(f"{_POD}_container_port_name", "metrics"),
        ],
    }


def _secured(job: str, relabel: list[dict[str, Any]], kept: str) -> dict[str, Any]:
    return {
        "job_name": job,
        "scheme": "https",
        "authorization": {"credentials_file": f"{_ACCOUNT}/token"},
        "tls_config": {"ca_file": f"{_ACCOUNT}/ca.crt"},
        "kubernetes_sd_configs": [{"role": "node"}],
        "relabel_configs": [*relabel, _relabel(f"{_NODE}_name", "node")],
        "metric_relabel_configs": [_keep("__name__", kept)],
    }


def _kubelets() -> dict[str, Any]:
    cadvisor = {"target_label": "__metrics_path__", "replacement": "/metrics/cadvisor"}
    return _secured("kubelets", [cadvisor], _KEPT_OF_KUBELETS)


def _servers() -> dict[str, Any]:
    """Return the scrape of k3s itself, which has the ends of the cluster's certificates."""
    address = {
        "source_labels": [f"{_NODE}_address_InternalIP"],
        "target_label": "__address__",
        "replacement": "$1:6443",
    }
    control_plane = _keep(f"{_NODE}_labelpresent_node_role_kubernetes_io_control_plane", "true")
    return _secured("servers", [control_plane, address], "k3s_certificate_expiration_seconds")


def _edge(host: str, section: Observability) -> dict[str, Any]:
    access = {"Id": "id", "Secret": "secret"}
    return {
        "job_name": "edge",
        "scheme": "https",
        "scrape_interval": _duration(section.edge_scrape),
        # The files are read anew at each scrape: a changed token needs no restart.
        "authorization": {"credentials_file": f"{EDGE_FOLDER}/token"},
        "http_headers": {f"CF-Access-Client-{name}": {"files": [f"{EDGE_FOLDER}/{key}"]} for name, key in access.items()},
        "static_configs": [{"targets": [host]}],
    }
