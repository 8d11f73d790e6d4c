"""The door: its figures, its text and its place in a deploy. What it refuses is tried on a real API server (tests/cluster)."""

import json
from itertools import pairwise
from typing import Any

import pytest

from capacity import CapacityPlan, plan
from components.door.figures import KEPT, door_figures, guarded
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
    """The policy comes before every workload and autoscaler, the binding after; what is kept goes with its namespace."""
    blueprint = render(planned(environment))
    held = guarded(blueprint)
    assert len(held) > 20
    for one in held:
        assert "door-policy" in before(blueprint, one)
    assert {one.name for one in held} <= before(blueprint, blueprint["door-binding"])
    for one in blueprint:
        with_it = one.options.goes_with
        assert (with_it is not None) == (one in held and one.props["kind"] in KEPT), one.name
        assert with_it is None or blueprint[with_it].props["metadata"]["name"] == one.props["metadata"]["namespace"]


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
        pods = int(figures[each.name][f"horizontalpodautoscalers/{each.name}"]["maximum"])
        floors = [each.scaling.baseline, *(window.replicas for window in each.scaling.windows)]
        least = next(
            number
            for number in range(1, 1000)
            if number >= max(floors) and number * each.takes.guaranteed_safe >= each.required.sessions
        )
        assert pods == least, each.name


def told(policy: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The figures that a policy tells, by variable, and its other variables but that which finds them."""
    texts = {one["name"]: one["expression"] for one in policy["variables"]}
    own = {name: json.loads(texts.pop(name)) for name in list(texts) if name.startswith("of_")}
    return own, {name: text for name, text in texts.items() if name != "figures"}


def test_a_lower_plan_has_lower_figures_and_the_same_text() -> None:
    """What is refused is the same for every plan: the figures alone change."""
    plans = [live("prod"), live("prod", "margins.burst=1.2"), live("prod", "scaling.autoscaler=keda")]
    policies = [render(one)["door-policy"].props["spec"] for one in plans]
    for one, other in pairwise(policies):
        assert one["validations"] == other["validations"]
        assert told(one)[1] == told(other)[1]
        assert told(one)[0] != told(other)[0]
    most = [int(told(one)[0]["of_healthcare"]["horizontalpodautoscalers/healthcare"]["maximum"]) for one in policies[:2]]
    assert most[1] < most[0]


def test_figures_are_told_as_they_are() -> None:
    """A namespace's figures are one variable, whatever they say; the API server reads none of over 100 000 characters."""
    said = 'a "quote", a \\, é, 😀\nand a line'
    figures = {f"space-{number}": {"deployments/one": {"claims": said}} for number in range(300)}
    policy = door_policy(figures)
    assert told(policy)[0] == {space.replace("space-", "of_space_"): held for space, held in figures.items()}
    assert "😀" in policy["variables"][0]["expression"]
    assert max(len(one["expression"]) for one in policy["variables"]) < 20_000


def test_the_gate_knows_this_policy() -> None:
    """The rule of the gate holds the policy by its digest; each refusal begins with the name of a rule."""
    policy = door_policy({})
    assert digest(policy | {"variables": policy["variables"][1:]}) == POLICY
    named = {validation["messageExpression"].split(":")[0].removeprefix("'") for validation in policy["validations"]}
    assert named <= rule_names()
    assert {"sessions-cover-burst", "lag-floor-held", "scaling-target-leaves-lag-growth", "claims-match-lock"} <= named


def test_nothing_else_changes_behind_the_door() -> None:
    """The door adds its own resources and an order, and leaves what each resource is as it was."""
    found = planned("prod")
    blueprint = render(found)
    bare = [one for one in blueprint if one.name != "door" and one.parent != "door"]
    again = behind_door(bare, found, parent="voice")
    assert len(again) == len(bare) + 3
    assert {one.name: one.props for one in again} == {one.name: one.props for one in blueprint}
