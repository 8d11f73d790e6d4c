"""A text that must not be longer than somebody takes: whole rows are cut, and it says how many."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from headroom.review.markdown import length

_NOTE_ROOM = 300
"""Characters that a section may take to say how much of it was cut."""


@dataclass(frozen=True)
class Section:
    """Rows that may be cut, from the end, between lines that stand around them. One without rows always stands."""

    opening: tuple[str, ...]
    name: str = ""
    """As the note on what was cut calls it."""
    rank: int = 0
    """What is cut first has the highest."""
    rows: tuple[str, ...] = ()
    closing: tuple[str, ...] = ()
    cut: int = 0

    def lines(self) -> tuple[str, ...]:
        """Return the section's lines; with every row cut, only the note."""
        if not self.cut:
            return (*self.opening, *self.rows, *self.closing, "")
        rows = f"{self.cut:,} row{'' if self.cut == 1 else 's'}"
        note = f"_Cut here, for the comment would be too long: {rows} of {self.name}. The review's JSON has all._"
        return (*self.opening, *self.rows, *self.closing, "", note, "") if self.rows else (note, "")


def fitted(sections: Sequence[Section], limit: int) -> str:
    """Return the text of all sections, at most `limit` characters where cutting rows can do that."""
    kept = list(sections)
    over = sum(map(_size, sections)) - limit
    for place in sorted(range(len(kept)), key=lambda place: (-kept[place].rank, -place)):
        section = kept[place]
        if over <= 0 or not section.rows:
            continue
        rows, freed = len(section.rows), -_NOTE_ROOM
        while rows and freed < over:
            rows -= 1
            freed += length(section.rows[rows]) + 1
        kept[place] = replace(section, rows=section.rows[:rows], cut=len(section.rows) - rows)
        over += _size(kept[place]) - _size(section)
    return "\n".join(line for section in kept for line in section.lines()).rstrip("\n") + "\n"


def _size(section: Section) -> int:
    return sum(length(line) + 1 for line in section.lines())
