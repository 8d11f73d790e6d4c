"""One figure of prod's spec doubled: what changes, line by line, and that nothing else does."""

import difflib
import json
import re
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from stacks.reading import plan_environment, read_spec
from stacks.voice import render
from tests.environments import planned
from tests.goldens.flat import changes

CHANGES = Path(__file__).with_name("changes")
PLAN = ("voice", "capacity-plan")
"""The plan itself, and its digest at the root."""
WATCHED = "observability-prometheus-config"
"""The rules and constants that come of the plan."""
DOOR = "door-policy"
"""What the cluster holds workloads to."""
LIVE = ("healthcare", "real-estate", "sales", "salon", "it-helpdesk")

DOUBLED: dict[str, tuple[str, ...]] = {
    "margins.burst": (*LIVE, *(f"{name}-autoscaler" for name in LIVE), "edge-caps", DOOR, WATCHED),
    "verticals.healthcare.session.cpu": ("healthcare", "healthcare-deployment", "healthcare-autoscaler", DOOR, WATCHED),
    "verticals.sales.pod.descriptors": ("sales-deployment",),
    "verticals.after-hours.depth_cap": (
        "after-hours",
        "after-hours-callbacks",
        "after-hours-callbacks-deployment",
        "after-hours-deployment",
        "after-hours-queue",
        "after-hours-queue-settings",
        WATCHED,
    ),
    "scaling.prescale_lead": ("sales-autoscaler", "node-upgrades", DOOR),
    "bus.cap_per_session": ("bus-real-estate-*",),
    "turn.user_quota": ("turn-config", "turn-servers"),
    "edge.tunnel.replicas": ("edge", "edge-tunnel-deployment", DOOR, WATCHED),
    "edge.scripts.shield.requests": ("edge-router", "edge-shield"),
    "plans.starter.cap": ("gateway", "gateway-config", "edge-caps", "sold"),
    "tools.slots": ("tools", "tools-deployment"),
    "gpu.asr.streams.value": ("gpu-asr", "gpu-asr-deployment", DOOR),
    "observability.retention": ("observability", "observability-prometheus-workload"),
}
"""Figures of the spec, and the resources that each may change beside the plan."""


def doubled(figure: str) -> str:
    """Return the change that doubles a figure of prod, as `--what-if` takes it; all of them are whole or have one unit."""
    value: Any = read_spec("prod")
    for key in figure.split("."):
        value = value[key] if isinstance(value, dict) else getattr(value, key)
    spans = ("scaling.prescale_lead", "observability.retention")
    return f"{figure}={json.dumps(f'{round(value * 2)}s' if figure in spans else value * 2)}"


@pytest.mark.parametrize("figure", DOUBLED)
def test_a_doubled_figure_changes_what_it_should(figure: str, request: pytest.FixtureRequest) -> None:
    """The rendered stack differs in the reviewed lines, and in no resource that has nothing to do with the figure."""
    changed = plan_environment("prod", None, datetime(2026, 11, 2, 12, tzinfo=UTC), what_if=[doubled(figure)])
    lines = changes(render(planned("prod")), render(changed))
    touched = {re.sub(r"^[+-] ", "", line).split(" ")[0] for line in lines}
    strangers = sorted(name for name in touched if not any(fnmatch(name, known) for known in (*DOUBLED[figure], *PLAN)))
    assert strangers == []
    assert touched - set(PLAN)
    golden = CHANGES / f"{figure}.txt"
    kept = golden.read_text(encoding="utf-8").splitlines() if golden.exists() else []
    if lines == kept:
        return
    if request.config.getoption("--rewrite-goldens"):
        CHANGES.mkdir(exist_ok=True)
        golden.write_text("\n".join(lines) + "\n", encoding="utf-8")
    shown = "\n".join(difflib.unified_diff(kept, lines, "reviewed", "now", n=0, lineterm=""))
    pytest.fail(f"what {figure} changes has changed; if it should, run: make golden\n{shown[:6000]}", pytrace=False)


def test_the_changes_are_those_of_the_table() -> None:
    """No reviewed diff is left of a figure that is no longer doubled, and there are at least ten."""
    assert sorted(file.stem for file in CHANGES.iterdir()) == sorted(DOUBLED)
    assert len(DOUBLED) >= 10
