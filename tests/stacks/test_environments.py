"""The environments beside each other: they deploy the same stack, and what differs is numbers."""

import pytest

from capacity import CapacityPlan
from headroom.blueprint.counts import part_counts
from policies.adapters.program import judge_blueprint
from policies.workload_types import POD_SPECS
from stacks.reading import environments, floors_path, lock_path, read_lock
from stacks.voice import render
from tests.environments import planned


def sessions(plan: CapacityPlan) -> int:
    """Return the concurrent sessions of a plan's forecast peaks."""
    return sum(live.peak for live in plan.live)


def test_these_are_the_environments() -> None:
    """A stack for each stage, and the published numbers."""
    assert environments() == ["dev", "local", "prod", "seed", "staging"]


@pytest.mark.parametrize("environment", environments())
def test_every_environment_deploys_the_whole_stack(environment: str) -> None:
    """Its parts are those of prod, one for one, and so are its kinds of workload: no branch leaves one out."""
    own, prod = render(planned(environment)), render(planned("prod"))
    assert [(part.name, part.type) for part in part_counts(own)] == [(part.name, part.type) for part in part_counts(prod)]
    assert {each.name for each in own if each.type in POD_SPECS} == {each.name for each in prod if each.type in POD_SPECS}


@pytest.mark.parametrize("environment", environments())
def test_all_but_the_seed_carry_their_burst(environment: str) -> None:
    """The gate refuses the published numbers, and nothing else; the planner says the same."""
    plan = planned(environment)
    verdict = judge_blueprint(render(plan), lock_path(environment), floors_path(), plan.as_of)
    assert verdict.refused == (environment == "seed")
    assert bool(plan.shortfalls) == (environment == "seed")


def test_each_stage_is_larger_than_the_one_before() -> None:
    """dev, staging, prod: a few people, a tenth, and the published load of about 3000 sessions."""
    dev, staging, prod = (sessions(planned(name)) for name in ("dev", "staging", "prod"))
    assert (dev, staging, prod) == (42, 300, 3000)


@pytest.mark.parametrize("environment", ["dev", "staging", "prod", "seed"])
def test_a_load_that_nobody_measured_says_so(environment: str) -> None:
    """Where there is no history the lock is declared, each vertical with its source."""
    lock = read_lock(environment)
    assert lock.kind == "declared"
    assert all(forecast.source != "no source given" for forecast in lock.verticals.values())
