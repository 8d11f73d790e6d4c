"""Exact concurrency as a query by Ibis, for an engine that holds more calls than one machine.

Hours are swept apart: an engine may give each (vertical, hour) to another worker. What is up when an hour begins is the sum of
the net changes of the hours before it, so only one small table, a row an hour, is summed in order.
"""

from typing import TYPE_CHECKING

from headroom.forecast.zones import MINUTE_MS

if TYPE_CHECKING:
    from ibis.expr.types import Table

_MINUTE_CODES = 2 * MINUTE_MS
_HOUR_CODES = 60 * _MINUTE_CODES


def busy_minutes(calls: "Table", first_ms: int, last_ms: int) -> "Table":
    """Return the concurrency of each minute of [first, last) in which a call starts or ends: at most a row a minute and vertical.

    `calls` has `vertical`, `start_ms` and `end_ms` (milliseconds since 1970, none of them null). The rows have `vertical`,
    `minute` (from `first_ms` on), `level` (N at its first instant), `top` (the highest N within it, the calls carried into it
    included) and `after` (N at its end, which is N up to the next row). N is that of `count_minutes`, ties included: the code of
    a start at t is 2t, that of an end 2t - 1, so that an end frees its place before a start at the same instant takes it, and
    belongs to the minute before where it lies on a whole one.
    """
    import ibis

    _ = ibis._
    up = calls.mutate(start_ms=ibis.greatest(_.start_ms, first_ms)).filter(_.end_ms > _.start_ms, _.start_ms < last_ms)
    events = ibis.union(
        up.select("vertical", code=2 * (_.start_ms - first_ms), change=1),
        up.select("vertical", code=2 * (_.end_ms - first_ms) - 1, change=-1),
    )
    events = events.filter(_.code < 2 * (last_ms - first_ms)).mutate(
        hour=(_.code // _HOUR_CODES).cast("int64"), minute=(_.code // _MINUTE_CODES).cast("int64")
    )
    # Events with one code are all starts or all ends: in whichever order an engine takes them, no maximum changes.
    before = ibis.window(group_by="vertical", order_by="hour", preceding=(None, 1))
    hours = events.group_by("vertical", "hour").agg(change=_.change.sum())
    hours = hours.select("vertical", "hour", carried=_.change.sum().over(before).fill_null(0))
    within = ibis.window(group_by=["vertical", "hour"], order_by="code", preceding=None, following=0)
    swept = events.join(hours, ["vertical", "hour"]).mutate(n=_.carried + _.change.sum().over(within))
    minutes = swept.group_by("vertical", "hour", "minute", "carried").agg(
        top=_.n.max(), first=_.n.max(where=_.code == _.minute * _MINUTE_CODES), change=_.change.sum()
    )
    through = ibis.window(group_by=["vertical", "hour"], order_by="minute", preceding=None, following=0)
    carried = minutes.mutate(after=_.carried + _.change.sum().over(through)).mutate(into=_.after - _.change)
    return carried.select(
        "vertical", "minute", level=ibis.coalesce(_["first"], _.into), top=ibis.greatest(_.top, _.into), after="after"
    )


def histogram(minutes: "Table", first_ms: int, last_ms: int) -> "Table":
    """Return how many minutes of [first, last) reached each concurrency: `vertical`, `sessions`, `minutes`.

    `minutes` are those of `busy_minutes`, used three times here: `.cache()` them first on Spark, which would work them out as
    often. Minutes without any event count with what is up throughout them, so the minutes of a vertical add up to the time;
    it has at most one row for each concurrency from 0 to its peak, and none if no call was up.
    """
    import ibis

    _ = ibis._
    by_minute = ibis.window(group_by="vertical", order_by="minute")
    total = (last_ms - first_ms) // MINUTE_MS
    following = minutes.mutate(next=_.minute.lead().over(by_minute).fill_null(total))
    parts = ibis.union(
        minutes.select("vertical", sessions="top", minutes=ibis.literal(1, "int64")),
        following.select("vertical", sessions="after", minutes=_.next - _.minute - 1),
        minutes.group_by("vertical")
        .agg(minutes=_.minute.min())
        .select("vertical", sessions=ibis.literal(0, "int64"), minutes="minutes"),
    )
    return (
        parts.filter(_.minutes > 0).group_by("vertical", "sessions").agg(minutes=_.minutes.sum()).order_by("vertical", "sessions")
    )
