"""What watches the stack, as rendered from the plan: its alerts, its pods and who may read what."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from capacity.observability import Observability, size_observability
from capacity.plan import CapacityPlan
from capacity.sizing.pods import pod_size
from components.observability.alerts import alerts
from components.observability.recordings import plan_constants
from components.observability.render import observability_resources
from components.observability.routes import receivers
from headroom.blueprint import Rendered
from policies.workload_types import POD_SPECS
from stacks.reading import environments
from tests.environments import planned

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"


@pytest.fixture
def plan() -> CapacityPlan:
    """The plan of prod."""
    return planned("prod")


def section(plan: CapacityPlan) -> Observability:
    """Return the section, which every example has."""
    assert plan.stack.observability is not None
    return plan.stack.observability


def rendered(plan: CapacityPlan) -> dict[str, Rendered]:
    """Return the component's resources by name."""
    return {resource.name: resource for resource in observability_resources(plan, parent="voice")}


def pod_of(resource: Rendered) -> Mapping[str, Any]:
    """Return a workload's pod template."""
    template: Mapping[str, Any] = resource.props["spec"]["template"]
    return template


def constants(plan: CapacityPlan) -> dict[str, float]:
    """Return the plan's constants by record and labels."""
    return {
        f"{one.record}{one.labels}": float(one.expr.removeprefix("vector(").removesuffix(")")) for one in plan_constants(plan)
    }


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    """Each alert's link names a page that says what it means, what to look at and what to do; no page is left over."""
    there = {alert for name in environments() for alert in alerts(planned(name), section(planned(name)))}
    links = {alert.rule("https://pages.example/")["annotations"]["runbook_url"] for alert in there}
    assert {link.removeprefix("https://pages.example/") for link in links} == {page.name for page in RUNBOOKS.iterdir()}
    for page in RUNBOOKS.iterdir():
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {page.stem}\n"), page.name
        assert "\n## Look at\n- " in text, page.name
        assert "\n## Do\n- " in text, page.name


def test_capacity_as_a_metric_is_the_plans(plan: CapacityPlan) -> None:
    """The ceilings, thresholds and limits that alerts compare with are the plan's own figures."""
    found = constants(plan)
    for live in plan.live:
        assert found[f"vertical:session_ceiling_per_pod:plan{ {'vertical': live.name} }"] == live.ceiling.hard
        assert found[f"vertical:alert_utilisation:plan{ {'vertical': live.name} }"] == pytest.approx(1 / plan.margins.burst)
    limit = plan.model.ceilings[0].limits[0]
    assert found[f"model:limit:plan{ {'limit': limit.name} }"] == limit.limit


def test_a_new_forecast_lock_rolls_no_pod(plan: CapacityPlan) -> None:
    """A later lock changes the rules that Prometheus reads again by itself, and no pod template."""
    later = replace(plan, lock=plan.lock.model_copy(update={"data_end": plan.lock.data_end + timedelta(days=7)}))
    before, after = rendered(plan), rendered(later)
    assert {name for name, resource in before.items() if resource != after[name]} == {"observability-prometheus-config"}


def test_what_cannot_reload_is_restarted_for_its_files(plan: CapacityPlan) -> None:
    """A changed route changes Alertmanager's pod template: it reads its configuration at its start."""
    owned = section(plan).model_copy(update={"owners": {"sales": "sales-people"}})
    changed = replace(plan, stack=plan.stack.model_copy(update={"observability": owned}))
    name = "observability-alertmanager-workload"
    assert pod_of(rendered(plan)[name]) != pod_of(rendered(changed)[name])
    assert receivers(changed, owned)[-1] == "sales-people"


def test_planner_and_manifests_agree_on_the_pods(plan: CapacityPlan) -> None:
    """Every pod that is rendered is counted on its pool with the same size, and none is counted that is not."""
    asked = {pod.name: pod for pool in plan.pools for pod in pool.pods if pod.name.startswith("observability.")}
    workloads = [resource for resource in rendered(plan).values() if resource.type in POD_SPECS]
    sizes = sorted((resource.props["spec"]["replicas"], _requests(resource)["memory"]) for resource in workloads)
    assert len(workloads) == len(asked)
    assert [pods for pods, _ in sizes] == sorted(pod.count for pod in asked.values())


def _requests(resource: Rendered) -> dict[str, str]:
    containers = pod_of(resource)["spec"]["containers"]
    assert len(containers) == 1
    requests: dict[str, str] = containers[0]["resources"]["requests"]
    assert containers[0]["resources"]["limits"] == requests
    return requests


def test_secrets_are_named_and_never_written(plan: CapacityPlan) -> None:
    """Receivers, Grafana's login and the telemetry's header come from Secrets of the operator; none is rendered."""
    resources = rendered(plan)
    assert [name for name, resource in resources.items() if resource.type.endswith(":Secret")] == []
    grafana = pod_of(resources["observability-grafana-workload"])["spec"]["containers"][0]
    named = {variable["name"]: variable for variable in grafana["env"]}
    assert "value" not in named["GF_SECURITY_ADMIN_PASSWORD"]


def test_keda_needs_no_adapter(plan: CapacityPlan) -> None:
    """Where KEDA scales, nobody else claims the custom-metrics API."""
    keda = replace(plan, scaling=plan.scaling.model_copy(update={"autoscaler": "keda"}))
    left = rendered(plan).keys() - rendered(keda).keys()
    assert "observability-custom-metrics" in left
    assert all("adapter" in name or "autoscalers" in name or "custom-metrics" in name for name in left)


def test_prometheus_holds_its_series_by_storage_and_memory(plan: CapacityPlan) -> None:
    """Storage is retention / scrape x bytes a sample for each series; the tighter of it and memory binds, with its remedy."""
    given = section(plan).model_copy(
        update={
            "scrape": 10.0,
            "retention": 1_000_000.0,
            "bytes_per_sample": 2.0,
            "storage": 20_000_000_000,
            "series_per_pod": 1000,
            "series_beside": 0,
            "bytes_per_series": 10_000,
            "prometheus": section(plan).prometheus.model_copy(update={"pod": pod_size("1", "2Gi")}),
        }
    )
    sizing = size_observability(given, pods=50, safe_utilisation=1.0)
    assert (sizing.hard, sizing.required, sizing.binding, sizing.shortfall) == (100_000, 50_000, "storage", None)
    short = size_observability(given, pods=300, safe_utilisation=1.0).shortfall
    assert short is not None
    assert short.remedy == (
        "raise observability.storage from 20GB to 57221Mi and raise observability.prometheus.pod.memory from 2Gi to 2862Mi"
    )
