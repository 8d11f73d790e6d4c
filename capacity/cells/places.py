"""What a spec says of the cells that an environment runs in."""

from typing import Annotated

from pydantic import Field

from capacity.figures import Frozen, Source

CellName = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$")]


class Cell(Frozen):
    """One k3s cluster with its own tunnel, queue and bus: an environment of its own."""

    weight: float = Field(default=1.0, gt=0)
    """Its size beside the others'; load goes by it."""
    verticals: tuple[str, ...] = ()
    """The live verticals that may run in it: a jurisdiction, a GPU. Left out: all."""


class Cells(Source):
    """The cells of an environment. Every vertical is spread so that the loss of any one of its cells is survived."""

    most_nodes: int = Field(gt=0)
    """Nodes that one cluster is trusted with; the source says on what grounds."""
    places: dict[CellName, Cell] = Field(min_length=2)
