"""Whether a moment lies in a declared peak."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from capacity.scaling import Window
from headroom.cli.main import app
from headroom.engine.windows import peaks_at

MONDAY = Window("mon", "09:00", "12:00", "America/New_York", 600, 5)
LATE = Window("sun", "23:30", "24:00", "Europe/Berlin", 3600, 5)
EARLY = Window("mon", "00:05", "01:00", "Europe/Berlin", 3600, 5)


@pytest.mark.parametrize(
    ("window", "moment", "until"),
    [
        (MONDAY, "2026-11-02T08:49-05:00", None),
        (MONDAY, "2026-11-02T08:50-05:00", "2026-11-02T17:00"),
        (MONDAY, "2026-11-02T16:59+00:00", "2026-11-02T17:00"),
        (MONDAY, "2026-11-02T12:00-05:00", None),
        (MONDAY, "2026-11-03T10:00-05:00", None),
        (MONDAY, "2026-10-26T09:30-04:00", "2026-10-26T16:00"),  # summer time: an hour earlier in UTC
        (LATE, "2026-11-01T22:59+01:00", "2026-11-01T23:00"),
        (LATE, "2026-11-02T00:00+01:00", None),
        (EARLY, "2026-11-01T23:05+01:00", "2026-11-02T00:00"),  # its lead begins on Sunday
        (EARLY, "2026-11-01T23:04+01:00", None),
    ],
)
def test_days_and_clocks_are_the_windows_own(window: Window, moment: str, until: str | None) -> None:
    """Edges, leads over midnight, midnight itself, and a week in summer time."""
    found = peaks_at([("sales", window)], datetime.fromisoformat(moment))
    assert [peak.until.isoformat() for peak in found] == ([] if until is None else [f"{until}:00+00:00"])


def test_the_peak_that_ends_last_comes_first() -> None:
    """Who waits must know when all are over."""
    longer = Window("mon", "09:00", "15:00", "America/New_York", 0, 5)
    found = peaks_at([("a", MONDAY), ("b", longer)], datetime(2026, 11, 2, 15, tzinfo=UTC))
    assert [(peak.vertical, peak.until.hour) for peak in found] == [("b", 20), ("a", 17)]


def test_every_minute_of_two_weeks_is_in_a_window_by_count() -> None:
    """Walking the minutes finds each window's length and lead, twice, over the change of the clocks."""
    start = datetime(2026, 10, 25, tzinfo=UTC)
    minutes = [start + timedelta(minutes=number) for number in range(14 * 24 * 60)]
    assert sum(bool(peaks_at([("sales", MONDAY)], minute)) for minute in minutes) == 2 * 190
    assert sum(bool(peaks_at([("sales", LATE)], minute)) for minute in minutes) == 2 * 90


def test_the_command_ends_with_1_in_a_peak() -> None:
    """`headroom window`: exit codes for scripts, the end of the peak for people, and a moment without a zone is refused."""
    from headroom.cli import deliver

    if not any(command.name == "window" for command in app.registered_commands):
        deliver.add_to(app)
    run = CliRunner().invoke
    busy, quiet = (run(app, ["window", "local", "--at", at]) for at in ("2026-11-02T09:30-05:00", "2026-11-01T03:00Z"))
    assert (busy.exit_code, quiet.exit_code) == (1, 0)
    assert busy.stdout.startswith("local is in a declared peak of ")
    document = json.loads(run(app, ["--json", "window", "local", "--at", "2026-11-02T09:30-05:00"]).stdout)
    assert {peak["vertical"] for peak in document["peaks"]} == {"healthcare", "it-helpdesk", "sales"}
    assert run(app, ["window", "local", "--at", "2026-11-02T09:30"]).exit_code == 2
