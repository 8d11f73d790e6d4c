"""The picture of a comment, drawn of the page that its Markdown becomes."""

import io
from pathlib import Path
from unittest.mock import create_autospec

import pytest
from PIL import Image
from playwright.sync_api import Error, Page

from headroom.local.comment_picture import REFUSAL, captured, drawn, page_of
from headroom.review.comment import render_comment
from tests.report.outline import outline
from tests.review.samples import REFUSED, quiet, review

DOCS = Path(__file__).parents[2] / "docs"


def test_a_comment_becomes_what_a_pull_request_shows() -> None:
    """The verdict is a heading, each table a table, and what is folded is a fold."""
    page = page_of(render_comment(review(REFUSED, quiet("dev"))))
    tags = outline(page.replace("<!DOCTYPE html>", "")).tags
    assert tags.count("h2") == 1
    assert tags.count("table") == page.count("<thead>") > 3
    assert tags.count("details") == tags.count("summary") > 0
    assert "|" not in page


@pytest.mark.needs("chromium", "apt-get install chromium")
def test_a_picture_is_small_and_shows_all() -> None:
    """It is as long as the comment, and may be checked in."""
    one, two = (drawn(page_of("# Verdict\n\n" + "A line.\n\n" * lines)) for lines in (10, 60))
    assert Image.open(io.BytesIO(two)).height > Image.open(io.BytesIO(one)).height > 300
    assert len(two) < 250_000


def test_a_picture_that_chromium_refuses_is_asked_for_again() -> None:
    """Its own refusal passes; another error, or a refusal that lasts, is raised."""
    tab = create_autospec(Page, instance=True)
    tab.screenshot.side_effect = [Error(f"Page.captureScreenshot: {REFUSAL}"), b"picture"]
    assert captured(tab) == b"picture"
    for message, times in ((REFUSAL, 4), ("Target closed", 1)):
        tab.screenshot.reset_mock(side_effect=True)
        tab.screenshot.side_effect = Error(message)
        with pytest.raises(Error, match=message):
            captured(tab)
        assert tab.screenshot.call_count == times


def test_the_documentation_shows_its_picture() -> None:
    """It is there, and small."""
    assert "(pictures/review.png)" in (DOCS / "review.md").read_text(encoding="utf-8")
    assert (DOCS / "pictures" / "review.png").stat().st_size < 250_000
