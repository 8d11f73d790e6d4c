"""The load of the live verticals as a function of the day, one by one and together."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from capacity.lock import ForecastLock, VerticalForecast
from capacity.onboarding import Onboarding, onboarding
from capacity.required import Required, growth_factor, required
from capacity.spec import Margins, Spec
from capacity.verticals import LiveVertical


@dataclass(frozen=True)
class LoadPath:
    """What each live vertical asks for from the lock's data end on."""

    lock: ForecastLock
    margins: Margins
    onboarding: Mapping[str, Onboarding]
    """By vertical; those without new customers are not in it."""
    mean_calls: Mapping[str, float]
    """Seconds, by vertical: measured by the lock, else as the spec says; the others are not in it."""

    def growth_on(self, day: date) -> float:
        """Return the forecast load on a day as a multiple of that at the lock's data end."""
        return growth_factor((day - self.lock.data_end).days, self.margins.growth_per_quarter)

    def required_on(self, vertical: str, day: date) -> Required:
        """Return the sessions of a vertical that must be held on a day."""
        joining = self.onboarding.get(vertical)
        sessions = None if joining is None else joining.sessions_on(day)
        margins, forecast = self.margins, self.lock.verticals[vertical]
        return required(forecast, self.lock.data_end, day, margins.burst, margins.growth_per_quarter, onboarding=sessions)

    def at_level(self, vertical: str, sessions: float, day: date) -> float:
        """Return what a peak of the forecast has become on a day, in erlangs and without burst: grown, or with new customers.

        New customers stand for growth, so the larger of the two counts, never both; they are taken to call just then.
        """
        joining = self.onboarding.get(vertical)
        grown = sessions * self.growth_on(day)
        return grown if joining is None else max(grown, sessions + joining.offered_on(day))

    def peaks_on(self, day: date) -> dict[str, float]:
        """Return the plain peak of each vertical on a day, in erlangs."""
        return {name: self.at_level(name, forecast.peak, day) for name, forecast in self.lock.verticals.items()}

    def bursts_on(self, day: date) -> dict[str, float]:
        """Return the sessions of a burst over each vertical's peak on a day, or those with new customers where they are more."""
        grown = self.margins.burst * self.growth_on(day)
        return {
            name: max(grown * forecast.peak, self.onboarding[name].sessions_on(day) if name in self.onboarding else 0.0)
            for name, forecast in self.lock.verticals.items()
        }

    def starts_per_minute(self, sessions: Mapping[str, float]) -> float | None:
        """Return the calls that begin in a minute while so many sessions of each vertical stand (Little's law).

        None where nobody knows how long the calls of one of them are.
        """
        if not sessions.keys() <= self.mean_calls.keys():
            return None
        return sum(standing * 60 / self.mean_calls[vertical] for vertical, standing in sessions.items())

    def mean_sessions(self, vertical: str) -> float | None:
        """Return the sessions on average over a week: the forecast's, and new customers' as of the lock's last valid day."""
        mean, joining = self.lock.verticals[vertical].mean_sessions, self.onboarding.get(vertical)
        return mean if mean is None or joining is None else mean + joining.mean_sessions


def load_path(spec: Spec, lock: ForecastLock) -> LoadPath:
    """Return the load of an environment whose spec and lock speak of the same verticals."""
    live = {name: vertical for name, vertical in spec.verticals.items() if isinstance(vertical, LiveVertical)}
    joining = {name: tuple(customer for customer in spec.customers if customer.vertical == name) for name in live}
    until, burst = lock.valid_until, spec.margins.burst
    return LoadPath(
        lock,
        spec.margins,
        {
            name: onboarding(customers, lock.verticals[name], lock.data_end, until, burst=burst)
            for name, customers in joining.items()
            if customers
        },
        {name: held for name, vertical in live.items() if (held := _mean_call(vertical, lock.verticals[name])) is not None},
    )


def _mean_call(vertical: LiveVertical, forecast: VerticalForecast) -> float | None:
    if forecast.demand is not None and forecast.demand.holding_seconds.value > 0:
        return forecast.demand.holding_seconds.value
    return None if vertical.mean_call is None else vertical.mean_call.value
