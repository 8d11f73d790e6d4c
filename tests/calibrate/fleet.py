"""Usage that nobody measured: pods whose costs are known, over some weeks."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from headroom.calibrate.usage import Floats

START = 1_793_664_000
"""2026-11-03, midnight UTC."""
DAY_S = 86400


@dataclass(frozen=True)
class Truth:
    """What a session and an empty pod take."""

    memory: float = 92e6
    base_memory: float = 410e6
    cpu: float = 0.061
    base_cpu: float = 0.12
    descriptors: float = 7.0
    base_descriptors: float = 90.0
    tokens: float = 5200.0
    token_deviation: float = 2100.0
    start_s: float = 41.0


@dataclass(frozen=True)
class Fleet:
    """Some pods over some days, a point every step."""

    pods: int = 6
    days: int = 10
    step_s: int = 3600
    truth: Truth = Truth()


def drawn(fleet: Fleet, seed: int) -> dict[str, Floats]:
    """Return a draw of a fleet's usage as columns, a row for each pod and instant.

    Load follows the day and is larger on some days; sessions come and go by chance, and a pod's state (memory that it holds,
    work in the background) lasts for hours.
    """
    generator = np.random.default_rng(seed)
    truth, steps = fleet.truth, fleet.days * DAY_S // fleet.step_s
    hour = (np.arange(steps) + 1) * fleet.step_s / 3600
    busy = np.repeat(generator.normal(1.0, 0.12, fleet.days), DAY_S // fleet.step_s)
    load = np.clip(busy * (22 - 18 * np.cos(2 * np.pi * (hour - 3) / 24)), 1, None)
    sessions = generator.poisson(load, (fleet.pods, steps)).astype(float)
    memory_noise = 25e6 * lasting(generator, fleet) + 20e6 * generator.normal(size=(fleet.pods, 1))
    tokens = truth.tokens * sessions
    tokens += truth.token_deviation * np.sqrt(sessions / (fleet.step_s / 60)) * generator.normal(size=sessions.shape)
    columns = {
        "time": np.broadcast_to(START + (np.arange(steps) + 1) * float(fleet.step_s), sessions.shape),
        "pod": np.broadcast_to(np.arange(fleet.pods, dtype=float)[:, None], sessions.shape),
        "sessions": sessions,
        "memory_bytes": truth.base_memory + truth.memory * sessions + memory_noise,
        "cpu_cores": np.clip(truth.base_cpu + truth.cpu * sessions + 0.05 * lasting(generator, fleet), 0, None),
        "descriptors": np.round(truth.base_descriptors + truth.descriptors * sessions + 3 * lasting(generator, fleet)),
        "tokens_per_minute": np.clip(tokens, 0, None),
        "startup_seconds": np.full(sessions.shape, np.nan),
    }
    return {name: np.array(column).ravel() for name, column in columns.items()}


def lasting(generator: np.random.Generator, fleet: Fleet) -> Floats:
    """Return noise of variance 1 that stays alike for some six hours, for each pod."""
    steps = fleet.days * DAY_S // fleet.step_s
    kept = float(np.exp(-fleet.step_s / (6 * 3600)))
    noise = generator.normal(size=(fleet.pods, steps))
    noise[:, 1:] *= np.sqrt(1 - kept**2)
    for step in range(1, steps):
        noise[:, step] += kept * noise[:, step - 1]
    return noise


def starts(truth: Truth, count: int, seed: int) -> Floats:
    """Return start-up times whose 95% quantile is the truth's."""
    generator = np.random.default_rng(seed)
    return np.asarray(truth.start_s * np.exp(0.3 * (generator.normal(size=count) - 1.6448536)))


def write_csv(file: Path, verticals: dict[str, dict[str, Floats]]) -> Path:
    """Return a CSV file with the columns of some verticals."""
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        names = list(next(iter(verticals.values())))
        writer.writerow(["vertical", *names])
        for vertical, columns in verticals.items():
            for row in zip(*columns.values(), strict=True):
                writer.writerow([vertical, *(_cell(name, value) for name, value in zip(names, row, strict=True))])
    return file


def _cell(name: str, value: float) -> str:
    if name == "time":
        return f"{np.datetime64(int(value), 's')}Z"
    if name == "pod":
        return f"pod-{value:.0f}"
    return "" if np.isnan(value) else f"{value:.6g}"
