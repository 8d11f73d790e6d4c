"""What the generated stack asks and gives is what the contract says."""

from pathlib import Path
from typing import Any

import pytest

from components.observability.serving_metric import adapter_config
from components.workloads.keda import sessions_query
from examples.agent.limits import read_limits, shortfalls
from examples.agent.settings import Settings, read_settings
from headroom.conformance.contract import ALIVE, CALL, DRAIN, LIMITS, METRIC_NAMES, PLAN, READY, TENANT
from stacks.reading import environments
from stacks.voice import render
from tests.environments import planned

ROOT = Path(__file__).resolve().parents[2]


def container(name: str) -> dict[str, Any]:
    """The session container of a vertical of prod."""
    spec = render(planned("prod"))[f"{name}-deployment"].props["spec"]["template"]["spec"]
    found: dict[str, Any] = spec["containers"][0]
    return found


def test_the_kubelet_asks_what_the_contract_names() -> None:
    """Probes and drain have the contract's paths, all on the port of probes."""
    asked = container("healthcare")
    probes = [asked[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")]
    assert [probe["path"] for probe in probes] == [ALIVE, ALIVE, READY]
    drain = asked["lifecycle"]["preStop"]["httpGet"]
    assert {probe["port"] for probe in (*probes, drain)} == {"probes"}
    assert drain["path"] == DRAIN


@pytest.mark.parametrize("environment", environments())
def test_the_agent_starts_with_what_a_pod_is_given(environment: str) -> None:
    """The variables of every pod of one process are all that the agent reads, with the plan's figures."""
    plan = planned(environment)
    blueprint = render(plan)
    read = 0
    for live in plan.live:
        if live.spec.pod.workers > 1:
            continue
        template = blueprint[f"{live.name}-deployment"].props["spec"]["template"]["spec"]
        given = {entry["name"]: entry["value"] for entry in template["containers"][0]["env"] if "value" in entry}
        requests = live.spec.pod.requests or live.spec.pod
        assert read_settings(given) == Settings(
            max_sessions=live.sessions_per_pod,
            port=live.spec.port,
            probe_port=live.spec.probes.port,
            drain_seconds=live.spec.longest_call,
            open_files=live.spec.pod.descriptors,
            memory_bytes=requests.memory,
            cpu_cores=requests.cpu,
        )
        read += 1
    assert read


def test_the_edge_says_whose_call_it_is() -> None:
    """The session that opens a vertical's socket sets every header that the contract names."""
    source = (ROOT / "components" / "edge" / "worker" / "src" / "session.js").read_text(encoding="utf-8")
    assert [header for header in (CALL, TENANT, PLAN) if f'"{header}": state.' not in source] == []


def test_the_autoscaler_reads_the_contracts_gauge() -> None:
    """prometheus-adapter and KEDA ask for a metric that the probes demand by the same name."""
    (gauge,) = (metric.name for metric in METRIC_NAMES if metric.name == "voice_active_sessions")
    assert gauge in adapter_config()["rules"][0]["seriesQuery"]
    assert gauge in sessions_query("sales")


@pytest.mark.parametrize(("memory", "short"), [(120_000_000, False), (130_000_000, True)])
def test_a_container_has_what_its_group_grants(memory: int, short: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """Memory and processor time are the control group's; what the kernel loses by whole pages is no shortfall."""
    (tmp_path / "memory.max").write_text(f"{120_000_000 // 4096 * 4096}\n")
    (tmp_path / "cpu.max").write_text("25000 100000\n")
    limits = read_limits(Settings(1, 8080, 8081, 1.0, 8, memory, 0.25), tmp_path)
    assert [limit.name for limit in limits] == list(LIMITS)
    assert limits[2].granted == 0.25
    assert [text.partition(":")[0] for text in shortfalls(limits)] == ["HEADROOM_MEMORY_BYTES"] * short


def test_the_contract_is_written_down() -> None:
    """docs/contract.md names every rule, metric and limit."""
    from tests.conformance.test_conformance import RULES

    text = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
    names = {*RULES, *(metric.name for metric in METRIC_NAMES), *LIMITS, *LIMITS.values()}
    assert [name for name in sorted(names) if f"`{name}`" not in text and f"`{name}{{" not in text] == []
