"""From the books of a run to its outcome; the books are held against each other on the way."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from capacity.simulation.calls import Seconds
from capacity.simulation.day import MINUTE_SECONDS, Day, TokenBucket
from capacity.simulation.fixed import ranks
from capacity.simulation.ledger import AT_CAP, AT_PODS, AT_TOKENS, Ledger
from capacity.simulation.outcome import CALLS, LITTLE, TOKENS, InvariantBroken, Minutes, Outcome, Tally, Tokens
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


def close(
    day: Day,
    ledger: Ledger,
    marks: Marks,
    *,
    taken: NDArray[np.bool_],
    levels: _Counts | None,
    refused: int,
    waiting: int,
    tokens: TokenLevel | None,
) -> Outcome:
    """Return the outcome of a run.

    `taken` says which calls held a slot, `refused` and `waiting` were counted at the door, `marks.active` at the slots, and so
    were `levels`, the sessions after each call that was taken, if given; all else is worked out from each call's times.

    Raises:
        InvariantBroken: two of these do not agree.
    """
    horizon = day.traffic.seconds
    arrive = _and(ledger.calls.arrive, ledger.again_arrive)
    began = _changed(arrive, ledger.began)
    ended = _changed(arrive + _and(ledger.calls.hold, ledger.again_hold), ledger.ended)
    fates = _fates(ledger, taken, waiting=waiting)
    total = _tally(fates)
    _agree("calls offered", len(arrive), "carried, refused and waiting", total.carried + total.refused + total.waiting)
    _agree("calls refused and waiting by their fates", total.refused + total.waiting, "at the door", refused + waiting)
    queued = np.array(ledger.queued, dtype=np.int64)
    waited = queued[taken[queued]]
    _agree("calls that waited and were taken", len(waited), "queued and no longer in the line", len(queued) - waiting)
    starts, ends = _in_order(began[taken]), np.sort(ended[taken])
    minutes = np.arange(1, len(marks.active) + 1) * MINUTE_SECONDS
    active = np.searchsorted(starts, minutes, side="right") - np.searchsorted(ends, minutes, side="right")
    if wrong := np.flatnonzero(active != np.array(marks.active)).tolist():
        minute = wrong[0]
        _agree(f"sessions after minute {minute} by their times", int(active[minute]), "by the slots", marks.active[minute])
    invariants = [CALLS]
    held = np.minimum(ended[taken], horizon)
    held -= began[taken]
    area = _area(starts, ends, marks.active)
    _agree("time-average active by the slots", area / horizon, "accepted rate x mean time held (Little)", held.sum() / horizon)
    invariants.append(LITTLE)
    if tokens is not None:
        _check_tokens(tokens, area, horizon)
        invariants.append(TOKENS)
    busiest = _busiest(starts, np.arange(1, len(starts) + 1) - ranks(ends, starts) if levels is None else levels, marks.active)
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
        invariants=tuple(invariants),
    )


def _agree(what: str, found: float, beside: str, expected: float) -> None:
    if not math.isclose(found, expected, rel_tol=_ROUNDING, abs_tol=_ROUNDING):
        raise InvariantBroken(
            f"simulation: {what} are {found!r}, {beside} {expected!r}; they must be equal: report the day and the seed"
        )


def _and(times: Seconds, more: list[float]) -> Seconds:
    return np.concatenate([times, more]) if more else times


def _in_order(times: Seconds) -> Seconds:
    """Return the times sorted; they mostly are, but for those of calls that waited or came again."""
    return times if (times[1:] >= times[:-1]).all() else np.sort(times)


def _changed(times: Seconds, changes: dict[int, float]) -> Seconds:
    if not changes:
        return times
    changed = times.copy()
    changed[list(changes)] = list(changes.values())
    return changed


def _fates(ledger: Ledger, taken: NDArray[np.bool_], *, waiting: int) -> _Counts:
    """Return what became of each call: its reason, where one was written down."""
    fates = np.where(taken, _CARRIED, AT_PODS)
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
        # In place: the arrays are long.
        left = times / MINUTE_SECONDS
        np.ceil(left, out=left)
        left *= MINUTE_SECONDS
        left -= times
        held += sign * float(left.sum())
    return held


def _busiest(starts: Seconds, levels: _Counts, active: list[int]) -> _Counts:
    """Return the most sessions at once within each minute. A maximum comes with a start or is there when the minute begins."""
    busiest = np.array([0, *active[:-1]], dtype=np.int64)
    first = np.searchsorted(starts, np.arange(len(active)) * MINUTE_SECONDS, side="right")
    some = np.diff(first, append=len(starts)) > 0
    if some.any():
        busiest[some] = np.maximum(busiest[some], np.maximum.reduceat(levels, first[some]))
    return busiest


def _spells(turns: list[float], horizon: float) -> tuple[Seconds, Seconds]:
    """Return when each spell without a free slot began and finished; one that takes no time is none."""
    times = np.array([*turns, horizon] if len(turns) % 2 else turns, dtype=np.float64)
    begins, finishes = times[0::2], times[1::2]
    lasting = finishes > begins
    return begins[lasting], finishes[lasting]


def _per_minute(times: Seconds, minutes: int) -> tuple[int, ...]:
    return tuple(np.diff(np.searchsorted(_in_order(times), np.arange(minutes + 1) * MINUTE_SECONDS)).tolist())


def _check_tokens(tokens: TokenLevel, area: float, horizon: float) -> None:
    bucket: TokenBucket = tokens.bucket
    used = bucket.tokens_per_session_minute / 60 * area
    _agree("tokens asked for by the bucket", tokens.asked, "by sessions x time", used)
    granted, most = tokens.asked - tokens.refused, full_bucket(bucket) + bucket.tokens_per_minute / 60 * horizon
    if granted > most * (1 + _ROUNDING):
        raise InvariantBroken(f"simulation: {granted!r} tokens were granted where {most!r} came: report the day and the seed")
