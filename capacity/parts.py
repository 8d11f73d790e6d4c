"""One resource of the stack beside the pods: what it must hold, and how far it does."""

from dataclasses import dataclass
from typing import Any

from capacity.lead_times import LeadTime
from capacity.sizing.result import Sizing


@dataclass(frozen=True)
class Part:
    """One resource that a section of the spec speaks of."""

    name: str
    """As people call it: one section may be two resources."""
    path: str
    """Of the section in the spec; shortfalls and remedies name figures by it."""
    load: str
    """How what is required came about; why it is unknown where there is no sizing."""
    sizing: Sizing | None
    """On the lock's last valid day; None where its load is unknown."""
    lead: LeadTime | None = None
    """None where it can grow at once, or its load is unknown."""
    unknown: tuple[str, ...] = ()
    """The verticals whose calls nobody knows the length of, where there is no sizing."""

    def is_called(self, name: str) -> bool:
        """Return whether somebody who says this name means this part: its own, its section's, or its vertical's."""
        return name in (self.name, self.path, *(word for word in self.path.split(".") if word not in ("verticals", "edge")))

    @property
    def assumed(self) -> bool:
        """Whether the limit that binds rests on an assumed figure."""
        sizing = self.sizing
        if sizing is None:
            return False
        sources = [source for limit in sizing.limits if limit.name == sizing.binding for source in limit.source.split("; ")]
        return any(source.startswith("assumed, ") for source in sources)

    def document(self) -> dict[str, Any]:
        """Return it as JSON; figures to a thousandth, for their last digits differ between machines."""
        sizing = self.sizing
        if sizing is None:
            return {"load": self.load, "unknown": list(self.unknown)}
        return {
            "unit": sizing.unit,
            "load": self.load,
            "required": round(sizing.required, 3),
            "hard": round(sizing.hard, 3),
            "safe": round(sizing.safe, 3),
            "headroom": None if sizing.headroom is None else round(sizing.headroom, 3),
            "binding": sizing.binding,
            "assumed": self.assumed,
            "limits": [
                {"name": limit.name, "value": round(limit.value, 3), "formula": limit.formula, "source": limit.source}
                for limit in sizing.limits
            ],
            **({} if self.lead is None else self.lead.document()),
        }
