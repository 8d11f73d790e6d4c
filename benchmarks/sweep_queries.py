"""The concurrency histogram by the rivals: the quickest formulations found for each.

All of them code a start at t as 2t and an end as 2t - 1, as ours does: one sort of numbers then puts an end before a start at the
same instant, and an end on a minute's first instant into the minute before, where it changes no maximum. A minute's answer is
the higher of what is carried into it and of the levels after its events; minutes without an event are there too.
docs/benchmarks.md tells what was slower.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    import polars as pl

Histogram = dict[int, int]
"""Minutes by the highest concurrency within them."""

MINUTE_MS = 60_000

DUCKDB = """
with events as (
    select 2 * starts as code from calls where ends > starts
    union all
    select 2 * ends - 1 from calls where ends > starts and ends <= {last}
),
levels as (
    select code // 120000 as minute, (sum((1 - 2 * (code & 1))::int) over (order by code rows unbounded preceding))::int as n
    from events
),
highest as (select minute, max(n) as n from levels group by minute),
net as (select code // 120000 as minute, sum(1 - 2 * (code & 1))::int as change from events group by minute),
carried as (
    select minutes.range as minute,
        coalesce(sum(change) over (order by minutes.range rows between unbounded preceding and 1 preceding), 0)::int as n
    from range({first} // 60000, {last} // 60000) as minutes left join net on net.minute = minutes.range
)
select greatest(coalesce(highest.n, 0), carried.n) as level, count(*) as minutes
from carried left join highest using (minute)
group by level
"""


def by_duckdb(connection: "duckdb.DuckDBPyConnection", first_ms: int, last_ms: int) -> Histogram:
    """Return the histogram of the table `calls` (starts, ends) by one window over all events."""
    return dict(connection.execute(DUCKDB.format(first=first_ms, last=last_ms)).fetchall())


def by_polars(calls: "pl.DataFrame", first_ms: int, last_ms: int) -> Histogram:
    """Return the histogram by one sort of all events, on the streaming engine."""
    import polars as pl

    up = calls.lazy().filter(pl.col.ends > pl.col.starts)
    events = pl.concat([up.select(code=pl.col.starts * 2), up.select(code=pl.col.ends * 2 - 1)]).filter(pl.col.code < 2 * last_ms)
    per_minute = (
        events.sort("code")
        .with_columns(n=(1 - 2 * (pl.col.code & 1)).cast(pl.Int32).cum_sum())
        .group_by(minute=pl.col.code // (2 * MINUTE_MS))
        .agg(highest=pl.col.n.max(), left=pl.col.n.last())
    )
    return _histogram(per_minute, first_ms, last_ms)


def by_polars_in_slices(calls: "pl.DataFrame", first_ms: int, last_ms: int) -> Histogram:
    """Return the histogram by a sort of 32-bit codes in each slice of the time: the idea of our own."""
    import polars as pl

    minutes = 2**32 // (2 * MINUTE_MS)
    width = minutes * 2 * MINUTE_MS
    slices = -(-2 * (last_ms - first_ms) // width)
    up = calls.lazy().filter(pl.col.ends > pl.col.starts)
    events = pl.concat([up.select(code=(pl.col.starts - first_ms) * 2), up.select(code=(pl.col.ends - first_ms) * 2 - 1)]).filter(
        pl.col.code < 2 * (last_ms - first_ms)
    )
    parts = pl.collect_all(
        [
            events.filter(pl.col.code >= place * width, pl.col.code < (place + 1) * width)
            .select(code=(pl.col.code - place * width).cast(pl.UInt32))
            .sort("code")
            .with_columns(n=(1 - 2 * (pl.col.code & 1).cast(pl.Int32)).cum_sum())
            .group_by(minute=(pl.col.code // (2 * MINUTE_MS)).cast(pl.Int64) + (place * minutes + first_ms // MINUTE_MS))
            .agg(highest=pl.col.n.max(), left=pl.col.n.last())
            .sort("minute")
            for place in range(slices)
        ],
        engine="streaming",
    )
    carried, raised = 0, []
    for part in parts:
        raised.append(part.with_columns(pl.col.highest + carried, pl.col.left + carried))
        carried = raised[-1]["left"][-1]
    return _histogram(pl.concat(raised).lazy(), first_ms, last_ms)


def _histogram(per_minute: "pl.LazyFrame", first_ms: int, last_ms: int) -> Histogram:
    import polars as pl

    minutes = pl.LazyFrame({"minute": pl.int_range(first_ms // MINUTE_MS, last_ms // MINUTE_MS, eager=True)})
    answer = (
        minutes.join(per_minute, on="minute", how="left", maintain_order="left")
        .with_columns(carried=pl.col.left.forward_fill().shift(1).fill_null(0))
        .select(level=pl.max_horizontal("highest", "carried"))
        .group_by("level")
        .len()
        .collect(engine="streaming")
    )
    return dict(answer.rows())
