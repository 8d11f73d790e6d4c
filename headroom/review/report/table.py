"""What the page's tables are made of."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """A text, and where the evidence for it stands."""

    text: str
    link: str | None = None
    bad: bool = False
    """Whether it says that something is short."""


@dataclass(frozen=True)
class Table:
    """A table whose first column names its rows."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    prose: tuple[int, ...] = ()
    """Columns beside the first that are text; the others are figures."""


def table(caption: str, headings: str, rows: Sequence[Sequence[Cell | str]], prose: tuple[int, ...] = ()) -> Table:
    """Return a table; headings stand between bars."""
    cells = tuple(tuple(cell if isinstance(cell, Cell) else Cell(cell) for cell in row) for row in rows)
    return Table(caption, tuple(heading.strip() for heading in headings.split("|")), cells, prose)
