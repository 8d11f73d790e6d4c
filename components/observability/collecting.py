"""What the OpenTelemetry collector does: metrics to every Prometheus, traces and logs where the spec sends them."""

from typing import Any

from capacity.observability import Observability
from components.address import Address
from components.network import OBSERVABILITY_NAMESPACE
from components.observability.catalogue import SEMANTIC_CONVENTIONS
from components.observability.scrape import PORT as PROMETHEUS_PORT

PORT = 4318
"""OTLP over HTTP."""
METRICS_PORT = 8888
EVERYWHERE = "0.0.0.0"  # noqa: S104  # in a pod: its policies say who comes


def collector_address() -> Address:
    """Return where pods send their telemetry, under the variable that every OpenTelemetry SDK reads."""
    return Address("OTEL_EXPORTER_OTLP_ENDPOINT", OBSERVABILITY_NAMESPACE, "collector", PORT)


def telemetry_environment(vertical: str, section: Observability) -> dict[str, str]:
    """Return the variables of a pod that speaks the GenAI conventions of the catalogue's version, beside where the collector is.

    Metrics are pushed as often as they would be scraped: the SDK's own minute would hide a minute at the model's limit.
    """
    return {
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_METRIC_EXPORT_INTERVAL": f"{section.scrape * 1000:.0f}",
        "OTEL_RESOURCE_ATTRIBUTES": f"headroom.vertical={vertical},headroom.schema_url={SEMANTIC_CONVENTIONS}",
        "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
    }


def collector_config(section: Observability) -> dict[str, Any]:
    """Return the collector's configuration.

    Every Prometheus gets all metrics, since either may be asked. Memory is kept below the pod's limit by refusing, which the SDKs
    repeat; a collector that the kernel ends loses what it holds.
    """
    metrics = {f"otlp_http/{index}": _prometheus(index) for index in range(section.prometheus.pods)}
    beyond: dict[str, Any] = {"debug": {"verbosity": "basic"}}
    if section.telemetry is not None:
        beyond = {
            "otlp_http/beyond": {"endpoint": section.telemetry, "headers": {"authorization": "${env:TELEMETRY_AUTHORIZATION}"}}
        }

    def pipeline(exporters: dict[str, Any]) -> dict[str, Any]:
        return {"receivers": ["otlp"], "processors": ["memory_limiter", "batch"], "exporters": list(exporters)}

    return {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"{EVERYWHERE}:{PORT}"}}}},
        "processors": {
            "memory_limiter": {"check_interval": "1s", "limit_percentage": 80, "spike_limit_percentage": 20},
            "batch": {},
        },
        "exporters": {**metrics, **beyond},
        "service": {
            "pipelines": {"metrics": pipeline(metrics), "traces": pipeline(beyond), "logs": pipeline(beyond)},
            "telemetry": {
                "metrics": {"readers": [{"pull": {"exporter": {"prometheus": {"host": EVERYWHERE, "port": METRICS_PORT}}}}]}
            },
        },
    }


def _prometheus(index: int) -> dict[str, Any]:
    host = f"prometheus-{index}.prometheus-pods.{OBSERVABILITY_NAMESPACE}.svc"
    return {"endpoint": f"http://{host}:{PROMETHEUS_PORT}/api/v1/otlp"}
