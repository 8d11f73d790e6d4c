"""More load or less capacity never turns a refusal into a pass."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.verdict import Verdict
from tests.policies.base import Document, Situation, change, passing, verdict_on

HD, HA, SA = "healthcare-deployment", "healthcare-autoscaler", "sales-autoscaler"
SESSIONS = ["lock", "verticals", "healthcare"]
CONTAINER = [HD, "spec", "template", "spec", "containers", 0, "resources"]

PLENTY_OF_NODES: Document = {"at": ["pool-general", "nodes"], "to": 1000}
"""Pods that hold more take more nodes: that is another rule's load."""


def _pod(sessions: int) -> list[Document]:
    size = {"cpu": f"{50 * sessions}m", "memory": f"{120 * sessions}M"}
    copy: Document = {"at": [HA, "metadata", "annotations", "headroom.dev/hard-ceiling"], "to": str(sessions)}
    return [copy, *({"at": [*CONTAINER, kind], "to": size} for kind in ("limits", "requests"))]


Harder = Callable[[float], list[Document]]

LOADS: dict[str, tuple[Harder, bool]] = {
    "the forecast peak": (
        lambda share: [
            {"at": [*SESSIONS, "peak"], "to": round(1600 * share)},
            {"at": [HD, "metadata", "annotations", "headroom.dev/forecast-peak"], "to": str(round(1600 * share))},
        ],
        True,
    ),
    "the extreme quantile": (
        lambda share: [
            {"at": [*SESSIONS, "extreme"], "to": {"q95": round(3000 * share), "days_fitted": 9, "days_ahead": 9, "method": "x"}}
        ],
        True,
    ),
    "the growth within the lag": (lambda share: [{"at": [*SESSIONS, "lag", "ratio"], "to": 1 + share}], True),
    "what comes after a quiet minute": (
        lambda share: [{"at": [*SESSIONS, "lag", "quiet_sessions"], "to": round(600 * share)}],
        True,
    ),
    "the known peak": (
        lambda share: [{"at": ["lock", "verticals", "sales", "known_peaks", 0, "sessions"], "to": round(2000 * share) + 1}],
        True,
    ),
    "the burst": (lambda share: [{"at": ["voice", "burst"], "to": 1 + share}], True),
    "the growth of a quarter": (lambda share: [{"at": ["voice", "growthPerQuarter"], "to": 1 + 3 * share}], True),
    "the cost of a session": (
        lambda share: [{"at": [HD, "metadata", "annotations", "headroom.dev/session-descriptors"], "to": str(1000 * share)}],
        True,
    ),
    "the tokens of a session": (
        lambda share: [{"at": ["model", "primary", "tokensPerSessionMinute"], "to": 12_000 * share}],
        True,
    ),
    "the sessions that a pod admits": (
        lambda share: [{"at": [*CONTAINER[:-1], "env", 0, "value"], "to": str(80 + round(200 * share))}],
        True,
    ),
    "the organisation's burst": (lambda share: [{"at": ["floors", "minimum_burst"], "to": 1 + share}], True),
    "a pod's limits and requests": (lambda share: [*_pod(round(160 * share)), PLENTY_OF_NODES], False),
    "a pod's requests": (
        lambda share: [{"at": [*CONTAINER, "requests"], "to": {"cpu": f"{round(4000 * share)}m", "memory": "16Gi"}}],
        False,
    ),
    "the target": (
        lambda share: [{"at": [HA, "spec", "metrics", 0, "pods", "target", "averageValue"], "to": str(round(100 * share) + 1)}],
        True,
    ),
    "the maximum replicas": (
        lambda share: [{"at": [SA, "spec", "maxReplicas"], "to": round(18 * share) + 1}, PLENTY_OF_NODES],
        False,
    ),
    "the safe utilisation": (lambda share: [{"at": ["voice", "safeUtilisation"], "to": share}], False),
    "the account's tokens": (lambda share: [{"at": ["model", "primary", "tokensPerMinute"], "to": round(40e6 * share)}], False),
    "the nodes that may be gone": (lambda share: [{"at": ["pool-general", "survive"], "to": round(8 * share)}], True),
    "the nodes": (lambda share: [{"at": ["pool-general", "nodes"], "to": round(20 * share)}], False),
    "the open files": (
        lambda share: [
            {
                "at": [HD, "spec", "template", "metadata", "annotations", "ulimits.nri.containerd.io/container.app"],
                "to": f"- {{type: RLIMIT_NOFILE, hard: 2000, soft: {round(2000 * share)}}}",
            }
        ],
        False,
    ),
}


@pytest.mark.parametrize("name", LOADS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=st.floats(0.01, 1), other=st.floats(0.01, 1))
def test_harder_is_never_easier(tmp_path_factory: pytest.TempPathFactory, name: str, one: float, other: float) -> None:
    """Where the easier of two situations is refused, so is the harder, and by the same rules at least."""
    made, more_is_harder = LOADS[name]
    easy, hard = sorted((one, other), reverse=not more_is_harder)
    folder = tmp_path_factory.mktemp("evidence")

    def rules(share: float) -> set[str]:
        verdict: Verdict = verdict_on(_situation(made(share)), folder)
        return {violation.rule for violation in verdict.violations}

    assert rules(easy) <= rules(hard)


@pytest.mark.parametrize("name", LOADS)
def test_each_of_them_can_refuse(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    """The hardest of each refuses, so that the property above speaks of something."""
    made, more_is_harder = LOADS[name]
    hardest = _situation(made(1.0 if more_is_harder else 0.01))
    assert verdict_on(hardest, tmp_path_factory.mktemp("evidence")).refused


def _situation(changes: list[Document]) -> Situation:
    return change(passing(), changes)
