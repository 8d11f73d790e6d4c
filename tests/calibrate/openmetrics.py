"""Generated usage as the metrics that the default queries ask for."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from headroom.calibrate.usage import Floats
from tests.calibrate.fleet import DAY_S, START

_SCRAPES_A_STEP = 5
_GAUGES = {
    "sessions": "active_sessions_per_pod",
    "memory_bytes": "container_memory_working_set_bytes",
    "descriptors": "container_file_descriptors",
}
_COUNTERS = {"cpu_cores": ("container_cpu_usage_seconds_total", 1.0), "tokens_per_minute": ("model_tokens_total", 1 / 60)}


def openmetrics(fleets: Mapping[str, dict[str, Floats]], step_s: int, starts: Mapping[str, Floats]) -> Iterator[str]:
    """Yield the lines of the samples of some verticals, in OpenMetrics.

    Five scrapes a step, between which gauges stand still and counters rise evenly, so that a rate over the step is exact.
    """
    for column, metric in _GAUGES.items():
        for labels, time, values in _series(fleets, column):
            yield from _lines(metric, labels, *_scraped(time, values, step_s))
    for column, (metric, factor) in _COUNTERS.items():
        for labels, time, values in _series(fleets, column):
            times, rates = _scraped(time, values, step_s)
            total: Floats = np.cumsum(rates * factor * step_s / _SCRAPES_A_STEP)
            yield from _lines(metric, labels, times, total)
    for metric, added in (("kube_pod_created", False), ("kube_pod_status_ready_time", True)):
        for vertical, seconds in starts.items():
            for number, lasted in enumerate(seconds):
                created = float(START + number * DAY_S // 8 + 17)
                times = np.array([created + 300.0 * scrape for scrape in range(1, 25)])
                value = np.full(len(times), created + (lasted if added else 0.0))
                value[12:] += 3600.0 if added else 0.0  # it was not ready for a while, and is again: no start
                yield from _lines(metric, f'namespace="{vertical}",pod="{vertical}-new-{number}"', times, value)
    yield "# EOF\n"


def write_openmetrics(file: Path, fleets: Mapping[str, dict[str, Floats]], step_s: int, starts: Mapping[str, Floats]) -> Path:
    """Return a file of these samples."""
    with file.open("w", encoding="utf-8") as opened:
        opened.writelines(openmetrics(fleets, step_s, starts))
    return file


def _series(fleets: Mapping[str, dict[str, Floats]], column: str) -> Iterator[tuple[str, Floats, Floats]]:
    for vertical, columns in fleets.items():
        for pod in np.unique(columns["pod"]):
            chosen = columns["pod"] == pod
            labels = f'namespace="{vertical}",container="app",pod="{vertical}-{pod:.0f}"'
            yield labels, columns["time"][chosen], columns[column][chosen]


def _scraped(time: Floats, values: Floats, step_s: int) -> tuple[Floats, Floats]:
    before_end = np.arange(_SCRAPES_A_STEP - 1, -1, -1) * step_s / _SCRAPES_A_STEP
    return (time[:, None] - before_end).ravel(), np.repeat(values, _SCRAPES_A_STEP)


def _lines(metric: str, labels: str, times: Floats, values: Floats) -> Iterator[str]:
    return (f"{metric}{{{labels}}} {value:.12g} {at:.0f}\n" for at, value in zip(times, values, strict=True))
