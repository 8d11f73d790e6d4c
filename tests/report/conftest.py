"""Reports of the environments of this repository, of one that is refused, and of one with waivers."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import cache

import pytest

from capacity import CapacityPlan
from headroom.review.report.page import report_page
from policies.adapters.program import judge_blueprint
from policies.verdict import Violation
from policies.waivers import Waived, Waiver
from stacks.reading import floors_path, lock_path, read_spec
from stacks.voice import render
from tests.environments import planned as plan_of

WAIVED = "local, with waivers"
_LATER = Violation("turn-ports-cover-burst", "turn", 900.0, 800.0, "ports", "800 ports of 900 that calls need", "open 900")
_SOON = Violation("sessions-cover-burst", "sales", 700.0, 650.0, "sessions", "sales holds <650> of 700 sessions", "set 10")
WAIVERS = (
    Waived(_LATER, Waiver("turn-ports-cover-burst", "turn", "the firewall is changed on the 9th", date(2026, 11, 16)), 14),
    Waived(_SOON, Waiver("sessions-cover-burst", "sales", "nodes are on order", date(2026, 11, 5)), 3, adopted=True),
)


@pytest.fixture(scope="session")
def planned() -> Callable[[str], CapacityPlan]:
    """Plans an environment, once."""
    return cache(plan_of)


@pytest.fixture(scope="session")
def reported(planned: Callable[[str], CapacityPlan]) -> Callable[[str], str]:
    """Makes the report of an environment, once."""

    @cache
    def report(name: str) -> str:
        environment = "local" if name == WAIVED else name
        plan = planned(environment)
        verdict = judge_blueprint(render(plan), lock_path(environment), floors_path(), plan.as_of)
        if name == WAIVED:
            verdict = replace(verdict, waived=WAIVERS)
        return report_page(plan, verdict, read_spec(environment).zone)

    return report
