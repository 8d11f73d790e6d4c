"""Usage from CSV files: what is read, and what is refused with the place."""

from pathlib import Path

import numpy as np
import pytest

from headroom.calibrate.table import read_usage
from headroom.forecast.errors import BadHistory
from headroom.located import BadInput

HEAD = "time,vertical,pod,sessions,memory_bytes,startup_seconds\n"


def test_rows_are_read_by_vertical_pod_and_time(tmp_path: Path) -> None:
    """Empty cells and columns that are not there are unknown, a start counts once a pod, other verticals are left out."""
    file = tmp_path / "usage.csv"
    file.write_text(
        HEAD
        + "2026-11-02T10:05:00Z,sales,b,3,300,41\n"
        + "2026-11-02T05:00:00-05:00,sales,b,2,,41\n"
        + "2026-11-02T10:00:00Z,sales,a,1,100,\n"
        + "2026-11-02T10:00:00Z,queue,c,1,100,\n"
    )
    usage = read_usage(file, {"sales", "healthcare"})
    assert usage.origin == "usage.csv"
    assert list(usage.verticals) == ["sales"]
    sales = usage.verticals["sales"].rows
    assert sales.pod.tolist() == [0, 1, 1]
    assert sales.sessions.tolist() == sales.mean_sessions.tolist() == [1, 2, 3]
    assert np.diff(sales.time).tolist() == [0, 300]
    assert np.isnan(sales.memory_bytes).tolist() == [False, True, False]
    assert np.isnan(sales.cpu_cores).all()
    assert usage.verticals["sales"].starts.seconds.tolist() == [41]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            "2026-11-02T10:00:00,sales,a,1,1,\n",
            "time: 1 cells hold no time with its zone such as 2026-11-02T09:00:00Z, such as",
        ),
        ("2026-11-02T10:00:00Z,sales,a,-1,1,\n", "sessions: 1 cells hold no number of 0 or more, such as '-1'"),
        ("2026-11-02T10:00:00Z,sales,a,nan,1,\n", "sessions: 1 cells hold no number of 0 or more, such as 'nan'"),
        (
            "2026-11-02T10:00:00Z,sales,a,1,1 GB,\n",
            "memory_bytes: 1 cells hold no number of 0 or more, such as '1 GB'",
        ),
        ("2026-11-02T10:00:00Z,sales,,1,1,\n", "pod: 1 cells hold nothing"),
        ("2026-11-02T10:00:00Z,sales,a,1\n", "1 rows have too many or too few fields"),
        ("2026-11-02T10:00:00Z,queue,a,1,1,\n", "vertical: holds no row of a live vertical; there are: sales"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, rows: str, message: str) -> None:
    """The column, how many cells, and one of them."""
    file = tmp_path / "usage.csv"
    file.write_text(HEAD + rows)
    with pytest.raises(BadInput) as refused:
        read_usage(file, {"sales"})
    assert str(refused.value).startswith(f"{file}: {message}")


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    """Without a pod there is nothing to compare."""
    file = tmp_path / "usage.csv"
    file.write_text("time,vertical,sessions\n")
    with pytest.raises(BadHistory, match="has no column 'pod'"):
        read_usage(file, {"sales"})
