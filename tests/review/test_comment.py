"""The comment of a review: goldens, what it must never lose, and what must never get out of its cell."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headroom.review.comment import LIMIT, MARKER, render_comment
from headroom.review.document import EnvironmentReview, Finding, ResourceChange, Review, WaiverState
from headroom.review.markdown import length
from tests.review.samples import DAY, FAILED, INVALID, REFUSED, REVIEWS, quiet, review

GOLDENS = Path(__file__).parent / "goldens"
HOSTILE = (
    "a|b</td></pre></details><script>alert(1)</script><img src=//x.y> `c` "
    "![i](//x.y) [l](//x.y) @team #12 https://x.y <!--\n\n# h"
)
ELEMENTS = {"code", "pre", "details", "summary"}


@pytest.mark.parametrize("name", sorted(REVIEWS))
def test_goldens(name: str, request: pytest.FixtureRequest) -> None:
    """The comment of each sample is the golden, byte for byte."""
    golden = GOLDENS / f"{name}.md"
    text = render_comment(REVIEWS[name])
    if golden.exists() and golden.read_text(encoding="utf-8") == text:
        return
    if request.config.getoption("--rewrite-goldens"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    pytest.fail(f"{golden.name} differs; look at the change, then: pytest tests/review --rewrite-goldens")


def test_what_json_prints_is_the_whole_review() -> None:
    """A review read back from its JSON is the same, and so is its comment: nothing is drawn from anywhere else."""
    for made in REVIEWS.values():
        read = Review.model_validate_json(made.model_dump_json())
        assert read == made
        assert render_comment(read) == render_comment(made)


def test_the_marker_stands_first() -> None:
    """The next review finds the comment by its first line."""
    assert all(render_comment(made).startswith(f"{MARKER}\n## ") for made in REVIEWS.values())


def test_losses_stand_outside_every_fold() -> None:
    """What is deleted or replaced is seen without opening anything, with the property that forces it."""
    text = re.sub(r"<details>.*?</details>", "", render_comment(review(REFUSED)), flags=re.DOTALL)
    assert "**2 replacements and 1 deletion**" in text
    assert all(word in text for word in ("<code>queue</code>", "<code>spec.volumeClaimTemplates</code>", "<code>salon</code>"))
    assert "spec.replicas" not in text


def test_unknown_is_neither_zero_nor_fine() -> None:
    """An unknown price or ceiling is called so, gives no difference, and its row stands before those that hold."""
    text = render_comment(review(REFUSED))
    assert "| it-helpdesk | 818 | unknown | unknown |" in text
    assert "**Cost a month**: 6,994 → unknown USD (a price is missing for it-helpdesk)" in text
    rows = [
        line for line in text.splitlines() if " it-helpdesk | 557 " in line or " travel | " in line or " healthcare | 1" in line
    ]
    assert [row.split("|")[1].strip() for row in rows] == ["🔴 short", "⚪ unknown", "🟢 holds"]


def _with_many(rows: int) -> Review:
    violations = tuple(
        Finding(rule="images-pinned", resource=f"r{number}", message="m" * 80, remedy="pin it", new=True)
        for number in range(rows)
    )
    changes = tuple(
        ResourceChange(operation="update" if number % 2 else "delete", resource=f"c{number}", type="t", properties=("p",))
        for number in range(rows)
    )
    return review(quiet("local"), REFUSED.model_copy(update={"violations": violations, "changes": changes}), FAILED, INVALID)


@pytest.mark.parametrize("rows", [300, 600, 2000])
def test_what_is_too_long_loses_whole_rows_and_says_so(rows: int) -> None:
    """Never longer than the forge takes; verdict, headings and sums stay; every row that stands is whole; the cut is counted."""
    whole, text = render_comment(_with_many(rows), limit=10**9), render_comment(_with_many(rows))
    assert length(whole) > LIMIT >= length(text)
    assert length(text) > LIMIT - 2000
    headings = [line for line in whole.splitlines() if line.startswith(("#", "**", "🟢", "⚠️", "Compared"))]
    kept = set(text.splitlines())
    assert set(headings) <= kept
    cut = [int(number.replace(",", "")) for number in re.findall(r"too long: ([\d,]+) rows? of ", text)]
    notes = sum(line.startswith("_Cut here") for line in kept)
    assert notes == len(cut) > 0
    assert kept - set(whole.splitlines()) == {line for line in kept if line.startswith("_Cut here")}
    rows_of = [sum(line.startswith("|") for line in each.splitlines()) for each in (whole, text)]
    assert rows_of[0] - rows_of[1] <= sum(cut) + 3 * notes


def test_details_are_cut_before_losses_and_violations() -> None:
    """Where updates alone make it too long, no other row is lost."""
    many = tuple(ResourceChange(operation="update", resource=f"c{number}", type="t", properties=("p",)) for number in range(3000))
    text = render_comment(review(REFUSED.model_copy(update={"changes": (*many, *REFUSED.changes)})))
    assert length(text) <= LIMIT
    assert re.findall(r"rows? of (\w+)", text) == ["details"]
    assert "<code>queue</code>" in text


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen: list[str] = []
        self.open: list[str] = []
        self.comments = 0
        self.prose: list[str] = []
        """Text in which the forge looks for mentions: that outside code."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not attrs
        self.seen.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        assert data == " headroom-review "
        self.comments += 1

    def handle_data(self, data: str) -> None:
        if not {"code", "pre"} & set(self.open):
            self.prose.append(data)


def _hostile(text: str) -> Review:
    each = EnvironmentReview(
        name=text,
        outcome="refused",
        as_of=DAY,
        base=FAILED.base.model_copy(update={"trouble": text}),
        trouble=text,
        rules_run=1,
        verticals=tuple(row.model_copy(update={"name": text}) for row in REFUSED.verticals),
        currency=text,
        costs=tuple(cost.model_copy(update={"name": text}) for cost in REFUSED.costs),
        changes=tuple(
            change.model_copy(update={"resource": text, "type": text, "properties": (text,)}) for change in REFUSED.changes
        ),
        violations=(Finding(rule=text, resource=text, message=text, remedy=text, new=None),),
        waivers=(WaiverState(rule=text, resource=text, reason=text, until=DAY, days_left=0),),
        forecast=REFUSED.forecast.model_copy(update={"kind": text}) if REFUSED.forecast else None,
    )
    return review(each)


@given(
    text=st.one_of(
        st.just(HOSTILE), st.text(min_size=1, max_size=40), st.text("|<>`*_[]()!#@&$\\~\n -=+:/.w1", min_size=1, max_size=30)
    )
)
@example(text="://")
@example(text="1www.")
def test_nothing_gets_out_of_its_place(text: str) -> None:
    """Whatever names and messages hold: the comment has the elements that we wrote, closed in order, and its tables' columns."""
    made = render_comment(_hostile(text), limit=10**9)
    parser = _Elements()
    parser.feed(made)
    parser.close()
    assert (parser.open, parser.comments) == ([], 1)
    assert set(parser.seen) <= ELEMENTS
    plain = render_comment(_hostile("plain"), limit=10**9)
    outside = [re.sub(r"<pre>.*?</pre>", "", each, flags=re.DOTALL).splitlines() for each in (made, plain)]
    assert [line.count("|") for line in outside[0]] == [line.count("|") for line in outside[1]]
    assert not re.search(r"[`\[\]*](?!\*)", re.sub(r"\*\*", "", "".join(outside[0])))
    assert not re.search(r"://|www\.", "".join(outside[0]))
    assert not re.search(r"@\w|#\d|GH-\d", " ".join(parser.prose))
