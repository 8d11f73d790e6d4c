"""The rendered rules and routes, read and run by promtool and amtool."""

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from capacity.cost import HOURS_PER_MONTH
from capacity.observability import Observability
from capacity.plan import CapacityPlan, LivePlan, QueuePlan
from components.observability.alerts import alerts
from components.observability.render import rules_file
from components.observability.routes import alertmanager_config
from components.observability.scrape import EDGE_FOLDER, RULES_FILE, prometheus_config
from headroom.local.goprograms import ensure_amtool
from headroom.local.paths import paths
from headroom.local.prometheus import Programs, ensure_prometheus
from stacks.reading import environments
from tests.environments import planned
from tests.parts.observability.cases import STEP_S, Case, cases, rising

pytestmark = pytest.mark.needs("go", "install Go 1.26 or later (https://go.dev/doc/install)")


@pytest.fixture(scope="session")
def programs() -> Programs:
    """Prometheus and promtool."""
    return ensure_prometheus(paths(), print)


def section_of(plan: CapacityPlan) -> Observability:
    """Return the section, which every example has."""
    section = plan.stack.observability
    assert section is not None
    return section


def written(folder: Path, plan: CapacityPlan) -> Path:
    """Write rules and configuration as Prometheus finds them, with paths of this machine, and return the configuration."""
    rules, configuration = folder / "rules.yaml", folder / "prometheus.yaml"
    rules.write_text(yaml.safe_dump(rules_file(plan, section_of(plan))))
    for name in ("token", "ca.crt", "id", "secret"):
        (folder / name).touch()
    text = yaml.safe_dump(prometheus_config(plan, section_of(plan)))
    account = "/var/run/secrets/kubernetes.io/serviceaccount"
    here = {RULES_FILE: str(rules), account: str(folder), EDGE_FOLDER: str(folder)}
    for there, path in here.items():
        text = text.replace(there, path)
    configuration.write_text(text)
    return configuration


@pytest.mark.parametrize("environment", environments())
def test_promtool_accepts_configuration_and_rules(environment: str, programs: Programs, tmp_path: Path) -> None:
    """Every environment's configuration and rules are what this Prometheus reads, without a warning."""
    configuration = written(tmp_path, planned(environment))
    run = subprocess.run(
        [programs.promtool, "check", "config", "--lint-fatal", configuration], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_alert_has_a_pair() -> None:
    """No alert of any environment is without a case that fires and one that does not, and no case is without its alert."""
    there = {alert.name for name in environments() for alert in alerts(planned(name), section_of(planned(name)))}
    plan = planned("prod")
    assert there == cases(plan, section_of(plan)).keys()


@dataclass(frozen=True)
class Wanted:
    """Alerts of a name that fire."""

    count: int

    def group(self, name: str, case: Case) -> dict[str, object]:
        """Return promtool's test of one half of a pair."""
        start, series = (case.fires_start, case.fires) if self.count else (case.quiet_start, case.quiet)
        query = f'count(ALERTS{{alertname="{name}",alertstate="firing"{case.selector}}}) or vector(0)'
        return {
            "name": f"{name} {'fires' if self.count else 'is quiet'}",
            "interval": f"{STEP_S}s",
            "start_timestamp": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "input_series": [{"series": each, "values": values} for each, values in series.items()],
            "promql_expr_test": [{"expr": query, "eval_time": "30m", "exp_samples": [{"labels": "{}", "value": self.count}]}],
        }


@pytest.mark.parametrize("environment", environments())
def test_every_alert_fires_when_it_should_and_only_then(environment: str, programs: Programs, tmp_path: Path) -> None:
    """Each alert fires under its first series and is quiet under its second, at the thresholds of the environment's own plan."""
    plan = planned(environment)
    written(tmp_path, plan)
    there = {alert.name for alert in alerts(plan, section_of(plan))}
    pairs = {name: case for name, case in cases(plan, section_of(plan)).items() if name in there}
    document = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": f"{STEP_S}s",
        "group_eval_order": ["plan", "measured", "alerts"],
        "tests": [Wanted(count).group(name, case) for name, case in pairs.items() for count in (1, 0)],
    }
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(document))
    run = subprocess.run(
        [programs.promtool, "test", "rules", tmp_path / "tests.yaml"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_tenant_costs_its_minutes_and_its_share_of_the_machines(programs: Programs, tmp_path: Path) -> None:
    """A quarter of a vertical's sessions pays a quarter of its machines, and the model by the minute."""
    plan = planned("prod")
    written(tmp_path, plan)
    price = plan.model.primary.price_per_session_minute
    machines = next(cost.infrastructure for cost in plan.costs if cost.name == "sales")
    assert price is not None
    assert machines is not None
    spent = 'voice_session_seconds_total{{pod="sales-0",vertical="sales",tenant="{}",plan="growth"}}'.format
    series = {spent("a"): rising(0, 100 * STEP_S), spent("b"): rising(0, 300 * STEP_S)}
    expected = 100 * 60 * price.amount + machines / HOURS_PER_MONTH / 4
    sample = {"labels": '{tenant="a", plan="growth"}', "value": round(expected, 6)}
    test = {
        "interval": f"{STEP_S}s",
        "input_series": [{"series": each, "values": values} for each, values in series.items()],
        "promql_expr_test": [
            {"expr": 'round(tenant:cost_per_hour:rate5m{tenant="a"}, 1e-6)', "eval_time": "30m", "exp_samples": [sample]},
            {"expr": 'vertical:tenant_sessions:rate5m{tenant="b"}', "eval_time": "30m", "exp_samples": [_sessions_of_b()]},
        ],
    }
    document = {"rule_files": ["rules.yaml"], "evaluation_interval": f"{STEP_S}s", "fuzzy_compare": True, "tests": [test]}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(document))
    run = subprocess.run(
        [programs.promtool, "test", "rules", tmp_path / "tests.yaml"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def _sessions_of_b() -> dict[str, object]:
    labels = '{__name__="vertical:tenant_sessions:rate5m", vertical="sales", tenant="b", plan="growth"}'
    return {"labels": labels, "value": 300}


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ({"severity": "ticket"}, "ticket"),
        ({"severity": "page"}, "page"),
        ({"severity": "page", "vertical": "salon"}, "page"),
        ({"severity": "ticket", "vertical": "healthcare"}, "phi-ticket"),
        ({"severity": "page", "vertical": "healthcare"}, "phi-page"),
        ({"severity": "page", "vertical": "sales"}, "sales-people"),
    ],
)
def test_alerts_reach_who_answers_for_them(labels: dict[str, str], receiver: str, tmp_path: Path) -> None:
    """Alertmanager's own tool finds the receiver by owner, protected health information and severity."""
    plan = _with_health(planned("prod"), "healthcare")
    section = section_of(plan).model_copy(update={"owners": {"sales": "sales-people"}})
    configuration = tmp_path / "alertmanager.yaml"
    configuration.write_text(yaml.safe_dump(alertmanager_config(plan, section)))
    amtool = ensure_amtool(paths(), print)
    subprocess.run([amtool, "check-config", configuration], check=True, capture_output=True)
    route: list[str | Path] = [
        amtool,
        "config",
        "routes",
        "test",
        f"--config.file={configuration}",
        f"--verify.receivers={receiver}",
    ]
    run = subprocess.run(
        [*route, *(f"{name}={value}" for name, value in labels.items())], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def _with_health(plan: CapacityPlan, vertical: str) -> CapacityPlan:
    verticals = tuple(_marked(one, phi=one.name == vertical) for one in plan.verticals)
    return replace(plan, verticals=verticals)


def _marked(one: LivePlan | QueuePlan, *, phi: bool) -> LivePlan | QueuePlan:
    if isinstance(one, LivePlan):
        return replace(one, spec=one.spec.model_copy(update={"phi": phi}))
    return replace(one, spec=one.spec.model_copy(update={"phi": phi}))
