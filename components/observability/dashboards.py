"""Grafana's dashboards: the fleet, one vertical, and one tenant with what it costs (S27)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from capacity.plan import CapacityPlan

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

DATASOURCE = "prometheus"
_WIDTH, _HEIGHT = 12, 8


@dataclass(frozen=True)
class Panel:
    """One chart over time."""

    title: str
    queries: tuple[tuple[str, str], ...]
    """Each query with the legend of its series."""
    unit: str = "short"


def fleet(plan: CapacityPlan) -> tuple[Panel, ...]:
    """Return the charts of all verticals and of what they share."""
    panels = [
        Panel("Active sessions", (("vertical:active_sessions:sum", "{{vertical}}"),)),
        Panel(
            "Utilisation of ready pods, and its alert",
            (("vertical:utilisation:ratio", "{{vertical}}"), ("vertical:alert_utilisation:plan", "alert {{vertical}}")),
            "percentunit",
        ),
        Panel(
            "Calls without a session",
            (("sum by (vertical, reason) (rate(voice_admission_rejected_total[5m]))", "{{vertical}} {{reason}}"),),
            "reqps",
        ),
        Panel(
            "Use of the first provider's limits",
            (("model:use:sum / on (limit) model:limit:plan", "{{limit}}"),),
            "percentunit",
        ),
        Panel("Ready nodes", (('sum(kube_node_status_condition{condition="Ready",status="true"})', "nodes"),)),
        Panel("Cost an hour by plan", (("sum by (plan) (tenant:cost_per_hour:rate5m)", "{{plan}}"),), _money(plan)),
    ]
    if plan.stack.edge.tunnel is not None:
        tunnel = (
            ("cloudflared_tunnel_ha_connections", "{{pod}}"),
            ("rate(cloudflared_tunnel_request_errors[5m])", "errors {{pod}}"),
        )
        panels.append(Panel("Tunnel connections", tunnel))
    return tuple(panels)


def vertical() -> tuple[Panel, ...]:
    """Return the charts of the vertical that `$vertical` names."""
    one = '{vertical="$vertical"}'
    le = f"sum by (le) (rate(voice_%s_seconds_bucket{one}[5m]))"
    quantiles = tuple(
        (f"histogram_quantile(0.95, {le % name})", name.replace("_", " ")) for name in ("first_token", "first_audio")
    )
    spent = 'gen_ai_execute_tool_duration_seconds_bucket{headroom_vertical="$vertical"}'
    tools = f"sum by (le, gen_ai_tool_name) (rate({spent}[5m]))"
    return (
        Panel(
            "Sessions",
            (
                (f"vertical:active_sessions:sum{one}", "active"),
                (f"vertical:required_sessions:plan{one}", "required"),
                (f"vertical:provided_sessions:plan{one}", "provided at the maximum"),
            ),
        ),
        Panel("Sessions by pod", ((f"pod:active_sessions:sum{one}", "{{pod}}"),)),
        Panel(
            "Pods",
            (
                (f"vertical:pods_ready:count{one}", "ready"),
                (f"vertical:pods_desired:max{one}", "desired"),
                (f"vertical:pods_floor:max{one}", "floor"),
                (f"vertical:pods_ceiling:max{one}", "maximum"),
            ),
        ),
        Panel("Times that a pod became full", ((f"sum by (pod) (increase(voice_full_total{one}[5m]))", "{{pod}}"),)),
        Panel("Latency, 95% of the answers", quantiles, "s"),
        Panel(
            "Memory and processor of the session container",
            (
                ('max(container_memory_working_set_bytes{namespace="$vertical",container="app"})', "bytes, largest pod"),
                (
                    'max by (pod) (rate(container_cpu_usage_seconds_total{namespace="$vertical",container="app"}[5m]))',
                    "cores {{pod}}",
                ),
            ),
        ),
        Panel("Tools, 95% of the calls", ((f"histogram_quantile(0.95, {tools})", "{{gen_ai_tool_name}}"),), "s"),
        Panel("Jobs in its queue", ((f"max by (queue, state) (bullmq_job_count{one})", "{{queue}} {{state}}"),)),
    )


def tenant(plan: CapacityPlan) -> tuple[Panel, ...]:
    """Return the charts of the tenant that `$tenant` names; its cost is unknown where a price is."""
    one = '{tenant="$tenant"}'
    return (
        Panel("Sessions", ((f"sum by (vertical) (voice_tenant_sessions{one})", "{{vertical}}"),)),
        Panel(
            "Session minutes a day",
            ((f"sum by (vertical) (increase(voice_session_seconds_total{one}[1d])) / 60", "{{vertical}}"),),
        ),
        Panel("Cost an hour", ((f"tenant:cost_per_hour:rate5m{one}", "{{plan}}"),), _money(plan)),
        Panel(
            "Cost of the last day", ((f"sum(avg_over_time(tenant:cost_per_hour:rate5m{one}[1d])) * 24", "cost"),), _money(plan)
        ),
    )


def dashboard_files(plan: CapacityPlan) -> dict[str, str]:
    """Return each dashboard as the JSON that Grafana reads, by file name."""
    from grafana_foundation_sdk.cog.encoder import JSONEncoder  # a tenth of a second: only who renders needs it

    dashboards = (
        _dashboard("Fleet", fleet(plan)),
        _dashboard("Vertical", vertical(), "vertical", "vertical:active_sessions:sum"),
        _dashboard("Tenant", tenant(plan), "tenant", "voice_tenant_sessions"),
    )
    encoder = JSONEncoder(sort_keys=True, indent=1)
    return {f"{one.build().uid}.json": encoder.encode(one.build()) + "\n" for one in dashboards}


def _dashboard(title: str, panels: Sequence[Panel], variable: str = "", seen_in: str = "") -> "Dashboard":
    from grafana_foundation_sdk.builders.dashboard import Dashboard, QueryVariable

    board = Dashboard(title).uid(title.lower()).tags(["headroom"]).refresh("30s").time("now-6h", "now").timezone("utc")
    if variable:
        query = f"label_values({seen_in}, {variable})"
        board = board.with_variable(QueryVariable(variable).datasource(_reference()).query(query))
    for panel in panels:
        board = board.with_panel(_panel(panel))
    return board


def _panel(panel: Panel) -> Any:
    from grafana_foundation_sdk.builders.prometheus import Dataquery
    from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries

    chart = TimeSeries().title(panel.title).unit(panel.unit).datasource(_reference()).span(_WIDTH).height(_HEIGHT)
    for reference, (query, legend) in zip("ABCDEFGH", panel.queries, strict=False):
        chart = chart.with_target(Dataquery().ref_id(reference).expr(query).legend_format(legend))
    return chart


def _reference() -> Any:
    from grafana_foundation_sdk.models.dashboard import DataSourceRef

    return DataSourceRef(type_val="prometheus", uid=DATASOURCE)


def _money(plan: CapacityPlan) -> str:
    return f"currency{plan.currency}"
