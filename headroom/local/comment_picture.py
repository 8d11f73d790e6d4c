"""Draws a review's comment as a pull request shows it: `python -m headroom.local.comment_picture COMMENT PICTURE`.

Needs the packages for developing, Chromium, and a font with emoji.
"""

import io
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from headroom.local.errors import ToolMissing

if TYPE_CHECKING:
    from playwright.sync_api import Page

_BEGINS = "\n---\n"
"""What stands before the comment in a page of documentation."""
_WIDTH = 1000
_COLOURS = 128
REFUSAL = "Unable to capture screenshot"
_STYLE = """
body { margin: 0; background: #fff; color: #1f2328; font: 14px/1.5 "DejaVu Sans", "Noto Color Emoji", sans-serif; }
article { padding: 16px 24px; }
h2, h3 { margin: 20px 0 12px; line-height: 1.25; border-bottom: 1px solid #d1d9e0; padding-bottom: 6px; }
h2 { font-size: 20px; margin-top: 4px; }
h3 { font-size: 16px; }
p, table, details { margin: 0 0 14px; }
table { border-collapse: collapse; font-size: 13px; }
th, td { border: 1px solid #d1d9e0; padding: 5px 10px; }
tr:nth-child(even) td { background: #f6f8fa; }
code { background: #eff1f3; border-radius: 4px; padding: 2px 4px; font: 12px "DejaVu Sans Mono", monospace; }
"""


def main() -> int:
    """Return 0 once the picture is drawn, 3 where Chromium is missing."""
    comment, picture = map(Path, sys.argv[1:])
    try:
        picture.write_bytes(drawn(page_of(comment.read_text(encoding="utf-8").rpartition(_BEGINS)[2])))
    except ToolMissing as missing:
        print(missing, file=sys.stderr)
        return 3
    return 0


def page_of(comment: str) -> str:
    """Return a comment's Markdown as an HTML page."""
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(comment)
    return f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><style>{_STYLE}</style><article>{body}</article></html>'


def drawn(page: str) -> bytes:
    """Return a page as a PNG of few colours; raises ToolMissing."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        raise ToolMissing("chromium", "the picture of a comment", "Install it: apt-get install chromium fonts-noto-color-emoji")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": _WIDTH, "height": 600}, java_script_enabled=False)
        tab.set_content(page)
        shot = captured(tab)
        browser.close()
    out = io.BytesIO()
    Image.open(io.BytesIO(shot)).convert("RGB").quantize(_COLOURS).save(out, "PNG", optimize=True)
    return out.getvalue()


def captured(tab: "Page") -> bytes:
    """Return the whole tab as a PNG; raises playwright's Error.

    Chromium at times refuses the first picture after it has started, and draws the same one a moment later.
    """
    from playwright.sync_api import Error

    for wait_ms in (250, 1000, 4000):
        try:
            return tab.screenshot(full_page=True)
        except Error as error:
            if REFUSAL not in error.message:
                raise
        tab.wait_for_timeout(wait_ms)
    return tab.screenshot(full_page=True)


if __name__ == "__main__":
    sys.exit(main())
