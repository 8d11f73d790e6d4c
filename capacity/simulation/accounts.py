"""From the books of a run to its outcome; the books are held against each other on the way."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from capacity.simulation.calls import Seconds
from capacity.simulation.day import MINUTE_SECONDS, Day, TokenBucket
from capacity.simulation.ledger import AT_CAP, AT_PODS, AT_TOKENS, NOT_TAKEN, Ledger
from capacity.simulation.outcome import InvariantBroken, Minutes, Outcome, Tally, Tokens
from capacity.simulation.tokens import TokenLevel, full_bucket

_ROUNDING = 1e-9
"""Relative; what sums of millions of floats leave."""
_CARRIED, _WAITING = 3, 4
"""What becomes of a call that is not refused; reasons are 0 to 2."""

_Counts = NDArray[np.int64]


@dataclass
class Marks:
    """What the slots and the autoscaler said at the end of each minute."""

    active: list[int] = field(default_factory=list)
    ready: list[int] = field(default_factory=list)
    desired: list[int] = field(default_factory=list)


def close(day: Day, ledger: Ledger, marks: Marks, *, refused: int, waiting: int, tokens: TokenLevel | None) -> Outcome:
    """Return the outcome of a run.

    `refused` and `waiting` were counted at the door, `marks.active` at the slots; all else is worked out from each call's times.

    Raises:
        InvariantBroken: two of these do not agree.
    """
    horizon = day.traffic.seconds
    arrive = np.concatenate([ledger.calls.arrive, ledger.again_arrive])
    began = _changed(arrive, ledger.began)
    ended = _changed(arrive + np.concatenate([ledger.calls.hold, ledger.again_hold]), ledger.ended)
    fates = _fates(ledger, waiting=waiting)
    taken = fates == _CARRIED
    total = _tally(fates)
    _agree("calls refused and waiting by their fates", total.refused + total.waiting, "at the door", refused + waiting)
    queued = np.array(ledger.queued, dtype=np.int64)
    waited = queued[taken[queued]]
    _agree("calls that waited and were taken", len(waited), "queued and no longer in the line", len(queued) - waiting)
    starts, ends = np.sort(began[taken]), np.sort(ended[taken])
    minutes = np.arange(1, len(marks.active) + 1) * MINUTE_SECONDS
    active = np.searchsorted(starts, minutes, side="right") - np.searchsorted(ends, minutes, side="right")
    if wrong := np.flatnonzero(active != np.array(marks.active)).tolist():
        minute = wrong[0]
        _agree(f"sessions after minute {minute} by their times", int(active[minute]), "by the slots", marks.active[minute])
    held = np.minimum(ended[taken], horizon) - began[taken]
    area = _area(starts, ends, marks.active)
    _agree("time-average active by the slots", area / horizon, "accepted rate x mean time held (Little)", held.sum() / horizon)
    if tokens is not None:
        _check_tokens(tokens, area, horizon)
    busiest = _busiest(starts, ends, marks.active)
    begins, finishes = _spells(ledger.turns, horizon)
    return Outcome(
        calls=total,
        groups=_by_group(day, ledger, fates),
        called_again=len(ledger.again_arrive),
        queued=len(queued),
        waits_seconds=tuple(np.sort((began - arrive)[waited]).tolist()),
        lost=ledger.cut,
        peak=int(busiest.max()),
        mean_active=area / horizon,
        held_seconds=float(held.mean()) if len(held) else 0.0,
        full_seconds=float((finishes - begins).sum()),
        full_spells=len(begins) - int((begins[1:] == finishes[:-1]).sum()),
        tokens=None if tokens is None else Tokens(tokens.asked, tokens.refused),
        minutes=Minutes(
            offered=_per_minute(arrive, len(minutes)),
            refused=_per_minute(arrive[fates < _CARRIED], len(minutes)),
            active=tuple(busiest.tolist()),
            ready=tuple(marks.ready),
            desired=tuple(marks.desired),
        ),
    )


def _agree(what: str, found: float, beside: str, expected: float) -> None:
    if not math.isclose(found, expected, rel_tol=_ROUNDING, abs_tol=_ROUNDING):
        raise InvariantBroken(
            f"simulation: {what} are {found!r}, {beside} {expected!r}; they must be equal: report the day and the seed"
        )


def _changed(times: Seconds, changes: dict[int, float]) -> Seconds:
    changed = times.copy()
    changed[list(changes)] = list(changes.values())
    return changed


def _fates(ledger: Ledger, *, waiting: int) -> _Counts:
    """Return what became of each call: its reason, where one was written down."""
    fates = np.where(np.array(ledger.pod, dtype=np.int64) != NOT_TAKEN, _CARRIED, AT_PODS)
    if ledger.refused or waiting:
        fates[fates != _CARRIED] = _WAITING
        fates[list(ledger.refused)] = list(ledger.refused.values())
    return fates


def _tally(fates: _Counts) -> Tally:
    counts = np.bincount(fates, minlength=_WAITING + 1).tolist()
    return Tally(
        offered=len(fates),
        carried=counts[_CARRIED],
        at_cap=counts[AT_CAP],
        at_tokens=counts[AT_TOKENS],
        at_pods=counts[AT_PODS],
        waiting=counts[_WAITING],
    )


def _by_group(day: Day, ledger: Ledger, fates: _Counts) -> tuple[tuple[str, Tally], ...]:
    if not day.traffic.groups:
        return ()
    lasts = np.cumsum([group.tenants for group in day.traffic.groups])
    tenants = np.concatenate([ledger.calls.tenant, np.array(ledger.again_tenant, dtype=np.int64)])
    group_of = np.searchsorted(lasts, tenants, side="right")
    return tuple((group.name, _tally(fates[group_of == number])) for number, group in enumerate(day.traffic.groups))


def _area(starts: Seconds, ends: Seconds, active: list[int]) -> float:
    """Return sessions x seconds over the day.

    Minute by minute: what the slots held when it began, all through it, and each start and end from then to its end.
    """
    minutes = len(active)
    ends = ends[ends <= minutes * MINUTE_SECONDS]
    held = sum(active[:-1]) * MINUTE_SECONDS
    for times, sign in ((starts, 1.0), (ends, -1.0)):
        last = np.ceil(times / MINUTE_SECONDS) * MINUTE_SECONDS
        held += sign * float((last - times).sum())
    return held


def _busiest(starts: Seconds, ends: Seconds, active: list[int]) -> _Counts:
    """Return the most sessions at once within each minute. A maximum comes with a start or is there when the minute begins."""
    busiest = np.array([0, *active[:-1]], dtype=np.int64)
    at_start = np.arange(1, len(starts) + 1) - np.searchsorted(ends, starts, side="right")
    first = np.searchsorted(starts, np.arange(len(active)) * MINUTE_SECONDS, side="right")
    some = np.diff(first, append=len(starts)) > 0
    if some.any():
        busiest[some] = np.maximum(busiest[some], np.maximum.reduceat(at_start, first[some]))
    return busiest


def _spells(turns: list[float], horizon: float) -> tuple[Seconds, Seconds]:
    """Return when each spell without a free slot began and finished; one that takes no time is none."""
    times = np.array([*turns, horizon] if len(turns) % 2 else turns, dtype=np.float64)
    begins, finishes = times[0::2], times[1::2]
    lasting = finishes > begins
    return begins[lasting], finishes[lasting]


def _per_minute(times: Seconds, minutes: int) -> tuple[int, ...]:
    return tuple(np.bincount((times / MINUTE_SECONDS).astype(np.int64), minlength=minutes)[:minutes].tolist())


def _check_tokens(tokens: TokenLevel, area: float, horizon: float) -> None:
    bucket: TokenBucket = tokens.bucket
    used = bucket.tokens_per_session_minute / 60 * area
    _agree("tokens asked for by the bucket", tokens.asked, "by sessions x time", used)
    granted, most = tokens.asked - tokens.refused, full_bucket(bucket) + bucket.tokens_per_minute / 60 * horizon
    if granted > most * (1 + _ROUNDING):
        raise InvariantBroken(f"simulation: {granted!r} tokens were granted where {most!r} came: report the day and the seed")
