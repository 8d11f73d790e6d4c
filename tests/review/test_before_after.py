"""Two plans' documents side by side, whatever base's code called things."""

from datetime import UTC, datetime

from headroom.review.before_after import cost_changes, currency, margin_changes, vertical_changes
from headroom.review.comparison import compare
from headroom.review.document import VerticalChange, VerticalFigures
from stacks.reading import plan_environment
from tests.environments import planned
from tests.review.samples import figures

PLAN = planned("local")


def test_a_plan_beside_itself_changes_nothing() -> None:
    """Every live vertical and every cost has its row, and no row differs; the queue's vertical holds no sessions."""
    document = PLAN.document()
    rows, costs = vertical_changes(document, document), cost_changes(document, document)
    assert {row.name for row in rows} == {live.name for live in PLAN.live}
    assert all(row.before == row.after for row in rows)
    assert [cost.name for cost in costs if cost.changed] == []
    assert (costs[-1].name, {cost.name for cost in costs}) == ("all", {cost.name for cost in PLAN.costs})
    assert currency(document) == PLAN.currency


def test_rows_hold_the_plans_own_figures() -> None:
    """Required, safe ceiling, headroom and what binds are those of the plan, before and after."""
    changed = plan_environment("local", PLAN.as_of, _now(), what_if=["verticals.sales.session.memory=90MB"])
    assert compare(PLAN, changed)
    row = next(row for row in vertical_changes(PLAN.document(), changed.document()) if row.name == "sales")
    for figures_of, plan in ((row.before, PLAN), (row.after, changed)):
        live = next(live for live in plan.live if live.name == "sales")
        assert figures_of == VerticalFigures(
            required=round(live.required.sessions, 1),
            safe_ceiling=live.provided,
            headroom=round(live.headroom, 4),
            binding=live.ceiling.binding,
        )


def test_what_base_does_not_say_is_unknown_and_not_zero() -> None:
    """A document of another age: figures under other names, texts for numbers, or nothing at all."""
    document = PLAN.document()
    for strange in ({}, {"verticals": [], "costs": 3}, {"verticals": {"sales": {"required": 7, "headroom": "1"}}}):
        rows = {row.name: row for row in vertical_changes(strange, document)}
        assert rows["healthcare"].before is None
        assert rows["sales"].before in (None, figures(None, None, None))
        assert all(cost.before is None for cost in cost_changes(strange, document))
    assert {cost.state for cost in cost_changes(None, document)} == {"kept"}
    assert {cost.state for cost in cost_changes({}, document)} == {"new", "kept"}


def test_a_margin_that_is_gone_is_news() -> None:
    """A lower margin and one that is no more are shown; what is the same, or of a plan that is not known, is not."""
    before, after = {"margins": {"burst": 1.5, "growth": 2, "blocking": 0.001}}, {"margins": {"burst": 1.2, "growth": 2}}
    found = [(change.name, change.before, change.after) for change in margin_changes(before, after)]
    assert found == [("burst", 1.5, 1.2), ("blocking", 0.001, None)]
    assert margin_changes(None, after) == margin_changes(after, after) == ()


def test_gone_and_new_are_told_apart() -> None:
    """A vertical that only base has is gone, and its cost too; the sum is never either."""
    document = PLAN.document()
    fewer = document | {
        "verticals": {name: each for name, each in document["verticals"].items() if name != "salon"},
        "costs": {"monthly": {name: each for name, each in document["costs"]["monthly"].items() if name != "salon"}},
    }
    assert next(row for row in vertical_changes(document, fewer) if row.name == "salon").after is None
    assert {cost.name: cost.state for cost in cost_changes(document, fewer)}["salon"] == "gone"
    assert {cost.name: cost.state for cost in cost_changes(fewer, document)}["salon"] == "new"
    assert cost_changes(document, fewer)[-1].state == "kept"


def test_severity_knows_unknown_and_both_directions() -> None:
    """Short before unknown before tighter; more headroom is fine, and so is what was short before and holds now."""
    ok, tight, short, blank = figures(100, 130), figures(100, 101), figures(100, 90), figures(100, None)
    wanted = {(ok, short): "short", (short, blank): "unknown", (ok, tight): "tighter", (tight, ok): "fine", (short, ok): "fine"}
    assert {pair: VerticalChange(name="v", before=pair[0], after=pair[1]).severity for pair in wanted} == wanted
    assert VerticalChange(name="v", before=None, after=tight).severity == "fine"
    assert VerticalChange(name="v", before=ok, after=None).severity == "gone"


def _now() -> datetime:
    return datetime(2026, 11, 2, 12, tzinfo=UTC)
