"""What the live verticals ask together of what they share: sessions, and calls that start."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from capacity.load_path import LoadPath
from capacity.sizing.poisson import UNLIKELY, poisson_quantile


class UnknownStarts(ValueError):
    """Nobody says how long the calls of some verticals are, so nobody knows how many start in a second."""

    def __init__(self, verticals: tuple[str, ...]) -> None:
        super().__init__(f"nobody says how long a call of {' and of '.join(verticals)} is on average: the lock has measured none")
        self.verticals = verticals


@dataclass(frozen=True)
class VerticalLoad:
    """What one vertical asks for."""

    name: str
    sessions: float
    """Required."""
    mean_call: float | None
    """Seconds; measured by the lock, else as the spec says, else unknown."""
    busiest_second: float | None
    """Calls that start in it; None where the lock has not measured it."""


@dataclass(frozen=True)
class Load:
    """What several verticals ask for on one day."""

    day: date
    verticals: tuple[VerticalLoad, ...]

    @property
    def sessions(self) -> float:
        """Required sessions, summed: the verticals' peaks may fall together."""
        return sum(vertical.sessions for vertical in self.verticals)

    @property
    def sessions_formula(self) -> str:
        """How the sum came about."""
        return f"{self._sum()} required on {self.day}"

    @property
    def starts_per_second(self) -> float:
        """Mean calls that start in a second while the required sessions are held; raises UnknownStarts.

        Little's law: sessions = starts x mean length.
        """
        return _mean_starts(self.verticals)

    @property
    def mean_call(self) -> float:
        """Mean length of a call over all of them, in seconds; raises UnknownStarts."""
        return self.sessions / self.starts_per_second

    @property
    def busiest_second(self) -> float:
        """Calls that start in a second which hardly one in a thousand surpasses; raises UnknownStarts.

        As the lock measured it, grown with the sessions; where it has not, the 99.9% quantile of as many calls at random,
        which is too low for campaigns that dial at once.
        """
        unmeasured = [vertical for vertical in self.verticals if vertical.busiest_second is None]
        measured = sum(vertical.busiest_second or 0.0 for vertical in self.verticals)
        return measured + poisson_quantile(_mean_starts(unmeasured), UNLIKELY) if unmeasured else measured

    @property
    def starts_formula(self) -> str:
        """How the busiest second came about."""
        measured = [vertical.name for vertical in self.verticals if vertical.busiest_second is not None]
        law = f"{self._sum()} sessions / {self.mean_call:,.1f} s = {self.starts_per_second:,.4g} starts a second on {self.day}"
        if len(measured) == len(self.verticals):
            return f"{UNLIKELY:.1%} of seconds as measured, grown with the sessions; {law}"
        return f"{UNLIKELY:.1%} quantile of Poisson arrivals{', measured for ' + ', '.join(measured) if measured else ''}; {law}"

    def _sum(self) -> str:
        return " + ".join(f"{vertical.sessions:,.0f} {vertical.name}" for vertical in self.verticals)


def load_on(day: date, verticals: Iterable[str], path: LoadPath) -> Load:
    """Return what live verticals ask for on a day: required(t) of each, and the starts that go with it."""
    return Load(day, tuple(_vertical(name, day, path) for name in verticals))


def _vertical(name: str, day: date, path: LoadPath) -> VerticalLoad:
    forecast, sessions = path.lock.verticals[name], path.required_on(name, day).sessions
    busiest = None
    if forecast.demand is not None:
        starts = forecast.demand.starts_per_second
        # Required sessions over the peak is burst x growth, or more where another term binds: starts rise as sessions do.
        extreme = 0.0 if starts.extreme is None else float(starts.extreme.q95)
        busiest = max(starts.p999.value * sessions / forecast.peak, extreme)
    return VerticalLoad(name, sessions, path.mean_calls.get(name), busiest)


def _mean_starts(verticals: Iterable[VerticalLoad]) -> float:
    known = [(vertical, vertical.mean_call) for vertical in verticals]
    if unknown := tuple(vertical.name for vertical, mean in known if mean is None):
        raise UnknownStarts(unknown)
    return sum(vertical.sessions / mean for vertical, mean in known if mean is not None)
