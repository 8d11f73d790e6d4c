"""What a simulated day comes to."""

from dataclasses import dataclass

LITTLE, CALLS, TOKENS = "Little's law", "conservation of calls", "conservation of tokens"
"""Mean sessions = accepted rate x mean time held; every call offered is carried, refused or waiting; so with tokens."""


class InvariantBroken(RuntimeError):
    """The simulation's own books do not agree: a defect of the simulation, never of the day."""


@dataclass(frozen=True)
class Tally:
    """Calls by what became of them; those who called again count again."""

    offered: int
    carried: int
    """Taken, at once or after waiting, whether or not they were cut later."""
    at_cap: int
    """Refused: the tenant's plan was full, and the queue too."""
    at_tokens: int
    """Refused: the model had no tokens for one more."""
    at_pods: int
    """Refused: no pod had a free slot."""
    waiting: int
    """Still in the queue when the day ended."""

    @property
    def refused(self) -> int:
        """Refused for any reason."""
        return self.at_cap + self.at_tokens + self.at_pods

    @property
    def blocking(self) -> float:
        """The share of the calls that was refused; 0 where none was offered."""
        return self.refused / self.offered if self.offered else 0.0


@dataclass(frozen=True)
class Minutes:
    """The day minute by minute."""

    offered: tuple[int, ...]
    refused: tuple[int, ...]
    active: tuple[int, ...]
    """Sessions at the busiest instant of the minute."""
    ready: tuple[int, ...]
    """Pods that take calls, at the end of the minute."""
    desired: tuple[int, ...]
    """Replicas that the autoscaler asks for, at the end of the minute."""


@dataclass(frozen=True)
class Tokens:
    """What the sessions asked of the model."""

    asked: float
    refused: float
    """Asked while the bucket was empty."""


@dataclass(frozen=True)
class Outcome:
    """One run of a day."""

    calls: Tally
    groups: tuple[tuple[str, Tally], ...]
    """The same by group, in the order of the traffic's groups."""
    called_again: int
    """Of the offered calls, those of callers who had been cut."""
    queued: int
    """Calls that had to wait."""
    waits_seconds: tuple[float, ...]
    """Of those that waited and were taken, shortest first."""
    lost: int
    """Calls that were cut: with their node, or at the end of a pod's grace."""
    peak: int
    """The most sessions at once."""
    mean_active: float
    """Average over time."""
    held_seconds: float
    """Mean time that a carried call held its session within the day; 0 where none was carried."""
    full_seconds: float
    """With no free slot on any ready pod."""
    full_spells: int
    """How often it became so."""
    tokens: Tokens | None
    minutes: Minutes
    invariants: tuple[str, ...]
    """What this run's books were held to, and agreed on: another outcome there is not, for `InvariantBroken` is raised."""
