"""What a page is made of, read from its HTML by Python's own parser."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "input", "hr"}


@dataclass
class Outline(HTMLParser):
    """Elements of a page in their order."""

    headings: list[tuple[int, str]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    landmarks: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    unlabelled: list[str] = field(default_factory=list)
    """Pictures and regions without a name."""
    captions: int = 0
    tables: int = 0
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin as the parser does."""
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        given = dict(attrs)
        self.tags.append(tag)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given["href"] or ""] if tag == "a" else []
        self.landmarks += [tag] if tag in {"header", "nav", "main", "footer"} else []
        self.tables += tag == "table"
        self.captions += tag == "caption"
        if given.get("role") in {"img", "region"} and not given.get("aria-label"):
            self.unlabelled.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that ends where it begins."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Check that elements end in order."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note a heading's text."""
        if self.open and self.open[-1] in {"h1", "h2", "h3"}:
            self.headings.append((int(self.open[-1][1]), data))


def outline(page: str) -> Outline:
    """Return what a page is made of; its elements all end."""
    read = Outline()
    read.feed(page)
    read.close()
    assert read.open == []
    return read
