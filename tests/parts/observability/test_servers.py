"""The rendered configurations under the real Prometheus and the real collector."""

import json
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.observability.catalogue import METRICS
from components.observability.collecting import collector_config
from components.observability.dashboards import dashboard_files
from components.observability.recordings import measured, plan_constants
from components.observability.render import rules_file
from components.observability.serving_metric import adapter_config
from components.workloads.keda import sessions_query
from headroom.local.goprograms import ensure_collector
from headroom.local.paths import paths
from headroom.local.prometheus import ensure_prometheus, serving
from headroom.ports import free_ports
from stacks.reading import environments
from tests.environments import planned
from tests.parts.observability.test_rules import section_of, written

pytestmark = pytest.mark.needs("go", "install Go 1.26 or later (https://go.dev/doc/install)")

OTLP = ("--web.enable-otlp-receiver",)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with prod's whole configuration; the cluster that it would discover is not there."""
    folder = tmp_path_factory.mktemp("prometheus")
    configured = yaml.safe_load(written(folder, planned("prod")).read_text())
    configured["scrape_configs"].append({"job_name": "itself", "static_configs": [{"targets": ["127.0.0.1:1"]}]})
    configured["global"] |= {"evaluation_interval": "1s", "scrape_interval": "1s", "scrape_timeout": "1s"}
    text = yaml.safe_dump(configured)
    with serving(ensure_prometheus(paths(), print), folder / "data", folder, text, OTLP) as url:
        yield url


def asked(url: str, path: str, **parameters: str) -> Any:
    """Return the data of an answer of Prometheus."""
    query = urllib.parse.urlencode(parameters)
    with urllib.request.urlopen(f"{url}/api/v1/{path}?{query}", timeout=10) as answer:  # noqa: S310  # our own server
        return json.load(answer)["data"]


def eventually(check: Callable[[], object], within_s: float = 30.0) -> None:
    """Wait until the check holds."""
    deadline = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.2)


def queries(environment: str) -> list[str]:
    """Return every query of rules, dashboards and the autoscalers' metric, KEDA's too, with their placeholders filled."""
    plan = planned(environment)
    rules = [rule["expr"] for group in rules_file(plan, section_of(plan))["groups"] for rule in group["rules"]]
    boards = [json.loads(text) for text in dashboard_files(plan).values()]
    panels = [target["expr"] for board in boards for panel in board["panels"] for target in panel["targets"]]
    variables = [variable["query"] for board in boards for variable in board.get("templating", {}).get("list", [])]
    seen = [match for query in variables for match in re.findall(r"label_values\((.+), \w+\)", str(query))]
    assert len(seen) == len(variables)
    rule = adapter_config()["rules"][0]
    served = rule["metricsQuery"].replace("<<.Series>>", "voice_active_sessions").replace("<<.GroupBy>>", "pod")
    kedas = [sessions_query(live.name) for live in plan.live]
    return [*rules, *panels, *seen, *kedas, rule["seriesQuery"], served.replace("<<.LabelMatchers>>", 'namespace="sales"')]


def named(tree: Any) -> set[str]:
    """Return the metrics that a parsed query reads."""
    if isinstance(tree, list):
        return {name for item in tree for name in named(item)}
    if not isinstance(tree, dict):
        return set()
    own = {tree["name"]} if tree.get("type") in ("vectorSelector", "matrixSelector") else set()
    return own | {name for value in tree.values() for name in named(value)}


@pytest.mark.parametrize("environment", environments())
def test_every_query_parses_and_reads_known_metrics(environment: str, prometheus: str) -> None:
    """The server parses every query, and each metric in it is recorded by a rule or stands in the catalogue with its source."""
    plan = planned(environment)
    recorded = {recording.record for recording in (*plan_constants(plan), *measured(plan))}
    declared = {series for metric in METRICS for series in metric.series}
    # A dashboard is the same in every environment: a figure that nobody knows there has no series.
    everywhere = {
        recording.record for name in environments() for recording in (*plan_constants(planned(name)), *measured(planned(name)))
    }
    read = {name for query in queries(environment) for name in named(asked(prometheus, "parse_query", query=query))}
    assert read - declared - recorded - everywhere == set()
    assert all(metric.source and metric.exposed_by for metric in METRICS)


def test_every_declared_metric_is_read() -> None:
    """The catalogue has no metric that no query and no calibration reads."""
    texts = " ".join(query for environment in environments() for query in queries(environment))
    calibrated = "container_memory_working_set_bytes container_cpu_usage_seconds_total container_file_descriptors"
    assert [metric.name for metric in METRICS if metric.name not in f"{texts} {calibrated}"] == []


def test_the_server_runs_the_rules(prometheus: str) -> None:
    """All rules are loaded and evaluated without an error, and the plan's ceilings are series of the server."""
    plan = planned("prod")

    def states() -> list[str]:
        return [rule["health"] for group in asked(prometheus, "rules")["groups"] for rule in group["rules"]]

    eventually(lambda: set(states()) == {"ok"})
    found = asked(prometheus, "query", query="vertical:session_ceiling_per_pod:plan")["result"]
    assert {one["metric"]["vertical"]: float(one["value"][1]) for one in found} == {
        live.name: live.ceiling.hard for live in plan.live
    }
    assert asked(prometheus, "query", query="up")["result"]


def test_metrics_of_the_conventions_arrive_under_the_catalogue_names(prometheus: str, tmp_path: Path) -> None:
    """A pod's token count, pushed to the rendered collector, is the series that the rules read, with its vertical."""
    document = collector_config(section_of(planned("prod")).model_copy(update={"telemetry": None}))
    ports = free_ports(2)
    document["receivers"]["otlp"]["protocols"]["http"]["endpoint"] = f"127.0.0.1:{ports[0]}"
    document["service"]["telemetry"]["metrics"]["readers"][0]["pull"]["exporter"]["prometheus"] |= {
        "host": "127.0.0.1",
        "port": ports[1],
    }
    for name in (name for name in document["exporters"] if name.startswith("otlp_http/")):
        document["exporters"][name]["endpoint"] = f"{prometheus}/api/v1/otlp"
    configuration = tmp_path / "collector.yaml"
    configuration.write_text(yaml.safe_dump(document))
    command: list[str | Path] = [ensure_collector(paths(), print), f"--config={configuration}"]
    with (tmp_path / "collector.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as collector:
        try:
            eventually(lambda: _pushed(ports[0], _histogram()))
            names = {
                "gen_ai_client_token_usage_sum": 1200.0,
                "gen_ai_client_operation_duration_seconds_count": 3.0,
                "gen_ai_execute_tool_duration_seconds_count": 3.0,
            }
            eventually(lambda: _values(prometheus, names) == names)
        finally:
            collector.terminate()


def _values(prometheus: str, names: Iterable[str]) -> dict[str, float]:
    picked = '{headroom_vertical="sales",gen_ai_provider_name="openai"}'
    answers = {name: asked(prometheus, "query", query=f"{name}{picked}")["result"] for name in names}
    return {name: float(result[0]["value"][1]) for name, result in answers.items() if result}


def _histogram() -> dict[str, Any]:
    now = time.time_ns()
    point = {
        "startTimeUnixNano": str(now - 10**9),
        "timeUnixNano": str(now),
        "count": "3",
        "sum": 1200.0,
        "bucketCounts": ["3", "0"],
        "explicitBounds": [1024.0],
        "attributes": [{"key": "gen_ai.provider.name", "value": {"stringValue": "openai"}}],
    }
    # Names and units of the conventions.
    metrics = (
        ("gen_ai.client.token.usage", "{token}"),
        ("gen_ai.client.operation.duration", "s"),
        ("gen_ai.execute_tool.duration", "s"),
    )
    histograms = [
        {"name": name, "unit": unit, "histogram": {"aggregationTemporality": 2, "dataPoints": [point]}} for name, unit in metrics
    ]
    attributes = [
        {"key": "service.name", "value": {"stringValue": "app"}},
        {"key": "headroom.vertical", "value": {"stringValue": "sales"}},
    ]
    return {"resourceMetrics": [{"resource": {"attributes": attributes}, "scopeMetrics": [{"metrics": histograms}]}]}


def _pushed(port: int, document: dict[str, Any]) -> bool:
    request = urllib.request.Request(  # our own server
        f"http://127.0.0.1:{port}/v1/metrics", json.dumps(document).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except urllib.error.URLError:
        return False
