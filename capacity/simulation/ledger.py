"""What became of each call, written while the simulation runs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from capacity.simulation.calls import Calls

NOT_TAKEN = -1
CUT = -2

Reason = int
AT_CAP, AT_TOKENS, AT_PODS = range(3)


@dataclass
class Ledger:
    """The calls of a day by number; those who call again are added at the end."""

    calls: Calls
    pod: list[int] = field(init=False)
    """Where a call is or was; NOT_TAKEN where it never had a pod, CUT where it was lost with one."""
    again_tenant: list[int] = field(default_factory=list)
    """Of those who called again."""
    again_arrive: list[float] = field(default_factory=list)
    again_hold: list[float] = field(default_factory=list)
    began: dict[int, float] = field(default_factory=dict)
    """Of calls that waited or came again."""
    ended: dict[int, float] = field(default_factory=dict)
    """Of calls that waited, came again or were cut: all others end when the schedule says."""
    refused: dict[int, Reason] = field(default_factory=dict)
    """Where there is more than one reason; else every call that was not taken found no slot."""
    queued: list[int] = field(default_factory=list)
    """Calls that had to wait, in the order of coming."""
    cut: int = 0
    turns: list[float] = field(default_factory=list)
    """When the fleet became full, had room again, became full, ..."""

    def __post_init__(self) -> None:
        self.pod = [NOT_TAKEN] * self.scheduled

    @property
    def scheduled(self) -> int:
        """How many calls there are without those that came again."""
        return len(self.calls.arrive)

    def arrive_of(self, call: int) -> float:
        """Return when a call came."""
        return float(self.calls.arrive[call]) if call < self.scheduled else self.again_arrive[call - self.scheduled]

    def hold_of(self, call: int) -> float:
        """Return how long a call holds."""
        return float(self.calls.hold[call]) if call < self.scheduled else self.again_hold[call - self.scheduled]

    def times_of(self, codes: Sequence[int]) -> list[float]:
        """Return when scheduled events happen: call k comes (k) or ends (~k)."""
        events = np.array(codes, dtype=np.int64)
        calls = np.where(events < 0, ~events, events)
        held = np.where(events < 0, self.calls.hold[calls], 0.0)
        return cast("list[float]", (self.calls.arrive[calls] + held).tolist())

    def tenant_of(self, call: int) -> int:
        """Return whose a call is."""
        return int(self.calls.tenant[call]) if call < self.scheduled else self.again_tenant[call - self.scheduled]

    def come_again(self, call: int, at: float, hold: float) -> int:
        """Return the number under which a caller who was cut comes again."""
        self.pod.append(NOT_TAKEN)
        self.again_tenant.append(self.tenant_of(call))
        self.again_arrive.append(at)
        self.again_hold.append(hold)
        return len(self.pod) - 1

    def note_full(self, now: float, *, full: bool) -> None:
        """Write down whether the fleet is full after a change of its pods."""
        if full != (len(self.turns) % 2 == 1):
            self.turns.append(now)
