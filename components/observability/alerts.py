"""The alerts: each from a figure of the plan, each with the page that says what to do."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from capacity.observability import Observability
from capacity.plan import CapacityPlan, QueuePlan
from components.observability.scrape import edge_host

_SHARE = "{{ $value | humanizePercentage }}"
_VERTICAL = "{{ $labels.vertical }}"


@dataclass(frozen=True)
class Alert:
    """One alert; its name is that of its runbook."""

    name: str
    expr: str
    severity: Literal["page", "ticket"]
    """`page` wakes somebody: calls are lost or soon will be."""
    summary: str
    hold_seconds: float = 0.0

    def rule(self, runbooks: str) -> dict[str, Any]:
        """Return the alert as Prometheus reads it."""
        annotations = {"summary": self.summary, "runbook_url": f"{runbooks.rstrip('/')}/{self.name}.md"}
        hold = {"for": f"{self.hold_seconds:.0f}s"} if self.hold_seconds else {}
        return {"alert": self.name, "expr": self.expr, **hold, "labels": {"severity": self.severity}, "annotations": annotations}


def alerts(plan: CapacityPlan, section: Observability) -> tuple[Alert, ...]:
    """Return every alert of an environment; those of a part that its spec lacks are left out."""
    return (
        *_sessions(plan, section),
        *_scaling(plan, section),
        *_model(plan, section),
        *(_latency(plan) if plan.stack.latency is not None else ()),
        *(_queues(plan, section) if any(isinstance(one, QueuePlan) for one in plan.verticals) else ()),
        *(_edge(plan) if edge_host(plan) is not None else ()),
        *(_tunnel(section) if plan.stack.edge.tunnel is not None else ()),
        *_cluster(section),
    )


def _sessions(plan: CapacityPlan, section: Observability) -> Iterator[Alert]:
    hold, window = plan.alert.hold, f"{plan.alert.hold:.0f}s"
    yield Alert(
        "SessionUtilisationHigh",
        "vertical:utilisation:ratio > on (vertical) vertical:alert_utilisation:plan",
        "page",
        f"{_VERTICAL}: ready pods are at {_SHARE} of their hard ceiling; a burst no longer fits",
        hold,
    )
    # An average over ten minutes hides a pod that is full for seconds and turns calls away: the spells are counted instead.
    yield Alert(
        "PodsBecomeFull",
        f"sum by (vertical) (increase(voice_full_total[{window}])) > 0",
        "ticket",
        f"{_VERTICAL}: pods became full {{{{ $value | humanize }}}} times within {hold / 60:g} minutes",
    )
    yield Alert(
        "CallsBlocked",
        f'sum by (vertical) (increase(voice_admission_rejected_total{{reason="capacity"}}[{window}]))'
        f" / sum by (vertical) (increase(voice_calls_offered_total[{window}])) > {plan.margins.blocking:g}",
        "page",
        f"{_VERTICAL}: {_SHARE} of the calls found no session",
    )
    yield Alert(
        "SessionMetricsAbsent",
        "vertical:session_ceiling_per_pod:plan unless on (vertical) vertical:active_sessions:sum",
        "page",
        f"{_VERTICAL}: no pod says how many sessions it holds; autoscaler and alerts are blind",
        section.patience,
    )
    yield Alert(
        "AdmissionNotAsPlanned",
        "max by (vertical) (voice_session_capacity) != on (vertical) vertical:admitted_per_pod:plan"
        " or min by (vertical) (voice_session_capacity) != on (vertical) vertical:admitted_per_pod:plan",
        "ticket",
        f"{_VERTICAL}: a pod admits {{{{ $value }}}} sessions, which is not what the plan says",
        plan.lag_seconds,
    )


def _scaling(plan: CapacityPlan, section: Observability) -> Iterator[Alert]:
    yield Alert(
        "AutoscalerSlow",
        "vertical:pods_ready:count < on (vertical) vertical:pods_desired:max",
        "page",
        f"{_VERTICAL}: pods that the autoscaler asks for are not ready within the {plan.lag_seconds:.0f} s of the plan",
        plan.lag_seconds,
    )
    yield Alert(
        "AutoscalerAtMaximum",
        "vertical:pods_desired:max >= on (vertical) vertical:pods_ceiling:max",
        "ticket",
        f"{_VERTICAL}: the autoscaler stands at its maximum of {{{{ $value }}}} pods",
        plan.alert.hold,
    )
    yield Alert(
        "AutoscalerBlind",
        'label_replace(kube_horizontalpodautoscaler_status_condition{condition="ScalingActive",status="true"} == 0,'
        ' "vertical", "$1", "horizontalpodautoscaler", "(?:keda-hpa-)?(.+)")',
        "page",
        f"{_VERTICAL}: the autoscaler gets no metric and keeps its replicas",
        section.patience,
    )
    yield Alert(
        "FloorNotMet",
        "vertical:pods_ready:count < on (vertical) vertical:pods_floor:max",
        "page",
        f"{_VERTICAL}: {{{{ $value }}}} pods are ready, fewer than the floor of this hour",
        plan.lag_seconds,
    )
    yield Alert(
        "PrescaleStale",
        "time() - max by (vertical) (label_replace(kube_cronjob_status_last_successful_time,"
        f' "vertical", "$1", "cronjob", "(.+)-prescale")) > {section.patience:g}',
        "page",
        f"{_VERTICAL}: the job that sets the floor has not succeeded for {{{{ $value | humanizeDuration }}}}",
        section.patience,
    )


def _model(plan: CapacityPlan, section: Observability) -> Iterator[Alert]:
    primary = plan.model.primary.name
    yield Alert(
        "ModelNearLimit",
        f"model:use:sum / on (limit) model:limit:plan > {plan.margins.safe_utilisation:g}",
        "page",
        f"{primary}: {_SHARE} of the limit of {{{{ $labels.limit }}}} is used",
        section.patience,
    )
    yield Alert(
        "ModelRefuses",
        'sum(increase(gen_ai_client_operation_duration_seconds_count{error_type="429"}[5m])) > 0',
        "page",
        "a provider refused {{ $value | humanize }} requests within 5 minutes (429): it cuts live calls",
    )


def _latency(plan: CapacityPlan) -> Iterator[Alert]:
    latency = plan.stack.latency
    quantile = 0.0 if latency is None else latency.quantile
    for name, metric, budget in (
        ("FirstTokenSlow", "voice_first_token_seconds", "latency:first_token_seconds:plan"),
        ("FirstAudioSlow", "voice_first_audio_seconds", "latency:first_audio_seconds:plan"),
    ):
        yield Alert(
            name,
            f"histogram_quantile({quantile:g}, sum by (vertical, le) (rate({metric}_bucket[5m]))) > on () group_left () {budget}",
            "ticket",
            f"{_VERTICAL}: {quantile:.0%} of the answers take up to {{{{ $value | humanizeDuration }}}}",
            plan.alert.hold,
        )


def _queues(plan: CapacityPlan, section: Observability) -> Iterator[Alert]:
    yield Alert(
        "QueueDeep",
        'sum by (vertical) (max by (vertical, queue, state) (bullmq_job_count{state=~"waiting|prioritized|delayed"}))'
        f" / on (vertical) vertical:queue_depth_cap:plan > {plan.margins.safe_utilisation:g}",
        "page",
        f"{_VERTICAL}: the queue holds {_SHARE} of its cap; beyond it jobs are refused",
        section.patience,
    )
    yield Alert(
        "QueueOld",
        "max by (vertical) (voice_queue_oldest_job_seconds) > on (vertical) vertical:queue_drain_seconds:plan",
        "ticket",
        f"{_VERTICAL}: a job has waited for {{{{ $value | humanizeDuration }}}}, longer than the queue may take to drain",
    )
    yield Alert(
        "QueueRefuses",
        f'sum by (vertical) (increase(queue_gateway_callbacks_total{{outcome="full"}}[{plan.alert.hold:.0f}s])) > 0',
        "page",
        f"{_VERTICAL}: the queue was at its cap and refused {{{{ $value | humanize }}}} callbacks",
    )


def _edge(plan: CapacityPlan) -> Iterator[Alert]:
    hold, blocking = plan.alert.hold, f"{plan.margins.blocking:g}"

    def refused(by: str, reasons: str) -> str:
        return f'sum by ({by}) (increase(headroom_edge_refused_total{{reason=~"{reasons}"}}[{hold:.0f}s]))'

    admitted = f"(increase(headroom_edge_admitted_total[{hold:.0f}s]))"
    yield Alert(
        "EdgeRefuses",
        f"{refused('reason', 'pool|upstream')} / on () group_left () sum {admitted} > {blocking}",
        "page",
        f"{_SHARE} of the calls that their plan had a place for were turned away ({{{{ $labels.reason }}}})",
    )
    yield Alert(
        "TenantRefused",
        f"{refused('tenant, reason', 'plan|starts')} > on (tenant) group_left () {blocking} * sum by (tenant) {admitted}",
        "ticket",
        f"{{{{ $labels.tenant }}}}: {{{{ $value | humanize }}}} calls were turned away within {hold / 60:g} minutes "
        "({{ $labels.reason }})",
    )


def _tunnel(section: Observability) -> Iterator[Alert]:
    yield Alert(
        "TunnelConnectionsLow",
        "cloudflared_tunnel_ha_connections < on () group_left () tunnel:connections_per_replica:plan",
        "ticket",
        "{{ $labels.pod }} has {{ $value }} connections to Cloudflare",
        section.patience,
    )
    yield Alert(
        "TunnelReplicasMissing",
        "(count(cloudflared_tunnel_ha_connections > 0) or vector(0)) < on () tunnel:replicas:plan",
        "page",
        "{{ $value }} replicas of the tunnel are connected, fewer than planned",
        section.patience,
    )


def _cluster(section: Observability) -> Iterator[Alert]:
    ready = '(kube_node_status_condition{condition="Ready",status="true"} == 1)'
    pool = ' * on (node) group_left (pool) label_replace(kube_node_labels, "pool", "$1", "label_headroom_dev_pool", "(.+)")'
    days = section.lock_notice / 86400
    yield Alert(
        "NodeNotReady",
        'kube_node_status_condition{condition="Ready",status="true"} == 0',
        "ticket",
        "{{ $labels.node }} is not ready; its pods move after their toleration",
        section.patience,
    )
    yield Alert(
        "PoolBelowPlan",
        f"pool:nodes_enough:plan > on (pool) (count by (pool) ({ready}{pool}) or on (pool) pool:nodes_enough:plan * 0)",
        "page",
        "{{ $labels.pool }}: fewer nodes are ready than the {{ $value }} that are enough for every pod at its maximum",
        section.patience,
    )
    yield Alert(
        "ForecastLockEnds",
        f"forecast:valid_until_timestamp_seconds:plan - time() < {section.lock_notice:.0f}",
        "ticket",
        f"the forecast lock ends in {{{{ $value | humanizeDuration }}}}, which is less than {days:g} days",
    )
    yield Alert(
        "CertificateEnds",
        f"min by (subject) (k3s_certificate_expiration_seconds) < {section.certificate_notice:.0f}",
        "ticket",
        "the certificate {{ $labels.subject }} of the cluster ends in {{ $value | humanizeDuration }}",
    )
    yield Alert(
        "TargetDown",
        "sum by (job, namespace) (up == bool 0) > 0",
        "ticket",
        "{{ $value }} pods of {{ $labels.job }} in {{ $labels.namespace }} give no metrics",
        section.patience,
    )
    yield Alert(
        "StateMetricsAbsent",
        "absent(kube_pod_status_ready)",
        "page",
        "nobody says which pods and nodes are ready; the alerts that need it are blind",
        section.patience,
    )
    yield Alert(
        "RulesFail",
        "sum by (rule_group) (increase(prometheus_rule_evaluation_failures_total[5m])) > 0",
        "ticket",
        "{{ $value | humanize }} rules of {{ $labels.rule_group }} could not be evaluated within 5 minutes",
    )
