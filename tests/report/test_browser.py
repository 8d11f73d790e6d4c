"""The page of a report, in headless Chromium."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.report.conftest import WAIVED

pytestmark = pytest.mark.needs("chromium", "apt-get install chromium")

OVERLAPS = """() => {
  const found = [];
  const texts = svg => [...svg.querySelectorAll("text")].map(text => [text.textContent, text.getBoundingClientRect()]);
  const blocks = parent => [...parent.children].filter(child => child.getBoundingClientRect().height)
    .map(child => [child.id || child.tagName, child.getBoundingClientRect()]);
  const groups = [...document.querySelectorAll("svg")].map(texts);
  const parents = "body, main, section, figure, .plots, dl, nav ul, details[open]";
  for (const parent of document.querySelectorAll(parents)) groups.push(blocks(parent));
  for (const group of groups) for (const [place, [name, box]] of group.entries())
    for (const [other, than] of group.slice(place + 1)) {
      const wide = Math.min(box.right, than.right) - Math.max(box.left, than.left);
      const high = Math.min(box.bottom, than.bottom) - Math.max(box.top, than.top);
      if (wide > 1 && high > 1) found.push(`${name} and ${other}: ${wide} x ${high}`);
    }
  return found;
}"""
OUTSIDE = """() => [...document.querySelectorAll("body *")]
  .filter(each => !each.closest(".scroll table") && !each.classList.contains("skip"))
  .filter(each => each.getBoundingClientRect().right > innerWidth + 1 || each.getBoundingClientRect().left < -1)
  .map(each => each.tagName + " " + each.textContent.slice(0, 40))"""
CONTRAST = """() => {
  const light = colour => { const parts = colour.match(/[\\d.]+/g).slice(0, 3).map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]; };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const ratio = each => { const ink = light(each.matches("text") ? getComputedStyle(each).fill : getComputedStyle(each).color);
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05); };
  return Math.min(...[...document.querySelectorAll("p, th, td, a, li, summary, dt, dd, figcaption, .bad, svg text")].map(ratio));
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(params=["local", "prod", WAIVED])
def file(request: pytest.FixtureRequest, reported: Callable[[str], str], tmp_path: Path) -> Path:
    """A report of a measured and of a declared load, and one with waivers."""
    written = tmp_path / "report.html"
    written.write_text(reported(request.param), encoding="utf-8")
    return written


def _opened(browser: Browser, file: Path, width: int, scheme: Literal["light", "dark"]) -> tuple[Page, list[str]]:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda asked: None if asked.url == file.as_uri() else problems.append(asked.url))
    page.goto(file.as_uri())
    return page, problems


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_nothing_overlaps_or_runs_over_the_edge(
    browser: Browser, file: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    """On a phone and on a desk, light and dark, with everything unfolded, all stands beside all else, and is legible."""
    page, problems = _opened(browser, file, width, scheme)
    for _ in range(2):
        assert page.evaluate(OVERLAPS) == []
        assert page.evaluate(OUTSIDE) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CONTRAST) >= 4.5
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert problems == []
    page.close()


def test_the_checks_see_what_they_look_for(browser: Browser, file: Path) -> None:
    """Figures pushed together, a table pushed out and pale letters are found."""
    page, _ = _opened(browser, file, 360, "light")
    page.add_style_tag(content="figcaption { margin-top: -2rem } text { font-size: 30px !important } p { color: #999 }")
    assert any("FIGCAPTION" in found for found in page.evaluate(OVERLAPS))
    assert any(found.startswith("Mon and Tue") for found in page.evaluate(OVERLAPS))
    assert page.evaluate(CONTRAST) < 4.5
    page.add_style_tag(content=".scroll { width: 40rem }")
    assert page.evaluate(OUTSIDE) != []
    assert page.evaluate("document.documentElement.scrollWidth") > 360
    page.close()


def test_light_and_dark_differ_in_page_and_figures(browser: Browser, file: Path) -> None:
    """The reader's scheme decides on paper and ink, in drawings too."""
    seen = []
    for scheme in ("light", "dark"):
        page, _ = _opened(browser, file, 1440, scheme)
        colours = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('svg text')).fill]"
        seen.append(page.evaluate(colours))
        page.close()
    assert seen[0][0] != seen[1][0]
    assert seen[0][1] != seen[1][1]


def test_evidence_is_one_click_away(browser: Browser, file: Path) -> None:
    """A click on a figure unfolds its chain at the step that says how it came about."""
    page, problems = _opened(browser, file, 1440, "light")
    link = page.locator("#sessions td a").first
    step = page.locator(link.get_attribute("href") or "")
    assert not step.is_visible()
    link.click()
    step.wait_for(state="visible")
    assert (step.text_content() or "").startswith("required")
    assert problems == []
    page.close()


def test_the_keyboard_reaches_everything(browser: Browser, file: Path) -> None:
    """The first key leads past the navigation; every link, fold and table that scrolls can be reached, and shows that it is."""
    page, _ = _opened(browser, file, 360, "light")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    count = page.locator("a, summary, .scroll").count()
    reached = set()
    for _ in range(count):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.tagName"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        if reached >= {"A", "SUMMARY", "DIV"}:
            break
    assert reached >= {"A", "SUMMARY", "DIV"}
    page.close()


def test_paper_has_the_evidence_too(browser: Browser, file: Path) -> None:
    """Printed, what is folded is unfolded, the navigation is gone, and the page is white even in the dark."""
    page, _ = _opened(browser, file, 1440, "dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator("#evidence li").first.is_visible()
    assert not page.locator("nav").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.close()
