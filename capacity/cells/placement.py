"""How much of each vertical every cell stands ready for, so that any one cell may be lost."""

from collections.abc import Mapping
from dataclasses import dataclass

_HALVINGS = 60


@dataclass(frozen=True)
class Demand:
    """What one vertical asks of the cells."""

    name: str
    required: float
    """Sessions that must be held with any one cell gone."""
    weight: float
    """What one session takes of a cell, in the unit of the cells' sizes."""
    cells: tuple[str, ...]
    """Where it may run."""


@dataclass(frozen=True)
class Placement:
    """The sessions that each cell stands ready for."""

    ready: Mapping[str, Mapping[str, float]]
    """By vertical, then by cell; only cells with some."""
    fullest: float
    """The largest part of a cell's size that is taken, 1 being all of it."""
    stranded: tuple[str, ...]
    """Verticals that may run in one cell alone: its loss is theirs."""

    def share(self, vertical: str, cell: str) -> float:
        """Return the part of a vertical's sessions that a cell carries while all cells are there."""
        ready = self.ready[vertical]
        return ready.get(cell, 0.0) / sum(ready.values())

    def share_after_loss(self, vertical: str, cell: str) -> float:
        """Return the largest part that it must carry when any other cell is gone; its own part where there is no other."""
        ready = self.ready[vertical]
        mine = ready.get(cell, 0.0)
        lost = max((sessions for name, sessions in ready.items() if name != cell), default=0.0)
        return mine / (sum(ready.values()) - lost) if mine else 0.0


def place(demands: tuple[Demand, ...], sizes: Mapping[str, float]) -> Placement:
    """Return how much of each vertical every cell stands ready for.

    For one vertical exact: with room u in each cell below a common level, what remains after the worst loss is at most the sum
    of all rooms but the largest, so the least level is found by halving, and no cell then needs to hold more than the second
    largest room. Verticals go one after another, those with the fewest cells and the most load first, each onto what the ones
    before it left: a placement that exists, not always the one with the lowest level.

    Args:
        demands: What each vertical asks.
        sizes: The size of each cell; the unit is that of the weights.

    Raises:
        ValueError: a vertical may run nowhere.
    """
    taken = dict.fromkeys(sizes, 0.0)
    ready: dict[str, dict[str, float]] = {}
    stranded: list[str] = []
    for demand in sorted(demands, key=lambda each: (len(each.cells), -each.required * each.weight, each.name)):
        if not demand.cells:
            raise ValueError(f"{demand.name} may run in none of the cells")
        if len(demand.cells) == 1:
            stranded.append(demand.name)
            placed = {demand.cells[0]: demand.required}
        else:
            placed = _spread(demand, sizes, taken)
        ready[demand.name] = {cell: sessions for cell, sessions in placed.items() if sessions > 0}
        for cell, sessions in placed.items():
            taken[cell] += sessions * demand.weight
    fullest = max(taken[cell] / sizes[cell] for cell in sizes)
    return Placement({demand.name: ready[demand.name] for demand in demands}, fullest, tuple(sorted(stranded)))


def _spread(demand: Demand, sizes: Mapping[str, float], taken: Mapping[str, float]) -> dict[str, float]:
    low, high = 0.0, 1.0
    while _after_loss(_rooms(demand, sizes, taken, high)) < demand.required:
        high *= 2
    for _ in range(_HALVINGS):
        level = (low + high) / 2
        if _after_loss(_rooms(demand, sizes, taken, level)) < demand.required:
            low = level
        else:
            high = level
    rooms = _rooms(demand, sizes, taken, high)
    most = sorted(rooms.values())[-2]
    return {cell: min(room, most) for cell, room in rooms.items()}


def _rooms(demand: Demand, sizes: Mapping[str, float], taken: Mapping[str, float], level: float) -> dict[str, float]:
    return {cell: max(0.0, level * sizes[cell] - taken[cell]) / demand.weight for cell in demand.cells}


def _after_loss(rooms: Mapping[str, float]) -> float:
    return sum(sorted(rooms.values())[:-1])  # a difference would lose the small ones beside the largest
