"""The page of `make edge`, in headless Chromium."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from headroom.local.paths import paths

SERVE = paths().root / "headroom" / "local" / "edge" / "serve.mjs"
pytestmark = [
    pytest.mark.needs("npm", "install Node.js 20 or later with npm"),
    pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/, or have pulumi 3.259 or later on PATH"),
]


@pytest.fixture
def page_url(account: Path, tmp_path: Path) -> Iterator[str]:
    """Return where the page answers, as `make edge` serves it."""
    server = subprocess.Popen(["node", SERVE, account, tmp_path / "edge"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        said = re.search(r"The page: (\S+)", server.stdout.readline())
        assert said is not None
        yield said[1]
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.mark.needs("chromium", "apt-get install chromium")
def test_the_page_shows_admissions_refusals_and_the_queue(page_url: str) -> None:
    """Calls placed in a browser come in up to the cap, the rest are refused and queued, and all of it shows; without an error."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith(page_url) else problems.append(asked.url))
        page.goto(page_url)
        row = page.locator("#tenants tr", has_text="bolt")
        expect(row).to_be_visible()

        page.select_option("[name=tenant]", "bolt")
        page.select_option("[name=vertical]", "salon")
        page.fill("[name=count]", "3")
        page.get_by_role("button", name="Place calls").click()
        expect(page.locator("#calls [data-state=in]")).to_have_count(3)
        expect(page.locator("#calls li").first).to_contain_text("heard")
        expect(row).to_contain_text(re.compile(r"bolt\s*starter\s*50"))

        page.fill("[name=count]", "52")
        page.get_by_role("button", name="Place calls").click()
        expect(page.locator("#calls [data-state=in]")).to_have_count(50)
        expect(page.locator("#calls [data-state=queued]")).to_have_count(5)
        expect(page.locator("#summary")).to_contain_text("50 in")
        expect(page.locator("#depth")).to_have_text("5")
        expect(page.locator("#tenants")).to_contain_text("refused: plan")

        page.get_by_role("button", name="Hang up all").click()
        expect(page.locator("#calls [data-state=in]")).to_have_count(0)
        expect(page.locator("#calls [data-state=over]")).not_to_have_count(0)
        browser.close()
    assert problems == []
