"""For every alert series under which it fires, and series close to them under which it does not."""

import datetime as dt
from dataclasses import dataclass

from capacity.observability import Observability
from capacity.plan import CapacityPlan, LivePlan, QueuePlan

STEP_S, STEPS = 15, 160
_Series = dict[str, str]


@dataclass(frozen=True)
class Case:
    """One alert's pair: input series in promtool's notation, asked after half an hour."""

    fires: _Series
    quiet: _Series
    selector: str = ""
    """Labels that pick one of several alerts of the name."""
    quiet_start: dt.datetime = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
    fires_start: dt.datetime = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)


def still(value: float) -> str:
    """Return a value that stands."""
    return f"{value:.12g}x{STEPS}"


def rising(start: float, each: float) -> str:
    """Return a value that grows by as much each step."""
    return f"{start:.12g}+{each:.12g}x{STEPS}"


def cases(plan: CapacityPlan, section: Observability) -> dict[str, Case]:
    """Return the pair of every alert, of the environment's own figures."""
    live = next(one for one in plan.live if one.name == "sales")
    queue = next(one for one in plan.verticals if isinstance(one, QueuePlan))
    return {
        **_sessions(plan, live),
        **_scaling(live),
        **_model(plan),
        **_latency(),
        **_queue(plan, queue),
        **_edge(plan),
        **_tunnel(plan),
        **_cluster(plan, section),
    }


def _pods(sessions: list[str], ready: list[int], *, capacity: int | None = None) -> _Series:
    series: _Series = {}
    for index, (values, is_ready) in enumerate(zip(sessions, ready, strict=True)):
        pod = f'namespace="sales",pod="sales-{index}"'
        series[f'voice_active_sessions{{{pod},vertical="sales"}}'] = values
        series[f'kube_pod_status_ready{{{pod},condition="true"}}'] = still(is_ready)
        if capacity is not None:
            series[f'voice_session_capacity{{{pod},vertical="sales"}}'] = still(capacity)
    return series


def _sessions(plan: CapacityPlan, live: LivePlan) -> dict[str, Case]:
    busy = round(live.ceiling.hard * (live.scaling.alert_utilisation + 0.02))
    calm = round(live.ceiling.hard * (live.scaling.alert_utilisation - 0.02))
    long_hold = plan.alert.hold / STEP_S
    # Busy for all but the last step of the time that it must last.
    spell = f"{calm}x{STEPS // 2 - round(long_hold) + 20} {busy}x{round(long_hold) - 21} {calm}x{STEPS}"
    offered = {'voice_calls_offered_total{pod="sales-0",vertical="sales"}': rising(0, 100)}
    reject = 'voice_admission_rejected_total{{pod="sales-0",vertical="sales",reason="{}"}}'.format
    within = 100 * plan.margins.blocking
    return {
        # A full pod that takes no new calls and a quiet one of another vertical do not change it.
        "SessionUtilisationHigh": Case(
            _pods([still(busy), still(busy), still(0)], [1, 1, 0]), _pods([spell, still(calm), still(busy)], [1, 1, 0])
        ),
        "PodsBecomeFull": Case(
            # Full for one step only: the gauge of utilisation never shows it.
            {'voice_full_total{pod="sales-0",vertical="sales"}': f"3x{STEPS // 2 + 20} 4x{STEPS}"},
            {'voice_full_total{pod="sales-0",vertical="sales"}': f"3x4 4x{STEPS}"},
        ),
        "CallsBlocked": Case(
            offered | {reject("capacity"): rising(0, within * 1.5)},
            offered | {reject("capacity"): rising(0, within * 0.5), reject("tenant-cap"): rising(0, 50)},
        ),
        "SessionMetricsAbsent": Case({}, _pods([still(0)], [1]), ',vertical="sales"'),
        "AdmissionNotAsPlanned": Case(
            _pods([still(1)] * 2, [1, 1], capacity=live.sessions_per_pod + 1),
            _pods([still(1)] * 2, [1, 1], capacity=live.sessions_per_pod),
        ),
    }


def _scaling(live: LivePlan) -> dict[str, Case]:
    labels = 'namespace="sales",horizontalpodautoscaler="sales"'

    def replicas(name: str, values: str) -> _Series:
        return {f"kube_horizontalpodautoscaler_{name}{{{labels}}}": values}

    def active(value: int) -> _Series:
        condition = f'{labels},condition="ScalingActive",status="true"'
        return {f"kube_horizontalpodautoscaler_status_condition{{{condition}}}": still(value)}

    two, last = _pods([still(5), still(5)], [1, 1]), 'kube_cronjob_status_last_successful_time{cronjob="sales-prescale"}'
    begin = dt.datetime(2026, 11, 2, tzinfo=dt.UTC).timestamp()
    most = live.scaling.maximum
    return {
        "AutoscalerSlow": Case(
            two | replicas("status_desired_replicas", still(3)), two | replicas("status_desired_replicas", still(2))
        ),
        "AutoscalerAtMaximum": Case(
            replicas("status_desired_replicas", still(most)) | replicas("spec_max_replicas", still(most)),
            replicas("status_desired_replicas", still(most - 1)) | replicas("spec_max_replicas", still(most)),
        ),
        "AutoscalerBlind": Case(active(0), active(1)),
        "FloorNotMet": Case(two | replicas("spec_min_replicas", still(3)), two | replicas("spec_min_replicas", still(2))),
        "PrescaleStale": Case({last: f"{begin:.0f}x{STEPS}"}, {last: f"{begin:.0f}+{STEP_S}x{STEPS}"}),
    }


def _model(plan: CapacityPlan) -> dict[str, Case]:
    limit = plan.model.ceilings[0].limits[0]
    tokens = f'gen_ai_client_token_usage_sum{{gen_ai_provider_name="{plan.model.primary.vendor}"}}'
    elsewhere = 'gen_ai_client_token_usage_sum{gen_ai_provider_name="other"}'
    each = limit.limit * plan.margins.safe_utilisation * STEP_S / 60
    refused = 'gen_ai_client_operation_duration_seconds_count{error_type="429"}'
    timed_out = 'gen_ai_client_operation_duration_seconds_count{error_type="timeout"}'
    return {
        "ModelNearLimit": Case({tokens: rising(0, each * 1.02)}, {tokens: rising(0, each * 0.98), elsewhere: rising(0, each)}),
        "ModelRefuses": Case({refused: rising(0, 1)}, {refused: still(7), timed_out: rising(0, 1)}),
    }


def _latency() -> dict[str, Case]:
    def answers(metric: str, budget: str, above: str, slow: float) -> _Series:
        name = f'{metric}_bucket{{vertical="sales",le='
        return {
            f'{name}"{budget}"}}': rising(0, 100 - slow),
            f'{name}"{above}"}}': rising(0, 100),
            f'{name}"+Inf"}}': rising(0, 100),
        }

    first_token, first_audio = ("voice_first_token_seconds", "0.8", "1.6"), ("voice_first_audio_seconds", "1.4", "2.8")
    return {
        "FirstTokenSlow": Case(answers(*first_token, 6), answers(*first_token, 4)),
        "FirstAudioSlow": Case(answers(*first_audio, 6), answers(*first_audio, 4)),
    }


def _queue(plan: CapacityPlan, queue: QueuePlan) -> dict[str, Case]:
    edge = round(queue.spec.depth_cap * plan.margins.safe_utilisation)

    def jobs(waiting: int, delayed: int, active: int) -> _Series:
        # Each of two workers says the same of the one queue.
        return {
            f'bullmq_job_count{{vertical="{queue.name}",pod="worker-{pod}",queue="calls",state="{state}"}}': still(count)
            for pod in (0, 1)
            for state, count in (("waiting", waiting), ("delayed", delayed), ("active", active))
        }

    def oldest(seconds: float) -> _Series:
        return {f'voice_queue_oldest_job_seconds{{vertical="{queue.name}",queue="calls"}}': still(seconds)}

    def offered(outcome: str, values: str) -> _Series:
        labels = f'vertical="{queue.name}",pod="gateway-0",outcome="{outcome}"'
        return {f"queue_gateway_callbacks_total{{{labels}}}": values}

    drain = 0.0 if queue.queue is None else queue.queue.drain_within
    return {
        "QueueDeep": Case(jobs(edge - 50, 100, 0), jobs(edge - 150, 100, 5000)),
        "QueueOld": Case(oldest(drain + 1), oldest(drain - 1)),
        "QueueRefuses": Case(offered("full", rising(0, 1)), offered("full", still(3)) | offered("unavailable", rising(0, 1))),
    }


def _edge(plan: CapacityPlan) -> dict[str, Case]:
    within = 100 * plan.margins.blocking

    def calls(reason: str, refused: float) -> _Series:
        # Of two tenants, one of whom is never refused.
        return {
            'headroom_edge_admitted_total{tenant="acme"}': rising(0, 100),
            'headroom_edge_admitted_total{tenant="zeta"}': rising(0, 100),
            f'headroom_edge_refused_total{{tenant="acme",reason="{reason}"}}': rising(0, refused),
        }

    return {
        "EdgeRefuses": Case(calls("pool", 3 * within), calls("pool", within) | calls("plan", 100)),
        "TenantRefused": Case(calls("plan", 1.5 * within), calls("plan", 0.5 * within) | calls("upstream", 100)),
    }


def _tunnel(plan: CapacityPlan) -> dict[str, Case]:
    tunnel = plan.stack.edge.tunnel
    replicas = 0 if tunnel is None else tunnel.tunnels * tunnel.replicas

    def connected(connections: list[int]) -> _Series:
        return {
            f'cloudflared_tunnel_ha_connections{{pod="tunnel-{index}"}}': still(count) for index, count in enumerate(connections)
        }

    return {
        "TunnelConnectionsLow": Case(connected([4] * (replicas - 1) + [3]), connected([4] * replicas)),
        "TunnelReplicasMissing": Case(connected([4] * (replicas - 1) + [0]), connected([4] * (replicas - 1) + [1])),
    }


def _cluster(plan: CapacityPlan, section: Observability) -> dict[str, Case]:
    pool = next(pool for pool in plan.pools if pool.name == "general")

    def nodes(ready: int, lost: int = 0) -> _Series:
        series: _Series = {}
        for index in range(ready + lost):
            node = f'node="node-{index}"'
            series[f'kube_node_status_condition{{{node},condition="Ready",status="true"}}'] = still(int(index < ready))
            series[f'kube_node_labels{{{node},label_headroom_dev_pool="general"}}'] = still(1)
        return series

    until = dt.datetime.combine(plan.lock.valid_until + dt.timedelta(days=1), dt.time(), dt.UTC)
    notice, certificate = (
        dt.timedelta(seconds=section.lock_notice),
        'k3s_certificate_expiration_seconds{subject="CN=kube-apiserver"}',
    )
    failures = 'prometheus_rule_evaluation_failures_total{rule_group="alerts"}'
    target = 'up{job="queue",namespace="after-hours",instance="10.0.0.1:8081"}'
    return {
        "NodeNotReady": Case(nodes(2, 1), nodes(3)),
        "PoolBelowPlan": Case(nodes(pool.enough - 1, 1), nodes(pool.enough, 1), ',pool="general"'),
        "ForecastLockEnds": Case(
            {},
            {},
            fires_start=until - notice,
            quiet_start=until - notice - dt.timedelta(seconds=(STEPS + 1) * STEP_S),
        ),
        "CertificateEnds": Case(
            {certificate: still(section.certificate_notice - 1)}, {certificate: still(section.certificate_notice + 1)}
        ),
        "TargetDown": Case({target: still(0)}, {target: f"1x60 0x4 1x{STEPS}"}),
        "StateMetricsAbsent": Case({}, {'kube_pod_status_ready{pod="sales-0",condition="true"}': still(0)}),
        "RulesFail": Case({failures: rising(0, 1)}, {failures: still(3)}),
    }
