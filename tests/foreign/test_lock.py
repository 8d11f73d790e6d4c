"""A lock for a program that has no spec: from calls, or from a declaration, by the command alone."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from policies.lock import read_lock

HERE = Path(__file__).parent


def forecast(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `headroom forecast shop`."""
    command = [sys.executable, "-m", "headroom.cli", "forecast", "shop", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def test_the_lock_of_the_shop_is_that_of_its_declaration(tmp_path: Path) -> None:
    """The same bytes, without a spec."""
    out = tmp_path / "shop.forecast.json"
    assert forecast("--history", str(HERE / "declared.yaml"), "--out", str(out)).returncode == 0
    assert out.read_bytes() == (HERE / "shop.forecast.json").read_bytes()


def test_calls_make_a_lock_by_the_lag_and_the_zone_that_are_given(tmp_path: Path) -> None:
    """Four weeks of calls of a vertical that no spec knows: the gate reads the lock, and its lag is the one given."""
    first = datetime(2026, 10, 5, tzinfo=UTC)
    starts = (first + timedelta(minutes=10 * number) for number in range(28 * 24 * 6))
    rows = [f"{start.isoformat()},{600 if start.hour < 12 else 1500},checkout" for start in starts]
    calls, out = tmp_path / "calls.csv", tmp_path / "lock.json"
    calls.write_text("\n".join(["start,duration,vertical", *rows]) + "\n", encoding="utf-8")
    made = forecast("--history", str(calls), "--out", str(out), "--lag", "90", "--zone", "Europe/Berlin", "--as-of", "2026-11-02")
    assert made.returncode == 0, made.stderr
    lock = read_lock(out.read_text(encoding="utf-8"))
    assert (lock.environment, lock.kind, lock.claimed_digest) == ("shop", "measured", lock.actual_digest)
    assert lock.verticals["checkout"].lag_seconds == 90
    assert lock.verticals["checkout"].peak >= 2
    wrong = forecast("--history", str(calls), "--out", str(out), "--zone", "Moon/Base")
    assert wrong.returncode == 2
    assert "there is no time zone 'Moon/Base'" in wrong.stderr
