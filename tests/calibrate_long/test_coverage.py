"""How often the intervals of calibration hold the truth, on generated usage."""

import numpy as np
import pytest

from headroom.calibrate.line import Points, line_interval, quantile_line
from headroom.calibrate.usage import days
from tests.calibrate.fleet import Fleet, Truth, drawn

DRAWS = 200


@pytest.mark.parametrize(
    ("column", "quantile", "truth"), [("cpu_cores", 0.5, Truth().cpu), ("memory_bytes", 0.99, Truth().memory)]
)
def test_intervals_hold_the_truth_as_often_as_they_say(column: str, quantile: float, truth: float) -> None:
    """On generated fleets with noise that lasts and pods that differ, the 95% interval covers; it errs on the wide side."""
    fleet = Fleet(pods=4, days=8, step_s=7200)
    held = 0
    for seed in range(DRAWS):
        usage = drawn(fleet, seed)
        points = Points(usage["sessions"], usage[column])
        line = quantile_line(points, np.ones(len(points.x)), quantile)
        _, slope = line_interval(points, usage["pod"].astype(np.int64), days(usage["time"]), quantile, line)
        held += slope.low <= truth <= slope.high
    assert held / DRAWS >= 0.92
