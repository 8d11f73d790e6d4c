"""Reports of the environments of this repository, and of one that is refused."""

from collections.abc import Callable
from functools import cache

import pytest

from capacity import CapacityPlan
from headroom.review.report.page import report_page
from policies.adapters.program import judge_blueprint
from stacks.reading import floors_path, lock_path, read_spec
from stacks.voice import render
from tests.environments import planned as plan_of


@pytest.fixture(scope="session")
def planned() -> Callable[[str], CapacityPlan]:
    """Plans an environment, once."""
    return cache(plan_of)


@pytest.fixture(scope="session")
def reported(planned: Callable[[str], CapacityPlan]) -> Callable[[str], str]:
    """Makes the report of an environment, once."""

    @cache
    def report(environment: str) -> str:
        plan = planned(environment)
        verdict = judge_blueprint(render(plan), lock_path(environment), floors_path(), plan.as_of)
        return report_page(plan, verdict, read_spec(environment).zone)

    return report
