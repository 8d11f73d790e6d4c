"""What the pods of the verticals and their autoscalers hold."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from policies.stack import Resource
from tests.gate_proof.leaves import Leaf
from tests.gate_proof.oracle.facts import (
    SLACK,
    Facts,
    Family,
    amount_of,
    annotations_of,
    claim_of,
    container_of,
    env_of,
    grace_of,
    poisson,
    vertical_of,
)

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _pod(facts: Facts, leaf: Leaf) -> bool:
    vertical = vertical_of(leaf)
    hard, guaranteed, admitted = facts.pods(vertical)
    live = facts.live(vertical)
    workers = int(claim_of(live, "workers"))
    least = facts.floors["minimum_session"]["descriptors"]
    in_process = -(-admitted // workers) * max(claim_of(live, "session-descriptors"), least) + claim_of(live, "base-descriptors")
    copied = int(annotations_of(Resource("", "", facts.scaler(vertical)))["headroom.dev/hard-ceiling"]) == hard
    fits = admitted <= guaranteed and 1.5 * in_process <= facts.open_files(live, "app") + SLACK
    return copied and fits and _sessions(facts, leaf) and _target(facts, leaf) and _floor(facts, leaf) and _week(facts, leaf)


def _sessions(facts: Facts, leaf: Leaf) -> bool:
    vertical = vertical_of(leaf)
    most = facts.scaler(vertical)["spec"]["maxReplicas"]
    held = most * facts.safe_pod(vertical)
    week = json.loads(facts.scaler(vertical)["metadata"]["annotations"]["headroom.dev/schedule"])
    highest = max([week["baseline"], *(window["replicas"] for window in week["windows"])])
    admitted = facts.caps()["verticals"][vertical] if "edge-caps" in facts.named else 0
    enough = max(facts.required(vertical, facts.start), facts.required(vertical, facts.end)) <= held * (1 + SLACK)
    return bool(enough and admitted <= held and highest <= most)


def _target(facts: Facts, leaf: Leaf) -> bool:
    vertical = vertical_of(leaf)
    hard, guaranteed, admitted = facts.pods(vertical)
    scaler = facts.scaler(vertical)
    alert = min(facts.root["alertUtilisation"], 0.7, 1 / facts.burst)
    alert = min(alert, float(scaler["metadata"]["annotations"]["headroom.dev/alert-utilisation"]))
    (metric,) = scaler["spec"]["metrics"]
    unnoticed = amount_of(metric["pods"]["target"]["averageValue"]) * (1 + max(facts.root["tolerance"], 0.1))
    ratio = facts.lock["verticals"][vertical]["lag"]["ratio"]
    grown = unnoticed * float(ratio)
    return grown <= min(hard, guaranteed, admitted) * (1 + SLACK) and bool(unnoticed < alert * hard * (1 - SLACK))


def _floor(facts: Facts, leaf: Leaf) -> bool:
    vertical = vertical_of(leaf)
    _, guaranteed, admitted = facts.pods(vertical)
    scaler, load = facts.scaler(vertical), facts.lock["verticals"][vertical]
    baseline = json.loads(scaler["metadata"]["annotations"]["headroom.dev/schedule"])["baseline"]
    survive = min(props["survive"] for name, props in facts.named.items() if name == "pool-general")
    quiet = load["lag"]["quiet_sessions"] * facts.grown(facts.end)
    return bool(
        quiet <= baseline * min(guaranteed, admitted) * (1 + SLACK)
        and baseline >= (2 if survive else 1)
        and scaler["spec"]["minReplicas"] >= baseline
    )


def _week(facts: Facts, leaf: Leaf) -> bool:
    """Walk through every known peak of the lock's weeks, minute by minute, and through the lag before it, second by second."""
    vertical = vertical_of(leaf)
    _, guaranteed, admitted = facts.pods(vertical)
    load, one = facts.lock["verticals"][vertical], min(guaranteed, admitted)
    week = json.loads(facts.scaler(vertical)["metadata"]["annotations"]["headroom.dev/schedule"])
    lag = max(load["lag"]["seconds"], facts.root["lagSeconds"])
    for peak in load.get("known_peaks", ()):
        needed = min(peak["sessions"] * facts.grown(facts.end) * load["lag"]["ratio"], facts.required(vertical, facts.end))
        for begin, end in _occurrences(peak, facts.start, max(facts.end, facts.start + timedelta(days=6))):
            minutes = [begin + timedelta(minutes=number) for number in range(int((end - begin).total_seconds() // 60))]
            seconds = [begin - timedelta(seconds=number) for number in range(1, int(lag) + 1)]
            if any(_standing(week, at) * one * (1 + SLACK) < needed for at in (*minutes, *seconds)):
                return False
    return True


def _behaviour(facts: Facts, leaf: Leaf) -> bool:
    up = facts.scaler(vertical_of(leaf))["spec"]["behavior"]["scaleUp"]
    a_minute = {policy["type"]: policy["value"] * 60 / policy["periodSeconds"] for policy in up["policies"]}
    return bool(up["stabilizationWindowSeconds"] == 0) and a_minute["Percent"] >= 400 and a_minute["Pods"] >= 16


def _backlog_pod(facts: Facts, leaf: Leaf) -> bool:
    live = facts.live(vertical_of(leaf))
    admitted = env_of(container_of(live, "app"), "HEADROOM_MAX_SESSIONS")
    pod = live.props["spec"]["template"]["spec"]
    checked = [
        int(value) for one in pod.get("initContainers", ()) for word, value in pairwise(one["command"]) if word == "--somaxconn"
    ]
    stall = max(0.5, float(annotations_of(live).get("headroom.dev/accept-stall-seconds", 0)))
    return poisson(admitted / facts.safe / facts.mean_call(vertical_of(leaf)) * stall) <= (checked[0] if checked else 128)


def _drain(facts: Facts, _leaf: Leaf) -> bool:
    fleet = facts.of_kind("fastapi", "nats", "pm2")
    longest = {one.name: max(60.0, claim_of(one, "longest-call-seconds")) for one in fleet}
    waits = all(
        min(grace_of(one), env_of(container_of(one, "app"), "HEADROOM_DRAIN_SECONDS")) >= longest[one.name] for one in fleet
    )
    relays = all(grace_of(one) >= max(longest.values()) for one in facts.of_kind("turn"))
    tunnels = all(grace_of(one) > 180 for one in facts.of_kind("tunnel"))
    graces = {one.name: grace_of(one) for one in fleet}
    processes = [
        (longest[workload], app["kill_timeout"] / 1000, graces[workload])
        for name, props in facts.named.items()
        if name.endswith("-pm2-config")
        for workload in [f"{name.removesuffix('-pm2-config')}-deployment"]
        for app in json.loads(props["data"]["ecosystem.json"])["apps"]
    ]
    return waits and relays and tunnels and all(call <= killed <= grace for call, killed, grace in processes)


def _occurrences(stretch: Mapping[str, Any], first: date, last: date) -> Iterator[tuple[datetime, datetime]]:
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        if _DAYS[day.weekday()] == stretch["day"]:
            yield _at(day, stretch["start"], stretch["zone"]), _at(day, stretch["end"], stretch["zone"])


def _at(day: date, clock: str, zone: str) -> datetime:
    hours, minutes = map(int, clock.split(":"))
    local = datetime.combine(day, time(), ZoneInfo(zone)) + timedelta(hours=hours, minutes=minutes)  # by the wall's clock
    return local.astimezone(UTC)


def _standing(week: Mapping[str, Any], at: datetime) -> int:
    floor = int(week["baseline"])
    for window in week["windows"]:
        around = at.date()
        for begin, end in _occurrences(window, around - timedelta(days=2), around + timedelta(days=2)):
            if begin - timedelta(seconds=window["leadSeconds"]) <= at < end:
                floor = max(floor, window["replicas"])
    return floor


FAMILIES: Mapping[str, Family] = {
    "pod": _pod,
    "sessions": _sessions,
    "target": _target,
    "floor": _floor,
    "week": _week,
    "behaviour": _behaviour,
    "drain": _drain,
    "backlog-pod": _backlog_pod,
}
