"""A day of a capacity plan, ready to be simulated."""

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from capacity.clocks import minutes_of_day
from capacity.lag_plan import pod_seconds
from capacity.lock import WEEKDAYS, Demand
from capacity.plan import CapacityPlan, LivePlan
from capacity.providers.ceiling import reserved_tokens, tokens_of_session
from capacity.providers.limits import TokenLimited
from capacity.scaling import Window
from capacity.simulation.day import Autoscaler, Day, Fleet, Floor, Nodes, TokenBucket, Traffic
from capacity.traffic.arguments import require

_WEEK_MINUTES = 7 * 24 * 60


def day_of(
    plan: CapacityPlan,
    vertical: str,
    profile: Sequence[float],
    *,
    day: date,
    zone: str,
    holding_seconds: float | None = None,
) -> Day:
    """Return a day of one live vertical as the plan lets it run: its pods' limit, autoscaler, floors of that day, lag and nodes.

    `profile` is the week from Monday, midnight in `zone`, in pieces of equal length (168 for hours), as shares of the forecast
    peak. Where it says 1 calls come at peak / holding time, so that the mean of the sessions, not their maximum, is the forecast
    peak: a little more than was forecast. Burst and growth are in it only as far as the profile goes beyond 1. Holding time and
    day effect are the lock's where it measured them. A pod starts in the plan's lag less one step of the autoscaler, which is
    played out. The day begins without a call, but with the pods that midnight's load asks for.

    The token limit is shared by all verticals, and other figures are what one asks of a day: add `tokens`, `queue_depth`,
    `losses`, groups and bursts with `dataclasses.replace`.

    Raises:
        ValueError: there is no such live vertical, the profile does not divide a week's minutes, or no holding time is known.
    """
    live = _live(plan, vertical)
    pieces = len(profile)
    require(holds=pieces > 0 and _WEEK_MINUTES % pieces == 0, what="a profile must divide the week's minutes evenly", got=pieces)
    demand = plan.lock.verticals[vertical].demand
    held = holding_seconds if holding_seconds is not None else _measured_holding(demand, vertical)
    midnight, length = _span(day, ZoneInfo(zone))
    rates = tuple(
        profile[minute * pieces // _WEEK_MINUTES] * live.peak / held for minute in _week_minutes(midnight, length, ZoneInfo(zone))
    )
    autoscaler = Autoscaler(
        target_sessions=live.scaling.target.sessions,
        minimum=live.scaling.baseline,
        maximum=live.scaling.maximum,
        tolerance=plan.scaling.tolerance,
        floors=tuple(floor for window in live.scaling.windows for floor in _floors(window, day, midnight, length)),
    )
    nodes = next(pool.nodes for pool in plan.pools if pool.name == live.spec.pool)
    return Day(
        Traffic(rates, held, day_cv=demand.day_cv.value if demand is not None else 0.0),
        Fleet(
            pods=max(autoscaler.floor_at(0.0), min(autoscaler.maximum, math.ceil(rates[0] * held / autoscaler.target_sessions))),
            sessions_per_pod=live.sessions_per_pod,
            autoscaler=autoscaler,
            start_seconds=pod_seconds(live.lag, autoscaler.sync_seconds),
            grace_seconds=float(live.spec.grace_seconds),
            nodes=Nodes(max(1, nodes)),
        ),
    )


def _live(plan: CapacityPlan, vertical: str) -> LivePlan:
    live = {found.name: found for found in plan.live}
    require(
        holds=vertical in live,
        what=f"{plan.environment} must have a live vertical of the name; its live ones are {', '.join(live) or 'none'}",
        got=vertical,
    )
    return live[vertical]


def _measured_holding(demand: Demand | None, vertical: str) -> float:
    if demand is None:
        raise ValueError(f"the lock measured no holding time of {vertical}: give holding_seconds")
    return demand.holding_seconds.value


def _span(day: date, zone: ZoneInfo) -> tuple[datetime, float]:
    """Return when a day begins, and its seconds: 23 or 25 hours when the clocks change."""
    begins, ends = (
        datetime(each.year, each.month, each.day, tzinfo=zone).astimezone(UTC) for each in (day, day + timedelta(days=1))
    )
    return begins, (ends - begins).total_seconds()


def _week_minutes(midnight: datetime, length: float, zone: ZoneInfo) -> Iterator[int]:
    """Yield the minute of the week, by the wall clock, of each minute of the day."""
    for minute in range(round(length / 60)):
        local = (midnight + timedelta(minutes=minute)).astimezone(zone)
        yield (local.weekday() * 24 + local.hour) * 60 + local.minute


def _floors(window: Window, day: date, midnight: datetime, length: float) -> Iterator[Floor]:
    """Yield a window as seconds of the day, where it touches it: its zone may have another date, its lead another day."""
    zone = ZoneInfo(window.zone)
    for local in (day + timedelta(days=offset) for offset in range(-2, 3)):
        if WEEKDAYS[local.weekday()] != window.day:
            continue
        start, end = ((_instant(local, clock, zone) - midnight).total_seconds() for clock in (window.start, window.end))
        if start - window.lead_seconds < length and end > 0:
            yield Floor(start - window.lead_seconds, end, window.replicas)


def _instant(day: date, clock: str, zone: ZoneInfo) -> datetime:
    # "24:00" is the next day's midnight; added before the zone, so that the wall clock counts.
    return (datetime.combine(day, time.min) + timedelta(minutes=minutes_of_day(clock))).replace(tzinfo=zone).astimezone(UTC)


def token_share(plan: CapacityPlan, vertical: str) -> TokenBucket | None:
    """Return the part of the first provider's tokens that falls to a vertical by its share of the forecast peaks.

    On-demand and reserved tokens together. None where that provider limits no tokens: then tokens refuse nothing.
    """
    primary = plan.model.primary
    if not isinstance(primary, TokenLimited):
        return None
    share = _live(plan, vertical).peak / sum(live.peak for live in plan.live)
    limit = primary.tokens_per_minute.limit + reserved_tokens(primary)
    return TokenBucket(share * limit, tokens_of_session(primary.tokens_per_session_minute).tokens, primary.window)
