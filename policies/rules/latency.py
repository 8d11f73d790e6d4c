"""latency-budget-held: the stages of an answer add up to no more than callers wait."""

from collections.abc import Iterator

from policies.evidence import Context, usable
from policies.figures import exceeds
from policies.floors import Floors
from policies.rule import Finding, Rule, each
from policies.stack import MissingField, Place, Resource, Stack, field

LATENCY = "headroom:latency:Latency"


def _latency_budget_held(stack: Stack, context: Context) -> Iterator[Finding]:
    floors = usable(context.floors)
    yield from each(stack.of_type(LATENCY), lambda latency: latency.name, lambda latency: _held(latency, floors))


def _held(latency: Resource, floors: Floors) -> Iterator[Finding]:
    to_token, to_audio = _stages(field(latency, "toFirstToken")), _stages(field(latency, "toFirstAudio"))
    for what, claim, most, stages in (
        ("first token", field(latency, "firstTokenSeconds"), floors.maximum_first_token_seconds, to_token),
        ("first audio", field(latency, "firstAudioSeconds"), floors.maximum_first_audio_seconds, to_token | to_audio),
    ):
        budget = claim.number() if most is None else min(claim.number(), most)
        total = sum(stages.values())
        if exceeds(total, budget):
            longest = max(stages, key=lambda name: stages[name])
            message = (
                f"the {what} comes after {total:.3g} s, {longest} takes most of it ({stages[longest]:.3g} s); the budget is "
                f"{budget:.3g} s"
            )
            yield Finding(
                latency.name, message, f"save {total - budget:.3g} s of {longest}, or of others", total, budget, "seconds"
            )


def _stages(place: Place) -> dict[str, float]:
    stages = {str(name): place[name].number() for name in (place.value if isinstance(place.value, dict) else ())}
    if not stages:
        # An empty list of stages would meet every budget.
        raise MissingField(place.resource.name, f"a stage of {place.path}")
    return stages


RULES = (
    Rule(
        name="latency-budget-held",
        condition="The stages up to the first token, and up to the first audio, each at its quantile, add up to no more than the "
        "budgets; a budget is at most the organisation's.",
        why="A caller who waits longer speaks again, and the answer meets a second question.",
        reads="the component `latency`: both budgets and every stage; the floors `maximum_first_token_seconds` and "
        "`maximum_first_audio_seconds`.",
        remedy="A faster stage; the longest is named.",
        check=_latency_budget_held,
    ),
)
