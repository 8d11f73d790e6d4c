"""Text of anybody's, made safe to stand in a comment, and the few shapes that a comment is made of."""

import re
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"[\\`*_{}\[\]()<>|~&$!]|#|:(?=//)|(?<=www)\.", re.IGNORECASE)
"""Markdown's and HTML's own letters, and those by which a bare address becomes a link."""
_CALLS = re.compile(r"@(?=\w)|#(?=\d)|\bGH-(?=\d)")
"""What GitHub makes a mention or a link to an issue of, in what is shown: entities do not help there."""
_JOINER = "\u2060"
"""WORD JOINER: not seen, and no name goes on behind it."""


def plain(text: str) -> str:
    """Return text that shows as it is, on one line: no markup, link, mention, image or HTML can come of it.

    >>> plain("a|b <i> `c`")
    'a&#124;b &lt;i&gt; &#96;c&#96;'
    """
    line = " ".join(_visible(text).split())
    return _entities(_CALLS.sub(lambda found: found[0] + _JOINER, line))


def code(text: str) -> str:
    """Return a name in code letters, on one line. In a code span entities would show as such, so it is an element.

    >>> code("a|b</code>")
    '<code>a&#124;b&lt;/code&gt;</code>'
    """
    return f"<code>{_entities(' '.join(_visible(text).split()))}</code>"


def block_lines(text: str) -> list[str]:
    """Return lines of a program's output that nothing in them can end: they stand in a `pre` element.

    >>> block_lines("one</pre>")
    ['one&lt;/pre&gt;']
    """
    # An empty line would end the HTML block, and Markdown would be read again.
    return [_entities(_visible(line)).rstrip() or "&nbsp;" for line in text.splitlines()]


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, text_columns: int = 1) -> list[str]:
    """Return a table's lines; cells must be safe already. The first columns are text, the others figures."""
    ruler = [":--" if place < text_columns else "--:" for place in range(len(headings))]
    return [_row(headings), _row(ruler), *(_row(row) for row in rows)]


def length(text: str) -> int:
    """Return the length that the forge counts: UTF-16 units, which is the most that any of the ways to count gives.

    >>> length("a🔴")
    3
    """
    return len(text.encode("utf-16-le")) // 2


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _visible(text: str) -> str:
    """Return text without what is not seen or turns the direction of writing; only tab and line end stay."""
    return "".join(letter if letter.isprintable() or letter in "\t\n" else "\ufffd" for letter in text)


def _entities(text: str) -> str:
    return _SPECIAL.sub(lambda found: {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(found[0], f"&#{ord(found[0])};"), text)
