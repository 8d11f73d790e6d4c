"""Every metric that rules, dashboards and the autoscaler read: who exposes it, and where that is said.

The `voice_` metrics are a contract: a session pod exposes them on its probes port at /metrics. Names of the GenAI conventions are
as Prometheus writes them when they come by OTLP: dots become underscores, and a unit in braces is left out.
"""

from dataclasses import dataclass

SEMANTIC_CONVENTIONS = "https://opentelemetry.io/schemas/1.44.0"
"""The version of the GenAI conventions that pods are told to emit; their status is Development, so they change."""

SESSION_PODS = "the session pods (docs/contract.md)"
_STATE = "kube-state-metrics 2.17"
_STATE_DOCS = "kubernetes/kube-state-metrics docs/metrics"
_GENAI = "the pods' OpenTelemetry SDK, through the collector"
_GENAI_DOCS = "OpenTelemetry GenAI semantic conventions 1.44.0, docs/gen-ai/gen-ai-metrics.md"
_TUNNEL_DOCS = "Cloudflare docs, tunnel metrics (cloudflared)"
_EDGE = "the edge's router, of every tenant's gate"
_EDGE_DOCS = "docs/edge.md: calls that their plan had a place for, and calls that were turned away"
_QUEUE_DOCS = "docs.bullmq.io/guide/metrics/prometheus"
_PROMETHEUS = "Prometheus 3"


@dataclass(frozen=True)
class Metric:
    """One metric, without the suffixes that a histogram adds."""

    name: str
    kind: str
    labels: tuple[str, ...]
    """Those that a query uses, beside the target's namespace, pod, job and vertical."""
    exposed_by: str
    source: str

    @property
    def series(self) -> tuple[str, ...]:
        """The names under which it is queried."""
        return tuple(self.name + suffix for suffix in ("_bucket", "_sum", "_count")) if self.kind == "histogram" else (self.name,)


METRICS = (
    Metric("voice_active_sessions", "gauge", (), SESSION_PODS, "S5: one gauge per vertical; the autoscaler scales on it (S18)"),
    Metric("voice_session_capacity", "gauge", (), SESSION_PODS, "HEADROOM_MAX_SESSIONS as the pod read it"),
    Metric("voice_full_total", "counter", (), SESSION_PODS, "times that the pod became full, as livekit/agents#6389 counts them"),
    Metric("voice_calls_offered_total", "counter", (), SESSION_PODS, "calls that asked for a session"),
    Metric(
        "voice_admission_rejected_total",
        "counter",
        ("reason",),
        SESSION_PODS,
        "calls that got none: capacity, tenant-cap or draining",
    ),
    Metric("voice_session_seconds_total", "counter", ("tenant", "plan"), SESSION_PODS, "S27: seconds of sessions by tenant"),
    Metric("voice_tenant_sessions", "gauge", ("tenant", "plan"), SESSION_PODS, "S27: sessions of a tenant"),
    Metric("voice_first_token_seconds", "histogram", ("le",), SESSION_PODS, "S26: from the end of the caller's words"),
    Metric("voice_first_audio_seconds", "histogram", ("le",), SESSION_PODS, "S26: from the end of the caller's words"),
    Metric(
        "voice_queue_oldest_job_seconds",
        "gauge",
        ("queue",),
        "the queue's gateway, and its workers (contract)",
        "S13: age of the oldest waiting job",
    ),
    Metric("bullmq_job_count", "gauge", ("queue", "state"), "the queue's gateway, and its workers, by BullMQ", _QUEUE_DOCS),
    Metric(
        "queue_gateway_callbacks_total",
        "counter",
        ("outcome",),
        "the queue's gateway",
        "docs/queue.md: callbacks by what became of them",
    ),
    Metric("headroom_edge_admitted_total", "counter", ("tenant",), _EDGE, _EDGE_DOCS),
    Metric("headroom_edge_refused_total", "counter", ("tenant", "reason"), _EDGE, _EDGE_DOCS),
    Metric("gen_ai_client_token_usage", "histogram", ("gen_ai_provider_name",), _GENAI, _GENAI_DOCS),
    Metric("gen_ai_client_operation_duration_seconds", "histogram", ("error_type",), _GENAI, _GENAI_DOCS),
    Metric("gen_ai_execute_tool_duration_seconds", "histogram", ("gen_ai_tool_name",), _GENAI, _GENAI_DOCS),
    Metric("cloudflared_tunnel_ha_connections", "gauge", (), "cloudflared", _TUNNEL_DOCS),
    Metric("cloudflared_tunnel_request_errors", "counter", (), "cloudflared", _TUNNEL_DOCS),
    Metric("kube_pod_status_ready", "gauge", ("condition",), _STATE, f"{_STATE_DOCS}/workload/pod-metrics.md"),
    Metric(
        "kube_node_status_condition", "gauge", ("node", "condition", "status"), _STATE, f"{_STATE_DOCS}/cluster/node-metrics.md"
    ),
    Metric("kube_node_labels", "gauge", ("node", "label_headroom_dev_pool"), _STATE, f"{_STATE_DOCS}/cluster/node-metrics.md"),
    *(
        Metric(
            f"kube_horizontalpodautoscaler_{name}",
            "gauge",
            labels,
            _STATE,
            f"{_STATE_DOCS}/workload/horizontalpodautoscaler-metrics.md",
        )
        for name, labels in (
            ("spec_min_replicas", ("horizontalpodautoscaler",)),
            ("spec_max_replicas", ("horizontalpodautoscaler",)),
            ("status_desired_replicas", ("horizontalpodautoscaler",)),
            ("status_condition", ("horizontalpodautoscaler", "condition", "status")),
        )
    ),
    Metric(
        "kube_cronjob_status_last_successful_time", "gauge", ("cronjob",), _STATE, f"{_STATE_DOCS}/workload/cronjob-metrics.md"
    ),
    Metric(
        "k3s_certificate_expiration_seconds",
        "gauge",
        ("subject",),
        "k3s with supervisor-metrics",
        "docs.k3s.io/reference/metrics",
    ),
    Metric(
        "container_memory_working_set_bytes",
        "gauge",
        ("container",),
        "the kubelet's cAdvisor",
        "google/cadvisor docs/storage/prometheus.md",
    ),
    Metric(
        "container_cpu_usage_seconds_total",
        "counter",
        ("container",),
        "the kubelet's cAdvisor",
        "google/cadvisor docs/storage/prometheus.md",
    ),
    Metric(
        "container_file_descriptors",
        "gauge",
        ("container",),
        "the kubelet's cAdvisor",
        "google/cadvisor docs/storage/prometheus.md",
    ),
    Metric("up", "gauge", ("instance",), _PROMETHEUS, "prometheus.io/docs/concepts/jobs_instances"),
    Metric("prometheus_rule_evaluation_failures_total", "counter", ("rule_group",), _PROMETHEUS, "seen in a scrape of itself"),
)
