"""What one machine measured of the stack's own programs: shown with its source, and no limit."""

import pytest

from capacity.explain import explain_parts
from tests.environments import planned


@pytest.mark.parametrize(
    ("part", "figure"),
    [
        ("session object", "frames that come back"),
        ("admission gate", "admissions"),
        ("after-hours gateway", "callbacks"),
    ],
)
def test_a_local_run_is_shown_with_its_day_and_counts_nowhere(part: str, figure: str) -> None:
    """The last steps of the part are what was measured here; what it safely holds rests on other sources."""
    plan = planned("prod")
    (step,) = (step for step in explain_parts(plan, part) if step.name == figure)
    assert step.source.startswith("measured, local, ")
    assert step.source.endswith("2026-11-23")
    assert step.formula == "what one machine did; nothing is sized by it"
    limits = [limit for one in plan.sizings if one.name == part and one.sizing is not None for limit in one.sizing.limits]
    assert limits
    assert not any("measured, local" in limit.source for limit in limits)
