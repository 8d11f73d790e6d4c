"""`headroom calibrate` on a real Prometheus, with blocks of usage whose truth is known."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headroom.calibrate.errors import PrometheusFailed
from headroom.calibrate.prometheus import Server, Span, query_usage
from headroom.calibrate.queries import Queries
from headroom.local.paths import paths
from headroom.local.prometheus import ensure_prometheus, serving, write_blocks
from tests.calibrate.fleet import DAY_S, START, Fleet, Truth, drawn, starts
from tests.calibrate.openmetrics import write_openmetrics

pytestmark = pytest.mark.needs("go", "install Go 1.26 or later")

HEALTHCARE, SALES = Truth(), Truth(memory=15e6, cpu=0.023, descriptors=9.0)
FLEET = Fleet(pods=6, days=12, step_s=900)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus server with twelve days of usage of two verticals."""
    folder = tmp_path_factory.mktemp("prometheus")
    programs = ensure_prometheus(paths(), print)
    usage = {"healthcare": drawn(FLEET, 1), "sales": drawn(Fleet(pods=4, days=12, step_s=900, truth=SALES), 2)}
    samples = write_openmetrics(folder / "usage.om", usage, FLEET.step_s, {"healthcare": starts(HEALTHCARE, 80, 1)})
    write_blocks(programs, samples, folder / "data")
    with serving(programs, folder / "data", folder) as address:
        yield address


@pytest.fixture(scope="module")
def answer(url: str) -> dict[str, Any]:
    """What the command says of the example `prod`, as JSON."""
    span = ("--from", "2026-11-03", "--to", "2026-11-15", "--step", "15m")
    command = (sys.executable, "-m", "headroom.cli", "calibrate", "prod", "--prometheus", url, *span, "--json")
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stderr  # the example's claims are below this usage
    document: dict[str, Any] = json.loads(run.stdout)
    return document


@pytest.mark.parametrize(
    ("path", "truth"),
    [
        ("verticals.healthcare.session.memory", HEALTHCARE.memory),
        ("verticals.healthcare.session.cpu", HEALTHCARE.cpu),
        ("verticals.healthcare.pod.base_cpu", HEALTHCARE.base_cpu),
        ("verticals.healthcare.session.descriptors", HEALTHCARE.descriptors),
        ("verticals.sales.session.memory", SALES.memory),
        ("verticals.sales.session.cpu", SALES.cpu),
        ("verticals.sales.session.descriptors", SALES.descriptors),
        ("model.primary.tokens_per_session_minute.value", HEALTHCARE.tokens),
    ],
)
def test_the_interval_holds_the_truth(answer: dict[str, Any], path: str, truth: float) -> None:
    """Rates, means over a step and gauges of a real server lead back to what the usage was made of."""
    figure = {figure["path"]: figure for figure in answer["figures"]}[path]
    assert figure["low"] <= truth <= figure["high"]
    assert figure["high"] - figure["low"] < 0.5 * truth


def test_a_start_counts_once_and_from_creation_to_ready(url: str) -> None:
    """A pod that becomes ready anew after an outage shows a later time, which is no start."""
    span = Span(START + 300, START + 12 * DAY_S, 300)
    seen = query_usage(Server(url), Queries(), ["healthcare"], span, print).verticals["healthcare"].starts
    assert sorted(seen.seconds) == pytest.approx(sorted(starts(HEALTHCARE, 80, 1)), abs=0.01)  # twelve digits are written


def test_points_beyond_one_answer_are_asked_for_in_parts(url: str) -> None:
    """Three minutes' steps of twelve days are six queries a quantity, joined without a gap or a point twice."""
    span = Span(START + 180, START + 12 * DAY_S, 180)
    rows = query_usage(Server(url), Queries(), ["sales"], span, print).verticals["sales"].rows
    assert len(rows.time) == 4 * 12 * DAY_S // 180
    assert len(set(zip(rows.pod.tolist(), rows.time.tolist(), strict=True))) == len(rows.time)


def test_a_query_that_the_server_refuses_is_named(url: str) -> None:
    """What Prometheus says of a bad query reaches the user."""
    with pytest.raises(PrometheusFailed, match=r"refused nonsense\(: 400, .*parse error"):
        query_usage(Server(url), Queries(memory_bytes="nonsense("), ["sales"], Span(START, START + 900, 300), print)


def test_an_answer_without_pods_is_refused(url: str) -> None:
    """A sum over all pods would pass for one pod."""
    queries = Queries(memory_bytes='sum(container_memory_working_set_bytes{namespace="$vertical"})')
    with pytest.raises(PrometheusFailed, match="without the label pod"):
        query_usage(Server(url), queries, ["sales"], Span(START + 900, START + 9000, 900), print)


def test_promtool_takes_the_default_queries(tmp_path: Path) -> None:
    """Every default query is PromQL by Prometheus' own parser."""
    programs = ensure_prometheus(paths(), print)
    rules = [{"record": f"q:{name}", "expr": query.replace("$step", "5m")} for name, query in Queries().model_dump().items()]
    file = tmp_path / "rules.json"  # JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    run = subprocess.run([programs.promtool, "check", "rules", file], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
