"""Sets an autoscaler's floor to what its week says now.

Runs each minute in the cluster, as a file of its own: standard library only. The autoscaler carries its week in an annotation.
A floor is raised at once. It is lowered only as far as the load still holds the replicas (scale-down stabilisation does
not cover a lowered minReplicas), and not at all where the load is unknown.
"""

import argparse
import json
import math
import os
import ssl
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

SCHEDULE = "headroom.dev/schedule"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def scheduled_floor(schedule: dict[str, Any], now: datetime) -> int:
    """Return the replicas that the week asks for at an instant (with zone).

    A window stands from its lead before its start until its end, in the wall-clock time of its own zone.
    """
    floor = int(schedule["baseline"])
    for window in schedule["windows"]:
        zone = ZoneInfo(window["zone"])
        # The lead may reach into the day before: tomorrow's window can stand today.
        for day in (now.astimezone(zone).date() + timedelta(days=offset) for offset in (0, 1)):
            if DAYS[day.weekday()] != window["day"]:
                continue
            start, end = (_instant(day.isoformat(), window[edge], zone) for edge in ("start", "end"))
            if start - timedelta(seconds=window["leadSeconds"]) <= now < end:
                floor = max(floor, int(window["replicas"]))
    return floor


def replicas_held_by_load(autoscaler: dict[str, Any]) -> int | None:
    """Return the replicas that the current load asks for by itself, or None where no metric says."""
    target = float(autoscaler["spec"]["metrics"][0]["pods"]["target"]["averageValue"])
    status = autoscaler.get("status", {})
    for metric in status.get("currentMetrics") or []:
        value = metric.get("pods", {}).get("current", {}).get("averageValue")
        if value is not None:
            return math.ceil(_quantity(value) * int(status.get("currentReplicas", 0)) / target - 1e-9)
    return None


def next_floor(autoscaler: dict[str, Any], now: datetime) -> int:
    """Return the floor to set now."""
    schedule = json.loads(autoscaler["metadata"]["annotations"][SCHEDULE])
    wanted = scheduled_floor(schedule, now)
    current = int(autoscaler["spec"].get("minReplicas", 1))
    if wanted >= current:
        return wanted
    held = replicas_held_by_load(autoscaler)
    return current if held is None else min(current, max(wanted, held))


def _instant(day: str, clock: str, zone: ZoneInfo) -> datetime:
    midnight = datetime.fromisoformat(day)
    hours, minutes = (int(part) for part in clock.split(":"))
    # "24:00" is the next day's midnight; added before the zone, so that the wall clock counts.
    return (midnight + timedelta(hours=hours, minutes=minutes)).replace(tzinfo=zone).astimezone(UTC)


def _quantity(text: str) -> float:
    return float(text[:-1]) / 1000 if text.endswith("m") else float(text[:-1]) * 1000 if text.endswith("k") else float(text)


def _request(method: str, path: str, account: Path, body: dict[str, Any] | None = None) -> dict[str, Any]:
    server = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
    request = urllib.request.Request(  # noqa: S310  # the scheme is fixed two lines above
        server + path,
        method=method,
        data=json.dumps(body).encode() if body is not None else None,
        headers={
            "Authorization": "Bearer " + (account / "token").read_text().strip(),
            "Content-Type": "application/merge-patch+json",
        },
    )
    context = ssl.create_default_context(cafile=str(account / "ca.crt"))
    with urllib.request.urlopen(request, timeout=15, context=context) as answer:  # noqa: S310
        document: dict[str, Any] = json.load(answer)
        return document


def main() -> int:
    """Set the floor once; 0 when it stands, 1 when the API server refused."""
    parser = argparse.ArgumentParser(description="Set an autoscaler's floor to what its week says now.")
    parser.add_argument("namespace")
    parser.add_argument("autoscaler")
    parser.add_argument("--account", type=Path, default=ACCOUNT, help="folder with the service account's token and ca.crt")
    parser.add_argument("--now", type=datetime.fromisoformat, help="an instant with its zone, instead of the clock's")
    arguments = parser.parse_args()
    path = f"/apis/autoscaling/v2/namespaces/{arguments.namespace}/horizontalpodautoscalers/{arguments.autoscaler}"
    try:
        autoscaler = _request("GET", path, arguments.account)
        floor = next_floor(autoscaler, arguments.now or datetime.now(UTC))
        current = int(autoscaler["spec"].get("minReplicas", 1))
        if floor != current:
            _request("PATCH", path, arguments.account, {"spec": {"minReplicas": floor}})
    except urllib.error.HTTPError as error:
        print(f"{path}: {error.code} {error.read(500).decode(errors='replace')}", file=sys.stderr)
        return 1
    print(
        f"{arguments.autoscaler}: minReplicas {current} -> {floor}"
        if floor != current
        else f"{arguments.autoscaler}: minReplicas {floor} stands"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
