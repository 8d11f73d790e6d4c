"""The 95% bound of the next week's peak: ours beside statsforecast's models, and what both kinds of bounds hold."""

import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.forecast_series import CONTINUATIONS, FAMILIES, Generated, Series, Whole, generated, public
from benchmarks.result import Result
from headroom.forecast.backtest import FIRST_ORIGIN, floors, pinball, trial
from headroom.forecast.candidates import Target, horizon, next_week

COUNT = 2000
SEED = 20261122
HORIZON_DAYS = 28
LOWEST, HIGHEST = 0.94, 0.96
RIVALS = ("AutoETS", "AutoARIMA", "AutoTheta", "Naive", "HistoricAverage")
_PROCESSES = 2


@dataclass(frozen=True)
class Said:
    """The bounds of one forecaster at every origin of a series."""

    name: str
    bounds: NDArray[np.float64]

    def score(self, came: Whole) -> float:
        """Return the mean pinball loss, in units of the series."""
        return float(pinball(self.bounds, came).mean())

    def held(self, came: Whole) -> float:
        """Return the share of weeks at or below the bound."""
        return float((came <= self.bounds).mean())


def run() -> Result:
    """Return the mean score over the series, in per cent of each one's mean peak, ours beside that of the best rival."""
    tables = [(series, _ours(series), _rivals(series)) for series in public()]
    means = {
        name: 100
        * float(
            np.mean([_relative(series, said) for series, own, rivals in tables for said in (own, *rivals) if said.name == name])
        )
        for name in ("ours", *RIVALS)
    }
    best = min(RIVALS, key=lambda name: means[name])
    with ProcessPoolExecutor(_PROCESSES) as pool:
        held = np.array(list(pool.map(_held, generated(COUNT, SEED), chunksize=25)))
    week, ahead = held[:, 0].mean(), held[:, 1].mean()
    return Result(
        key="forecast",
        ours=means["ours"],
        rival=means[best],
        rival_name=best,
        unit="% of mean peak",
        ratio=means[best] / means["ours"],
        target=f"score not above the best; {LOWEST:.0%} to {HIGHEST:.0%} held",
        met=means["ours"] <= means[best] and all(LOWEST <= share <= HIGHEST for share in (week, ahead)),
        peak_mib=None,
        findings=(
            "pinball loss at 95% of the bound of the next week's 99.9% quantile, mean of the series in % of its mean peak: "
            + ", ".join(f"{name} {value:.3f}" for name, value in means.items()),
            *(_finding(*row) for row in tables),
            (
                f"{COUNT:,} made-up histories, {CONTINUATIONS} continuations each: {week:.2%} of next weeks held, {ahead:.2%} of "
                f"{HORIZON_DAYS} days; by the lock's peak, which is not below the highest of 13 weeks, {held[:, 2].mean():.2%}"
            ),
            *_by_family(held),
        ),
    )


def _relative(series: Series, said: Said) -> float:
    return said.score(series.peaks[FIRST_ORIGIN:]) / float(series.peaks.mean())


def _ours(series: Series) -> Said:
    tried = trial(next_week(series.peaks, series.tops))
    assert tried is not None
    return Said("ours", tried.said())


def _rivals(series: Series) -> list[Said]:
    """Return the upper ends of the models' 90% intervals, each fitted anew at every origin to all weeks known there."""
    import pandas as pd
    from statsforecast import StatsForecast, models

    frame = pd.DataFrame({"unique_id": series.name, "ds": np.arange(len(series.peaks)), "y": series.peaks.astype(np.float64)})
    origins = len(series.peaks) - FIRST_ORIGIN
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = StatsForecast(models=[getattr(models, name)() for name in RIVALS], freq=1).cross_validation(
            df=frame, h=1, n_windows=origins, step_size=1, level=[90]
        )
    assert made["y"].tolist() == series.peaks[FIRST_ORIGIN:].tolist(), "not the same weeks"
    return [Said(name, made[f"{name}-hi-90"].to_numpy()) for name in RIVALS]


def _held(made: Generated) -> tuple[float, float, float]:
    """Return the shares of continuations that the bound of the next week, that of four and the lock's peak hold."""
    peaks = made.tops.max(axis=1)
    week, ahead = _bound(next_week(peaks, made.tops)), _bound(horizon(made.tops, HORIZON_DAYS))
    peak = max(week, float(floors(peaks)[-1]))
    return _share(made.next_week, week), _share(made.four_weeks, ahead), _share(made.next_week, peak)


def _bound(target: Target) -> float:
    tried = trial(target)
    assert tried is not None
    return tried.bound(tried.now)


def _share(came: Whole, bound: float) -> float:
    return float((came <= bound).mean())


def _finding(series: Series, ours: Said, rivals: list[Said]) -> str:
    came = series.peaks[FIRST_ORIGIN:]
    best = min(rivals, key=lambda rival: rival.score(came))
    scores = ", ".join(f"{said.name} {said.score(came):.4g} ({said.held(came):.0%} held)" for said in (ours, *rivals))
    beside = ours.score(came) / best.score(came) - 1
    return f"{series.name}, {len(came)} origins: {scores}; ours is {beside:+.1%} beside the least, {best.name}"


def _by_family(held: NDArray[np.float64]) -> Iterator[str]:
    for place, family in enumerate(FAMILIES):
        week, ahead, peak = held[place :: len(FAMILIES)].mean(axis=0)
        yield f"  {family}: next week {week:.1%}, {HORIZON_DAYS} days {ahead:.1%}, peak {peak:.1%}"
