"""What a measurement says that a session costs its pod: intervals, kept in the spec beside the figures that count."""

import datetime as dt
from typing import Self

from pydantic import Field, model_validator

from capacity.figures import Frozen
from capacity.units import Cores, Size


class Bytes(Frozen):
    """A size between two bounds."""

    low: Size
    high: Size


class Processor(Frozen):
    """Processor time between two bounds."""

    low: Cores
    high: Cores


class Files(Frozen):
    """Open files between two bounds; a mean need not be whole."""

    low: float = Field(ge=0)
    high: float


class Measured(Frozen):
    """The 95% intervals of session costs, as `headroom calibrate` writes them. The gate refuses claims below them."""

    source: str = Field(min_length=1)
    date: dt.date
    """The last day that was measured."""
    memory: Bytes | None = None
    base_memory: Bytes | None = None
    cpu: Processor | None = None
    base_cpu: Processor | None = None
    descriptors: Files | None = None
    base_descriptors: Files | None = None
    """Of one process of the pod."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.intervals:
            raise ValueError("holds no interval: give one of memory, base_memory, cpu, base_cpu, descriptors, base_descriptors")
        for name, interval in self.intervals.items():
            if interval.low > interval.high:
                raise ValueError(f"{name}: low {interval.low:g} is above high {interval.high:g}")
        return self

    @property
    def intervals(self) -> dict[str, Bytes | Processor | Files]:
        """The figures that were measured, by the names that they have in `session` and, with `base_`, in `pod`."""
        names = ("memory", "base_memory", "cpu", "base_cpu", "descriptors", "base_descriptors")
        found = {name: getattr(self, name) for name in names}
        return {name: interval for name, interval in found.items() if interval is not None}
