"""What the live verticals ask of what they share: sessions, and calls that start, on a day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from policies.evidence import Context, usable
from policies.figures import poisson_quantile
from policies.fleet import Live, live_deployments
from policies.floors import Floors
from policies.lock import Load, Lock
from policies.margins import Margins, margins, required
from policies.stack import Stack, Unreadable, optional_annotation


@dataclass(frozen=True)
class Demand:
    """The load of the fleet as the gate knows it: by the lock, and by the margins that count."""

    lock: Lock
    floors: Floors
    kept: Margins
    fleet: tuple[Live, ...]

    def sessions(self, day: date, verticals: Iterable[str] | None = None) -> float:
        """Return the sessions that must be held on a day, of some verticals or of all; their peaks may fall together."""
        names = self.lock.verticals if verticals is None else verticals
        return sum(required(self.lock, self._load(name), day, self.kept) for name in names)

    def starts_per_second(self, day: date) -> float:
        """Return the calls that start in a second on average while all required sessions stand (Little's law)."""
        return sum(self.sessions(day, [name]) / self.mean_call(name) for name in self.lock.verticals)

    def busiest_second(self, day: date) -> float:
        """Return the calls that start in a second which hardly one in a thousand surpasses.

        As measured, grown with the sessions; else the quantile of as many calls at random (Little's law: sessions = starts x
        mean length). Raises `Unreadable` where neither the lock nor a Deployment says how long calls are.
        """
        measured, random = 0.0, 0.0
        for name, load in self.lock.verticals.items():
            held = required(self.lock, load, day, self.kept)
            if load.busiest_second is None:
                random += held / self.mean_call(name)
            else:
                measured += max(load.busiest_second * held / load.peak, load.extreme_second)
        return measured + (poisson_quantile(random) if random else 0.0)

    def mean_call(self, vertical: str) -> float:
        """Return the mean length of a vertical's calls in seconds: as measured, else the shortest that a Deployment claims."""
        measured = self._load(vertical).mean_call_seconds
        if measured is not None:
            return measured
        places = (optional_annotation(live.deployment, "mean-call-seconds") for live in self.fleet if live.vertical == vertical)
        lengths = [place.number() for place in places if place is not None]
        if not lengths or min(lengths) <= 0:
            message = f"nobody says how long its calls are: neither the lock nor headroom.dev/mean-call-seconds of {vertical}"
            raise Unreadable(vertical, message, f"give verticals.{vertical}.mean_call, or forecast from calls with their ends")
        return min(lengths)

    def _load(self, vertical: str) -> Load:
        load = self.lock.verticals.get(vertical)
        if load is None:
            raise Unreadable(vertical, f"the lock knows nothing of {vertical}", f"forecast {vertical}")
        return load


def demand_of(stack: Stack, context: Context) -> Demand:
    """Return the load of a stack; raise `Unreadable` where lock, floors or the stack's margins cannot be used."""
    floors = usable(context.floors)
    return Demand(usable(context.lock), floors, margins(stack, floors), live_deployments(stack))
