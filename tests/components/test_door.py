"""The door: its figures, its text and its place in a deploy. What it refuses is tried on a real API server (tests/cluster)."""

import re
from itertools import pairwise

import pytest

from capacity import CapacityPlan, plan
from components.door.figures import AUTOSCALERS, door_figures, guarded, key
from components.door.policy import door_policy
from components.door.render import behind_door
from headroom.blueprint import Blueprint, Rendered, digest
from policies.judge import rule_names
from policies.rules.door import POLICY
from stacks.reading import environments, read_lock, read_spec
from stacks.voice import render
from tests.environments import planned


def before(blueprint: Blueprint, resource: Rendered) -> set[str]:
    """The names of all that a resource comes after, near and far."""
    found = set(resource.after)
    for name in resource.after:
        found |= before(blueprint, blueprint[name])
    return found


@pytest.mark.parametrize("environment", environments())
def test_figures_are_there_before_what_they_hold(environment: str) -> None:
    """Figures and policy come before every workload and autoscaler, the binding after; last what keeps autoscalers."""
    blueprint = render(planned(environment))
    held = guarded(blueprint)
    assert len(held) > 20
    for one in held:
        assert {"door-figures", "door-policy"} <= before(blueprint, one)
    assert {one.name for one in held} <= before(blueprint, blueprint["door-binding"])
    assert "door-binding" in before(blueprint, blueprint["door-kept"])
    scalers = {one.name for one in held if one.props["kind"] in AUTOSCALERS}
    assert set(blueprint["door-kept"].props["data"]) == {f"{key(blueprint[name])}.kept" for name in scalers}


def live(environment: str, *what_if: str) -> CapacityPlan:
    """An environment, by a spec that was changed."""
    lock = read_lock(environment)
    return plan(read_spec(environment, what_if=list(what_if)), lock, lock.data_end)


@pytest.mark.parametrize("more", [0, 7])
def test_a_maximum_may_come_down_to_what_is_required(more: int) -> None:
    """Of a maximum that is higher than it need be, the figure is the least that holds required and the week's floors."""
    pinned = [f"verticals.{each.name}.pins.maximum={each.scaling.maximum + more}" for each in live("prod").live]
    found = live("prod", *pinned)
    figures = door_figures(render(found), found.live)
    for each in found.live:
        pods = int(figures[f"{each.name}.horizontalpodautoscalers.{each.name}.maximum"])
        floors = [each.scaling.baseline, *(window.replicas for window in each.scaling.windows)]
        least = next(
            number
            for number in range(1, 1000)
            if number >= max(floors) and number * each.takes.guaranteed_safe >= each.required.sessions
        )
        assert pods == least, each.name


def test_a_lower_plan_has_lower_figures_and_the_same_text() -> None:
    """What is refused is the same for every plan: the figures alone change, and the ConfigMap takes their names."""
    plans = [live("prod"), live("prod", "margins.burst=1.2"), live("prod", "scaling.autoscaler=keda")]
    blueprints = [render(one) for one in plans]
    for one, other in pairwise(blueprints):
        assert one["door-policy"].props == other["door-policy"].props
        assert one["door-figures"].props["data"] != other["door-figures"].props["data"]
    for blueprint in blueprints:
        data = blueprint["door-figures"].props["data"]
        assert all(re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", name) for name in data)
        assert sum(len(name) + len(text) for name, text in data.items()) < 100_000
    most = "healthcare.horizontalpodautoscalers.healthcare.maximum"
    assert int(blueprints[1]["door-figures"].props["data"][most]) < int(blueprints[0]["door-figures"].props["data"][most])


def test_the_gate_knows_this_policy() -> None:
    """The rule of the gate holds the policy by its digest; each refusal begins with the name of a rule."""
    policy = door_policy()
    assert digest(policy) == POLICY
    named = {validation["messageExpression"].split(":")[0].removeprefix("'") for validation in policy["validations"]}
    assert named <= rule_names()
    assert {"sessions-cover-burst", "lag-floor-held", "scaling-target-leaves-lag-growth", "claims-match-lock"} <= named


def test_nothing_else_changes_behind_the_door() -> None:
    """The door adds its own resources and an order, and leaves what each resource is as it was."""
    found = planned("prod")
    blueprint = render(found)
    bare = [one for one in blueprint if one.name != "door" and one.parent != "door"]
    again = behind_door(bare, found, parent="voice")
    assert len(again) == len(bare) + 5
    assert {one.name: one.props for one in again} == {one.name: one.props for one in blueprint}
