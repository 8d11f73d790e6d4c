"""The page of a report, as text."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from capacity import CapacityPlan
from capacity.shortfall import Shortfall
from headroom.review.report import tables
from headroom.review.report.evidence import evidence
from headroom.review.report.page import report_page
from headroom.review.report.sessions import sessions_of
from policies.verdict import Verdict, Violation
from tests.report.conftest import WAIVED
from tests.report.outline import outline

ENVIRONMENTS = ("local", "prod", "seed", WAIVED)
SECTIONS = [
    "Verdict",
    "Sessions required and held",
    "History and forecast",
    "The week",
    "What binds",
    "What is idle",
    "Cost",
    "Lead times",
    "Evidence",
]
ACCEPTED = Verdict((), ("one", "two"))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_page_has_its_sections_in_order_and_a_name_for_everything(reported: Callable[[str], str], environment: str) -> None:
    """One title, the verdict first, every table with a caption, every picture and region with a name, no id twice."""
    page = outline(reported(environment))
    assert [level for level, _ in page.headings] == [1, *[2] * len(SECTIONS)]
    assert [text for _, text in page.headings[1:]] == SECTIONS
    assert page.landmarks == ["header", "nav", "main", "footer"]
    assert page.tables == page.captions > 0
    assert page.unlabelled == []
    assert len(page.ids) == len(set(page.ids))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_link_leads_to_something_on_the_page(reported: Callable[[str], str], environment: str) -> None:
    """No link points into nothing, and none off the page."""
    page = outline(reported(environment))
    assert {link[:1] for link in page.links} == {"#"}
    assert {link[1:] for link in page.links} <= set(page.ids)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_page_needs_nothing_beside_itself(reported: Callable[[str], str], environment: str) -> None:
    """No script, no image, no address but the names of SVG's vocabularies."""
    page = reported(environment)
    assert set(outline(page).tags) & {"script", "img", "link", "iframe", "image"} == set()
    assert set(re.findall(r"https?://[^\s\"'<)]+", page)) <= {"http://www.w3.org/1999/xlink", "http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in page


def test_the_same_plan_gives_the_same_bytes(planned: Callable[[str], CapacityPlan], reported: Callable[[str], str]) -> None:
    """Nothing of the clock or of chance is in a page."""
    plan = planned("local")
    assert report_page(plan, ACCEPTED, "America/New_York") == report_page(plan, ACCEPTED, "America/New_York")
    assert "2026-11-02" in reported("local")


def test_colours_are_the_pages_own(reported: Callable[[str], str]) -> None:
    """No figure has a colour of its own, which would be lost on the other of light and dark."""
    drawings = re.findall(r"<svg.*?</svg>", reported("local"), flags=re.DOTALL)
    assert len(drawings) == 1 + 5 + 5 + 1 + 1
    assert [found for drawing in drawings for found in re.findall(r"(?:fill|stroke): #\w+", drawing)] == []


def test_each_figure_of_the_plan_stands_with_its_evidence(
    planned: Callable[[str], CapacityPlan], reported: Callable[[str], str]
) -> None:
    """Required and provided sessions of each vertical link to the step that says how they came about."""
    page = reported("prod")
    for live in planned("prod").live:
        found = re.search(rf'<th scope="row">{live.name}</th>\s*<td><a href="#([\w-]+)">{live.required.sessions:,.0f}</a>', page)
        assert found is not None
        step = re.search(rf'<li id="{found[1]}"><strong>required</strong>', page)
        assert step is not None


def test_a_refusal_shows_each_violation_with_its_remedy(planned: Callable[[str], CapacityPlan]) -> None:
    """What is wrong and what to do stand in the first section, and markup in them stays text."""
    violation = Violation("sessions-cover-burst", "sales", 2.0, 1.0, "sessions", "<b>too few</b>", "raise pods & wait")
    plan = replace(
        planned("prod"), shortfalls=(Shortfall("pods", "sales", 2.0, 1.0, "sessions", "<script>too few", "raise pods"),)
    )
    first, _ = report_page(plan, Verdict((violation,), ("one", "two")), "UTC").split('<section id="sessions"')
    assert "prod is refused:</strong> 1 violation of 1 rule (2 rules ran)" in first
    assert "&lt;b&gt;too few&lt;/b&gt;" in first
    assert "raise pods &amp; wait" in first
    assert "&lt;script&gt;too few" in first


def test_waivers_stand_in_the_verdict_with_the_days_they_have_left(reported: Callable[[str], str]) -> None:
    """Each with what it lets through and why, the first to end first; a page without one says nothing of waivers."""
    first, _ = reported(WAIVED).split('<section id="sessions"')
    assert "none is broken but for what waivers let through" in first
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</th>\n(.*?)</tr>", first, flags=re.DOTALL)
    cells = {rule: re.findall(r"<td[^>]*>(.*?)</td>", rest) for rule, rest in rows}
    held = "sales holds &lt;650&gt; of 700 sessions"
    assert list(cells) == ["sessions-cover-burst", "turn-ports-cover-burst"]
    assert cells["sessions-cover-burst"] == ["sales", held, "adoption plan: nodes are on order", "2026-11-05", "3"]
    assert cells["turn-ports-cover-burst"][-1] == "14"
    assert "waiver" not in reported("local").split('<section id="sessions"')[0]


@pytest.mark.parametrize("environment", ["local", "prod"])
def test_the_evidence_of_every_figure_is_one_click_away(planned: Callable[[str], CapacityPlan], environment: str) -> None:
    """Whatever the tables of the plan show as a figure leads to a step of a chain; a count of tenants is the spec's own."""
    plan = planned(environment)
    proof = evidence(plan)
    shown = (
        tables.sessions_table(sessions_of(plan), proof),
        *(tables.week_table(live, proof) for live in plan.live),
        tables.binding_table(plan, proof),
        tables.bought_table(plan, proof),
        tables.reserved_table(plan, proof),
        tables.cost_table(plan, proof),
        tables.sold_table(plan, proof),
    )
    steps = {f"#{step.id}" for chain in proof.chains for step in chain.steps}
    for each in shown:
        for row in each.rows:
            for place, cell in enumerate(row[1:], start=1):
                figure = place not in each.prose and any(letter.isdigit() for letter in cell.text)
                if figure and each.headings[place] != "tenants":
                    assert cell.link in steps, f"{each.caption}: {row[0].text}, {each.headings[place]}"


def test_no_rule_run_is_a_refusal(planned: Callable[[str], CapacityPlan]) -> None:
    """A verdict of nothing is not shown as acceptance."""
    page = report_page(planned("dev"), Verdict((), ()), "UTC")
    assert "dev is refused:</strong> no rule ran" in page
    assert "accepted:" not in page


def test_what_the_lock_lacks_is_said(reported: Callable[[str], str]) -> None:
    """A declared lock has no history, no interval and no coverage, and the page says so; a measured one shows its coverage."""
    declared, measured = reported("prod"), reported("local")
    assert "There is no history: their load is declared" in declared
    assert "the lock says nothing of its coverage" in declared
    assert "24 of 26" in measured
    assert "the lock says nothing of its coverage" not in measured


def test_costs_that_nobody_knows_are_not_drawn_as_nothing(reported: Callable[[str], str]) -> None:
    """Without any price there is a table that says unknown, and no bars of zero."""
    assert 'id="cost-figure' not in reported("seed")
    assert reported("seed").count("unknown") > 10
    assert 'id="cost-figure' in reported("prod")


def test_a_name_with_signs_of_mathematics_stays_as_it_is(planned: Callable[[str], CapacityPlan]) -> None:
    """Dollars around a name are no formula, and letters of markup in it end no element."""
    plan = planned("dev")
    *parts, whole = plan.costs
    named = (*parts, replace(whole, name="$x_1$ <&", infrastructure=5.0), whole)
    page = report_page(replace(plan, costs=named, currency="$"), ACCEPTED, "UTC")
    outline(page)
    assert page.count("$x_1$ &lt;&amp;") >= 2
