"""A simulated day as text for a terminal and as JSON."""

from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from capacity.plan import LivePlan
from capacity.simulation.day import Day
from capacity.simulation.outcome import Outcome


@dataclass(frozen=True)
class SimulatedDay:
    """A day of one live vertical, and what it came to."""

    environment: str
    live: LivePlan
    day: date
    zone: str
    load: float
    """Times the forecast's."""
    seed: int
    basis: str
    """What the shape of the day rests on."""
    inputs: Day
    outcome: Outcome

    @property
    def utilisation(self) -> float:
        """The highest of a minute: its busiest instant over the hard ceiling of the pods that took calls in it; 0 without any."""
        minutes, hard = self.outcome.minutes, self.live.takes.hard
        # Pods come and go within a minute: those at its beginning or its end, whichever are more.
        ready = map(max, minutes.ready, (self.inputs.fleet.pods, *minutes.ready))
        return max(
            (active / (pods * hard) for active, pods in zip(minutes.active, ready, strict=True) if pods * hard), default=0.0
        )

    @property
    def mean_utilisation(self) -> float:
        """Mean sessions over the hard ceiling of the pods of the mean minute; 0 without any."""
        ready = sum(self.outcome.minutes.ready) / len(self.outcome.minutes.ready)
        return self.outcome.mean_active / (ready * self.live.takes.hard) if ready * self.live.takes.hard else 0.0

    @property
    def steps(self) -> tuple[int, int]:
        """Minutes at whose end more replicas were asked for than at that of the one before, and fewer."""
        desired = self.outcome.minutes.desired
        pairs = list(pairwise(desired))
        return sum(after > before for before, after in pairs), sum(after < before for before, after in pairs)

    def document(self) -> dict[str, Any]:
        """Return the day as JSON; waits as quantiles."""
        outcome = asdict(self.outcome)
        del outcome["waits_seconds"], outcome["groups"]
        calls = outcome.pop("calls")
        return {
            "environment": self.environment,
            "vertical": self.live.name,
            "day": self.day.isoformat(),
            "zone": self.zone,
            "load": self.load,
            "seed": self.seed,
            "profile": self.basis,
            "holding_seconds": self.inputs.traffic.holding_seconds,
            "day_cv": self.inputs.traffic.day_cv,
            "calls": calls | {"refused": self.outcome.calls.refused, "blocking": self.outcome.calls.blocking},
            "waits_seconds": {"p50": _quantile(self.outcome, 0.5), "p95": _quantile(self.outcome, 0.95)},
            "utilisation": {"mean": round(self.mean_utilisation, 4), "highest": round(self.utilisation, 4)},
            "autoscaler_steps": dict(zip(("up", "down"), self.steps, strict=True)),
            **outcome,
        }


def show_day(played: SimulatedDay, console: Console) -> None:
    """Print what a day came to, and on what it rests."""
    outcome, calls, minutes = played.outcome, played.outcome.calls, played.outcome.minutes
    console.print(
        f"[bold]{played.environment} {played.live.name}[/] on {played.day:%a} {played.day}, {played.load:g} x the forecast, "
        f"seed {played.seed}"
    )
    console.print(
        Text(
            f"profile: {played.basis}; calls of {played.inputs.traffic.holding_seconds:,.0f} s, "
            f"day effect {played.inputs.traffic.day_cv:.2g}"
        )
    )
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    up, down = played.steps
    rows: list[tuple[str, str, str]] = [
        ("calls", f"{calls.offered:,}", _again(outcome)),
        ("blocked", f"{calls.at_pods:,}", f"found no free slot on a ready pod: {_share(calls.at_pods, calls.offered)}"),
        ("refused", f"{calls.at_tokens:,}", f"found no tokens left at the model: {_share(calls.at_tokens, calls.offered)}"),
        ("queued", f"{outcome.queued:,}", _waits(outcome)),
        ("cut", f"{outcome.lost:,}", "lost with their node, or at the end of a pod's grace"),
        ("peak", f"{outcome.peak:,}", f"sessions at once, at {_clock(played, minutes.active.index(outcome.peak))}"),
        (
            "utilisation",
            f"{played.utilisation:.0%}",
            f"of the ready pods' hard ceiling in the fullest minute; {played.mean_utilisation:.0%} on average",
        ),
        (
            "pods",
            f"{max(minutes.ready):,}",
            f"ready at most; {min(minutes.ready):,} at least, {max(minutes.desired):,} asked for",
        ),
        ("autoscaler", f"{up + down:,}", f"minutes with a step: {up} up, {down} down"),
        ("full", f"{outcome.full_seconds:,.0f} s", f"without a free slot, in {outcome.full_spells:,} spells"),
    ]
    for name, figure, said in rows:
        table.add_row(Text(name, style="bold"), Text(figure, justify="right"), Text(said))
    console.print(table)
    console.print(f"Held on this run: {', '.join(outcome.invariants)}.")


def _again(outcome: Outcome) -> str:
    return f"{outcome.called_again:,} of them callers who were cut and came again" if outcome.called_again else "offered"


def _waits(outcome: Outcome) -> str:
    if not outcome.queued:
        return "had to wait"
    still = f", {outcome.calls.waiting:,} still do" if outcome.calls.waiting else ""
    return f"had to wait: half of them {_quantile(outcome, 0.5):,.1f} s, 95% up to {_quantile(outcome, 0.95):,.1f} s{still}"


def _quantile(outcome: Outcome, probability: float) -> float:
    waits = outcome.waits_seconds
    return waits[min(len(waits) - 1, int(probability * len(waits)))] if waits else 0.0


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3%}" if whole else "no call came"


def _clock(played: SimulatedDay, minute: int) -> str:
    midnight = datetime.combine(played.day, time(), ZoneInfo(played.zone))
    # Elapsed time, not the wall clock's: the day may change its clocks.
    at = midnight.astimezone(ZoneInfo("UTC")) + timedelta(minutes=minute)
    return f"{at.astimezone(ZoneInfo(played.zone)):%H:%M}"
