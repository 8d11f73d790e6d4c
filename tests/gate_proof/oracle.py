"""Where required stops being held: brute force from the lock and what is rendered, apart from policies/ and capacity/."""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from policies.stack import Resource, Stack
from tests.gate_proof.changes import number_of, step_of, written
from tests.gate_proof.leaves import Leaf
from tests.gate_proof.texts import EQUALS, NATS, SPACED

_ROOT = Path(__file__).parents[2]
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SLACK = 1e-9


def edge_of(leaf: Leaf, hurts: str, holds: Callable[[Any], bool]) -> tuple[Any, Any] | None:
    """Return the last value that holds and the next one that does not, by halving; None where nothing ends in that direction."""
    now, step = number_of(leaf.value), step_of(leaf.value)
    if now is None or not holds(leaf.value):
        return None
    past = now * 10**6 + 10**9 if hurts == "higher" else now * 0
    if past == now or holds(written(past, leaf.value)):
        return None
    short = now
    while abs(past - short) > step:
        middle = short + (past - short) / 2
        middle = round(middle / step) * step
        if middle in (short, past):
            break
        short, past = (middle, past) if holds(written(middle, leaf.value)) else (short, middle)
    if abs(past - short) < step:
        past = short + step if hurts == "higher" else max(past * 0, short - step)
    return written(short, leaf.value), written(past, leaf.value)


class Oracle:
    """The lock, the organisation's floors, and what is asked by them."""

    def __init__(self, environment: str) -> None:
        self.lock = json.loads((_ROOT / "stacks" / f"{environment}.forecast.json").read_text(encoding="utf-8"))
        self.floors = json.loads((_ROOT / "policies" / "floors.json").read_text(encoding="utf-8"))

    def holds(self, stack: Stack, leaf: Leaf, families: tuple[str, ...]) -> bool:
        """Return whether all that a leaf has a part in is held; what cannot be read is not held."""
        try:
            facts = Facts(self.lock, self.floors, stack)
            return all(FAMILIES[family](facts, leaf) for family in families)
        except (LookupError, ValueError, TypeError, ArithmeticError):
            return False


class Facts:
    """A rendered stack, read by hand."""

    def __init__(self, lock: Mapping[str, Any], floors: Mapping[str, Any], stack: Stack) -> None:
        self.lock, self.floors, self.stack = lock, floors, stack
        self.named = {resource.name: resource.props for resource in stack.resources}
        self.start = date.fromisoformat(lock["data_end"])
        self.end = self.start + timedelta(days=lock.get("valid_days", 28))

    @cached_property
    def root(self) -> Mapping[str, Any]:
        """The stack's own claims."""
        return next(props for props in self.named.values() if "growthPerQuarter" in props)

    @cached_property
    def safe(self) -> float:
        """The share of a ceiling that may be planned with."""
        return float(min(self.root["safeUtilisation"], self.floors["maximum_safe_utilisation"]))

    @cached_property
    def burst(self) -> float:
        """The burst over the peak that counts."""
        return float(max(self.root["burst"], self.floors["minimum_burst"]))

    def grown(self, day: date) -> float:
        """Return the growth since the data's end: a factor each day."""
        daily = max(self.root["growthPerQuarter"], self.floors["minimum_growth_per_quarter"]) ** (1 / 91)
        grown = 1.0
        for _ in range((day - self.start).days):
            grown *= daily
        return float(grown)

    def required(self, vertical: str, day: date) -> float:
        """Return the sessions that a vertical must hold on a day."""
        load = self.lock["verticals"][vertical]
        return max(float(load["peak"]) * self.burst * self.grown(day), float((load.get("extreme") or {}).get("q95", 0)))

    def sessions(self, day: date) -> float:
        """Return those of all verticals."""
        return sum(self.required(vertical, day) for vertical in self.lock["verticals"])

    def of_kind(self, *kinds: str) -> list[Resource]:
        """Return the workloads of some kinds."""
        return [one for one in self.stack.resources if _annotations(one).get("headroom.dev/kind") in kinds]

    def live(self, vertical: str) -> Resource:
        """Return a vertical's Deployment."""
        found = [one for one in self.of_kind("fastapi", "nats", "pm2") if _annotations(one)["headroom.dev/vertical"] == vertical]
        (one,) = found
        return one

    def scaler(self, vertical: str) -> Mapping[str, Any]:
        """Return a vertical's autoscaler."""
        return self.named[f"{vertical}-autoscaler"]

    def mean_call(self, vertical: str) -> float:
        """Return the mean length of a vertical's calls."""
        demand = self.lock["verticals"][vertical].get("demand")
        if demand and demand["holding_seconds"]["value"]:
            return float(demand["holding_seconds"]["value"])
        return _claim(self.live(vertical), "mean-call-seconds")

    def ordered_in_time(
        self, asked: Callable[[date], float], held: Callable[[date], float], lead: float, *, now: bool = False
    ) -> bool:
        """Return whether a thing holds until the lock's last day, and its order for the first short day is not past."""
        if asked(self.start if now else self.end) > held(self.start if now else self.end) * (1 + _SLACK):
            return False
        for ahead in range(731):
            day = self.start + timedelta(days=ahead)
            if asked(day) > held(day) * (1 + _SLACK):
                return ahead * 86_400 >= lead or day - timedelta(seconds=lead) >= self.start
        return True

    def pods(self, vertical: str) -> tuple[int, int, int]:
        """Return the sessions of one pod: by its limits, by its requests, and by what it admits."""
        if vertical not in self._pods:
            self._pods[vertical] = self._filled(vertical)
        return self._pods[vertical]

    @cached_property
    def _pods(self) -> dict[str, tuple[int, int, int]]:
        return {}

    def _filled(self, vertical: str) -> tuple[int, int, int]:
        """Put sessions into a pod one by one."""
        live = self.live(vertical)
        container = _container(live, "app")
        least = self.floors.get("minimum_session_by_vertical", {}).get(vertical, self.floors["minimum_session"])
        memory, cpu, files = (
            max(_claim(live, f"session-{name}"), least[name.replace("-", "_")])
            for name in ("memory-bytes", "cpu-cores", "descriptors")
        )
        workers, base_files = int(_claim(live, "workers")), _claim(live, "base-descriptors")
        in_process, may_open = 0, self.open_files(live, "app")
        while ((in_process + 1) * files + base_files) * 1.5 <= may_open + _SLACK:
            in_process += 1
        cap = _annotations(live).get("headroom.dev/session-cap")
        most = min(in_process * workers, 10**9 if cap is None else int(cap))

        def fitting(bound: Mapping[str, Any]) -> int:
            room_memory = _amount(bound["memory"]) - _claim(live, "base-memory-bytes")
            room_cpu = _amount(bound["cpu"]) - _claim(live, "base-cpu-cores")
            sessions = 0
            while sessions < most and (sessions + 1) * memory <= room_memory + 1e-6 and (sessions + 1) * cpu <= room_cpu + _SLACK:
                sessions += 1
            return sessions

        hard = fitting(container["resources"]["limits"])
        guaranteed = min(hard, fitting(container["resources"]["requests"]))
        return hard, guaranteed, int(_env(container, "HEADROOM_MAX_SESSIONS"))

    def open_files(self, workload: Resource, container: str) -> float:
        """Return the open files of one process."""
        text = workload.props["spec"]["template"]["metadata"]["annotations"][f"ulimits.nri.containerd.io/container.{container}"]
        (limit,) = yaml.safe_load(text)
        if not 0 <= limit["soft"] <= limit["hard"]:
            raise ValueError
        return float(limit["soft"])

    def safe_pod(self, vertical: str) -> int:
        """Return what a pod safely holds."""
        hard, guaranteed, admitted = self.pods(vertical)
        return min(admitted, math.floor(hard * self.safe + _SLACK), math.floor(guaranteed * self.safe + _SLACK))

    def caps(self) -> Mapping[str, Any]:
        """Return what the edge admits by."""
        found: dict[str, Any] = json.loads(self.named["edge-caps"]["value"])
        return found


def _annotations(resource: Resource) -> Mapping[str, Any]:
    metadata = resource.props.get("metadata")
    return (metadata.get("annotations") or {}) if isinstance(metadata, Mapping) else {}


def _claim(resource: Resource, name: str) -> float:
    return float(_annotations(resource)[f"headroom.dev/{name}"])


def _amount(value: Any) -> float:
    number = number_of(value)
    if number is None:
        raise ValueError
    return float(number)


def _container(resource: Resource, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(
        one for one in resource.props["spec"]["template"]["spec"]["containers"] if one["name"] == name
    )
    return found


def _env(container: Mapping[str, Any], name: str) -> float:
    (value,) = (one["value"] for one in container["env"] if one["name"] == name)
    return float(value)


def _grace(resource: Resource) -> float:
    return float(resource.props["spec"]["template"]["spec"]["terminationGracePeriodSeconds"])


def _file(facts: Facts, name: str) -> str:
    found = [props["data"][name] for props in facts.named.values() if name in (props.get("data") or {})]
    (text,) = found
    return str(text)


def _vertical(leaf: Leaf) -> str:
    return leaf.resource.name.removesuffix("-deployment").removesuffix("-autoscaler")


def _poisson(mean: float) -> int:
    """Return the least count that one second in a thousand passes, by adding up chances."""
    if mean > 700:  # where the first chance is too small a number; nothing that is sold bears so many
        return math.ceil(mean + 3.0902 * math.sqrt(mean) + 1)
    chance, total, count = math.exp(-mean), 0.0, 0
    while total + chance < 0.999:
        total, count = total + chance, count + 1
        chance *= mean / count
    return count


def _pod(facts: Facts, leaf: Leaf) -> bool:
    vertical = _vertical(leaf)
    hard, guaranteed, admitted = facts.pods(vertical)
    live = facts.live(vertical)
    workers = int(_claim(live, "workers"))
    least = facts.floors["minimum_session"]["descriptors"]
    in_process = -(-admitted // workers) * max(_claim(live, "session-descriptors"), least) + _claim(live, "base-descriptors")
    copied = int(_annotations(Resource("", "", facts.scaler(vertical)))["headroom.dev/hard-ceiling"]) == hard
    fits = admitted <= guaranteed and 1.5 * in_process <= facts.open_files(live, "app") + _SLACK
    return copied and fits and _sessions(facts, leaf) and _target(facts, leaf) and _floor(facts, leaf) and _week(facts, leaf)


def _sessions(facts: Facts, leaf: Leaf) -> bool:
    vertical = _vertical(leaf)
    most = facts.scaler(vertical)["spec"]["maxReplicas"]
    held = most * facts.safe_pod(vertical)
    week = json.loads(facts.scaler(vertical)["metadata"]["annotations"]["headroom.dev/schedule"])
    highest = max([week["baseline"], *(window["replicas"] for window in week["windows"])])
    admitted = facts.caps()["verticals"][vertical] if "edge-caps" in facts.named else 0
    enough = max(facts.required(vertical, facts.start), facts.required(vertical, facts.end)) <= held * (1 + _SLACK)
    return bool(enough and admitted <= held and highest <= most)


def _target(facts: Facts, leaf: Leaf) -> bool:
    vertical = _vertical(leaf)
    hard, guaranteed, admitted = facts.pods(vertical)
    scaler = facts.scaler(vertical)
    alert = min(facts.root["alertUtilisation"], 0.7, 1 / facts.burst)
    alert = min(alert, float(scaler["metadata"]["annotations"]["headroom.dev/alert-utilisation"]))
    (metric,) = scaler["spec"]["metrics"]
    unnoticed = _amount(metric["pods"]["target"]["averageValue"]) * (1 + max(facts.root["tolerance"], 0.1))
    ratio = facts.lock["verticals"][vertical]["lag"]["ratio"]
    grown = unnoticed * float(ratio)
    return grown <= min(hard, guaranteed, admitted) * (1 + _SLACK) and bool(unnoticed < alert * hard * (1 - _SLACK))


def _floor(facts: Facts, leaf: Leaf) -> bool:
    vertical = _vertical(leaf)
    _, guaranteed, admitted = facts.pods(vertical)
    scaler, load = facts.scaler(vertical), facts.lock["verticals"][vertical]
    baseline = json.loads(scaler["metadata"]["annotations"]["headroom.dev/schedule"])["baseline"]
    survive = min(props["survive"] for name, props in facts.named.items() if name == "pool-general")
    quiet = load["lag"]["quiet_sessions"] * facts.grown(facts.end)
    return bool(
        quiet <= baseline * min(guaranteed, admitted) * (1 + _SLACK)
        and baseline >= (2 if survive else 1)
        and scaler["spec"]["minReplicas"] >= baseline
    )


def _week(facts: Facts, leaf: Leaf) -> bool:
    """Walk through every known peak of the lock's weeks, minute by minute, and through the lag before it, second by second."""
    vertical = _vertical(leaf)
    _, guaranteed, admitted = facts.pods(vertical)
    load, one = facts.lock["verticals"][vertical], min(guaranteed, admitted)
    week = json.loads(facts.scaler(vertical)["metadata"]["annotations"]["headroom.dev/schedule"])
    lag = max(load["lag"]["seconds"], facts.root["lagSeconds"])
    for peak in load.get("known_peaks", ()):
        needed = min(peak["sessions"] * facts.grown(facts.end) * load["lag"]["ratio"], facts.required(vertical, facts.end))
        for begin, end in _occurrences(peak, facts.start, max(facts.end, facts.start + timedelta(days=6))):
            minutes = [begin + timedelta(minutes=number) for number in range(int((end - begin).total_seconds() // 60))]
            seconds = [begin - timedelta(seconds=number) for number in range(1, int(lag) + 1)]
            if any(_standing(week, at) * one * (1 + _SLACK) < needed for at in (*minutes, *seconds)):
                return False
    return True


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


def _behaviour(facts: Facts, leaf: Leaf) -> bool:
    up = facts.scaler(_vertical(leaf))["spec"]["behavior"]["scaleUp"]
    a_minute = {policy["type"]: policy["value"] * 60 / policy["periodSeconds"] for policy in up["policies"]}
    return bool(up["stabilizationWindowSeconds"] == 0) and a_minute["Percent"] >= 400 and a_minute["Pods"] >= 16


def _drain(facts: Facts, _leaf: Leaf) -> bool:
    fleet = facts.of_kind("fastapi", "nats", "pm2")
    longest = {one.name: max(60.0, _claim(one, "longest-call-seconds")) for one in fleet}
    waits = all(min(_grace(one), _env(_container(one, "app"), "HEADROOM_DRAIN_SECONDS")) >= longest[one.name] for one in fleet)
    relays = all(_grace(one) >= max(longest.values()) for one in facts.of_kind("turn"))
    tunnels = all(_grace(one) > 180 for one in facts.of_kind("tunnel"))
    processes = [
        (app["kill_timeout"] / 1000, longest[f"{name.removesuffix('-pm2-config')}-deployment"])
        for name, props in facts.named.items()
        if name.endswith("-pm2-config")
        for app in json.loads(props["data"]["ecosystem.json"])["apps"]
    ]
    return waits and relays and tunnels and all(killed >= call for killed, call in processes)


def _backlog_pod(facts: Facts, leaf: Leaf) -> bool:
    live = facts.live(_vertical(leaf))
    admitted = _env(_container(live, "app"), "HEADROOM_MAX_SESSIONS")
    command = live.props["spec"]["template"]["spec"]["initContainers"][0]["command"]
    stall = max(0.5, _claim(live, "accept-stall-seconds"))
    return _poisson(admitted / facts.safe / facts.mean_call(_vertical(leaf)) * stall) <= int(
        command[command.index("--somaxconn") + 1]
    )


def _model(facts: Facts, _leaf: Leaf) -> bool:
    primary = facts.named["model"]["primary"]
    peaks = sum(load["peak"] for load in facts.lock["verticals"].values())
    least = facts.floors["minimum_tokens_per_session_minute"]
    limits = {"tokensPerMinute": max(primary.get("tokensPerSessionMinute", 0), least), "concurrentSessions": 1.0}
    plans = facts.named["sold"]["plans"].values() if "sold" in facts.named else ()
    reserved = sum(plan["tenants"] * plan["cap"] for plan in plans if plan["guaranteed"])
    shared = sum(plan["tenants"] * plan["cap"] for plan in plans if not plan["guaranteed"])

    def held(name: str, each: float) -> bool:
        carried = math.floor(primary[name] / each + _SLACK)
        sold = reserved <= carried and shared <= math.floor((carried - reserved) * 1.1 + _SLACK)
        lead = primary["limits"][name]["leadSeconds"]
        asked = facts.ordered_in_time(
            lambda day: peaks * facts.burst * facts.grown(day) * each, lambda _day: primary[name], lead, now=True
        )
        return asked and sold

    figures = [float(text) for text in re.findall(r"vector\(([0-9.e+]+)\)", _file(facts, "rules.yaml"))]
    tokens = primary.get("tokensPerMinute")  # an alert has its copy
    recorded = tokens is None or any(abs(figure - tokens) <= 1e-6 * tokens for figure in figures)
    return recorded and all(held(name, each) for name, each in limits.items() if name in primary)


def _carrier(facts: Facts, _leaf: Leaf) -> bool:
    carrier = facts.named["carrier"]

    def busiest(day: date) -> float:
        measured = random = 0.0
        for name, load in facts.lock["verticals"].items():
            held, starts = facts.required(name, day), (load.get("demand") or {}).get("starts_per_second")
            if starts is None:
                random += held / facts.mean_call(name)
            else:
                measured += max(starts["p999"]["value"] * held / load["peak"], (starts.get("extreme") or {}).get("q95", 0))
        return measured + (_poisson(random) if random else 0)

    return facts.ordered_in_time(
        facts.sessions, lambda _day: carrier["channels"] * facts.safe, carrier["leadSeconds"]
    ) and facts.ordered_in_time(busiest, lambda _day: carrier["startsPerSecond"] * facts.safe, carrier["leadSeconds"])


def _latency(facts: Facts, _leaf: Leaf) -> bool:
    latency = facts.named["latency"]
    first = sum(latency["toFirstToken"].values())
    audio = first + sum(latency["toFirstAudio"].values())
    return bool(
        first <= min(latency["firstTokenSeconds"], facts.floors["maximum_first_token_seconds"]) * (1 + _SLACK)
        and audio <= min(latency["firstAudioSeconds"], facts.floors["maximum_first_audio_seconds"]) * (1 + _SLACK)
        and min(latency["toFirstToken"].values()) >= 0
    )


def _left(resource: Resource) -> int:
    return max(0, int(resource.props["spec"]["replicas"]) - int(_claim(resource, "survive")))


def _turn(facts: Facts, _leaf: Leaf) -> bool:
    (servers,) = facts.of_kind("turn")
    config = EQUALS.read(_file(facts, "turnserver.conf"))
    ports_a_call, bits = int(_claim(servers, "ports-per-relayed")), _claim(servers, "bits-per-relayed")
    first, last, quota, rate = (int(config[name]) for name in ("min-port", "max-port", "total-quota", "bps-capacity"))
    if not 0 < first <= last < 65_536:
        return False
    bounds = [(last - first + 1) // ports_a_call, int(facts.open_files(servers, "turn")) // 2 // ports_a_call]
    bounds += [quota // ports_a_call] if quota else []
    bounds += [math.floor(rate * 8 / bits + _SLACK)] if rate else []
    share, of_one, most = _claim(servers, "relayed-share"), int(config["max-bps"]), int(config["user-quota"])
    audible = (not of_one or of_one * 8 * ports_a_call >= bits) and (not most or most >= ports_a_call)
    held = _left(servers) * min(bounds) * facts.safe
    survive = facts.named["pool-general"]["survive"]
    twice = survive == 0 or (servers.props["spec"]["replicas"] >= 2 and _claim(servers, "survive") >= 1)
    timely = facts.ordered_in_time(lambda day: facts.sessions(day) * share, lambda _day: held, _claim(servers, "lead-seconds"))
    return audible and timely and twice


def _gpu(facts: Facts, leaf: Leaf) -> bool:
    model = next(one for one in facts.stack.resources if one.name == leaf.resource.name)
    container = _container(model, "app")
    names = {one["name"] for one in container["env"]}
    admitted, session = _env(container, "HEADROOM_MAX_STREAMS"), _env(container, "HEADROOM_SESSION_BYTES")
    cache = _env(container, "HEADROOM_KV_CACHE_BYTES") if "HEADROOM_KV_CACHE_BYTES" in names else 0.0
    room = 0.9 * _claim(model, "gpu-memory-bytes") - _claim(model, "weights-bytes") - _claim(model, "workspace-bytes")
    held = _left(model) * math.floor(admitted * facts.safe + _SLACK)
    share = _claim(model, "share")
    fits = max(admitted * session, cache) <= room and room >= 0 and admitted <= _claim(model, "streams")
    pool = facts.named["pool-gpu"]["survive"] if "pool-gpu" in facts.named else 0
    twice = pool == 0 or (model.props["spec"]["replicas"] >= 2 and _claim(model, "survive") >= 1)
    timely = facts.ordered_in_time(lambda day: share * facts.sessions(day), lambda _day: held, _claim(model, "lead-seconds"))
    return fits and twice and timely and _gateways(facts, leaf)


def _gateways(facts: Facts, _leaf: Leaf) -> bool:
    shares = sum(_claim(model, "share") for model in facts.of_kind("asr", "tts", "llm"))
    survive = facts.named["pool-general"]["survive"]
    for gateway in facts.of_kind("gateway"):
        held = _left(gateway) * _env(_container(gateway, "app"), "HEADROOM_MAX_STREAMS") * facts.safe
        if shares * facts.sessions(facts.end) > held * (1 + _SLACK):
            return False
    for gateway in facts.of_kind("queue-gateway"):
        (server,) = facts.of_kind("redis")
        asked = facts.burst * facts.grown(facts.end) * _claim(server, "busy-jobs-per-second")
        if asked > _left(gateway) * _claim(gateway, "per-second") * facts.safe * (1 + _SLACK):
            return False
    gateways = facts.of_kind("gateway", "queue-gateway")
    return survive == 0 or all(one.props["spec"]["replicas"] >= 2 and _claim(one, "survive") >= 1 for one in gateways)


def _tunnel(facts: Facts, _leaf: Leaf) -> bool:
    tunnels = facts.of_kind("tunnel")
    held, leads = [], []
    for tunnel in tunnels:
        pod = tunnel.props["spec"]["template"]["spec"]
        first, last = map(int, pod["securityContext"]["sysctls"][0]["value"].split())
        ports = (last - first + 1) // int(_claim(tunnel, "ports-per-session"))
        open_files = facts.open_files(tunnel, pod["containers"][0]["name"])
        files = int(open_files) // int(_claim(tunnel, "descriptors-per-session"))
        held.append(math.floor(min(ports, files) * facts.safe + _SLACK))
        leads.append(_claim(tunnel, "lead-seconds"))
        if open_files < 70_000:
            return False
    return facts.ordered_in_time(facts.sessions, lambda _day: len(tunnels) * min(held), min(leads))


def _tools(facts: Facts, _leaf: Leaf) -> bool:
    """Return whether few enough calls wait too long, by Erlang's second formula added up term by term."""
    (tools,) = facts.of_kind("tools")
    container, seconds = _container(tools, "app"), _claim(tools, "call-seconds")
    slots, wait = _left(tools) * _env(container, "HEADROOM_SLOTS"), _env(container, "HEADROOM_WAIT_MS") / 1000
    starts = sum(facts.required(name, facts.end) / facts.mean_call(name) for name in facts.lock["verticals"])
    load = _claim(tools, "calls-per-session") * starts * seconds / facts.safe
    if load >= slots:
        return False
    logs = [number * math.log(load) - math.lgamma(number + 1) for number in range(int(slots) + 1)]
    busy = logs[-1] + math.log(slots / (slots - load))
    top = max(*logs, busy)
    waiting = math.exp(busy - top) / (sum(math.exp(one - top) for one in logs[:-1]) + math.exp(busy - top))
    late = waiting * math.exp(-(slots - load) * wait / seconds)
    survive = facts.named["pool-general"]["survive"]
    twice = survive == 0 or (tools.props["spec"]["replicas"] >= 2 and _claim(tools, "survive") >= 1)
    return late <= 1 - _claim(tools, "service-level") and twice


def _bus(facts: Facts, _leaf: Leaf) -> bool:
    (servers,) = facts.of_kind("bus")
    config, left = NATS.read(_file(facts, "nats.conf")), _left(servers)
    a_session = _claim(servers, "messages-per-session")
    survive = max(1, int(_claim(servers, "survive")))
    speaking_all = sessions_all = stored_all = 0.0
    for vertical, account in config["accounts"].items():
        stream = json.loads(facts.named[f"bus-{vertical}-stream"]["data"]["stream.json"])
        live, sessions = facts.live(vertical), facts.required(vertical, facts.end)
        containers = len(live.props["spec"]["template"]["spec"]["containers"])
        speaking = facts.scaler(vertical)["spec"]["maxReplicas"] * containers
        waiting = sessions / facts.safe * stream["max_msgs_per_subject"] * stream["max_msg_size"]
        copies, standing = stream["num_replicas"], servers.props["spec"]["replicas"]
        alive = min(standing, copies) - survive if standing >= copies else 0
        if not (
            speaking <= account["limits"]["max_connections"]
            and waiting * copies <= account["jetstream"]["max_file"] * (1 + _SLACK)
            and waiting <= stream["max_bytes"] * (1 + _SLACK)
            and stream["max_msg_size"] <= min(account["limits"]["max_payload"], config["max_payload"])
            and a_session * _claim(servers, "reader-stall-seconds") <= stream["max_msgs_per_subject"]
            and alive > copies // 2
        ):
            return False
        speaking_all, sessions_all = speaking_all + speaking, sessions_all + sessions
        stored_all += stream["max_bytes"]
    carried = left * _claim(servers, "messages-per-second") * facts.safe
    disk = _amount(servers.props["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"])
    store = config["jetstream"]["max_file_store"]
    return (
        sessions_all * a_session <= carried * (1 + _SLACK)
        and speaking_all <= left * config["max_connections"]
        and stored_all <= store <= disk
    )


def _queue(facts: Facts, _leaf: Leaf) -> bool:
    (server,) = facts.of_kind("redis")
    config, told = SPACED.read(_file(facts, "redis.conf")), json.loads(_file(facts, "bullmq.json"))
    each = _claim(server, "payload-bytes") + _claim(server, "overhead-bytes")
    kept = sum(one["count"] for one in (told["defaultJobOptions"][name] for name in ("removeOnComplete", "removeOnFail")))
    memory, rewrite = int(config["maxmemory"]), int(config["auto-aof-rewrite-percentage"])
    limit = _amount(_container(server, "redis")["resources"]["limits"]["memory"])
    disk = _amount(server.props["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"])
    return (told["depthCap"] * 2 + kept) * each <= memory and 2 * memory <= limit and 2 * memory * (1 + rewrite / 100) <= disk


def _backlog(facts: Facts, leaf: Leaf) -> bool:
    (server,) = facts.of_kind("redis")
    told = json.loads(_file(facts, "bullmq.json"))
    pods = sum(one.props["spec"]["replicas"] for one in facts.of_kind("queue"))
    served = float(pods * told["worker"]["concurrency"]) / _claim(server, "job-seconds")
    names = ("busy-jobs-per-second", "quiet-jobs-per-second", "busy-seconds", "drain-seconds", "lead-seconds")
    busy, quiet, seconds, drain, lead = (_claim(server, name) for name in names)

    def held(day: date) -> float:
        return min(float(told["depthCap"]), max(0.0, (served - facts.grown(day) * quiet) * drain)) * facts.safe

    return facts.ordered_in_time(
        lambda day: max(0.0, (facts.burst * facts.grown(day) * busy - served) * seconds), held, lead
    ) and _gateways(facts, leaf)


def _reserved(facts: Facts, _leaf: Leaf) -> bool:
    caps, sold = facts.caps(), facts.named["sold"]["plans"]
    promised = {
        vertical: sum(plan["guarantees"].get(vertical, 0) * sold[name]["tenants"] for name, plan in caps["plans"].items())
        for vertical in caps["pools"]
    }
    return all(promised[name] <= pool["reserved"] <= caps["verticals"][name] for name, pool in caps["pools"].items())


def _caps(facts: Facts, _leaf: Leaf) -> bool:
    return all(
        calls <= facts.scaler(vertical)["spec"]["maxReplicas"] * facts.safe_pod(vertical)
        for vertical, calls in facts.caps()["verticals"].items()
    )


def _objects(facts: Facts, leaf: Leaf) -> bool:
    script, caps = facts.named[leaf.resource.name], facts.caps()
    (settings,) = (json.loads(one["json"]) for one in script["bindings"] if one["name"] == "SETTINGS")
    beat = settings["heartbeatSeconds"]
    verticals = caps["verticals"].items()
    asked = [(-(-calls // caps["pools"][name]["shards"]), facts.mean_call(name)) for name, calls in verticals]
    shortest = min(facts.mean_call(name) for name in facts.lock["verticals"])
    asked.append((max(plan["cap"] for plan in caps["plans"].values()), shortest))
    most = 500 * facts.safe * (1 + _SLACK)
    return beat >= 1 and all(leases / beat + 2 * _poisson(leases / mean) <= most for leases, mean in asked)


FAMILIES: Mapping[str, Callable[[Facts, Leaf], bool]] = {
    "pod": _pod,
    "sessions": _sessions,
    "target": _target,
    "floor": _floor,
    "week": _week,
    "behaviour": _behaviour,
    "drain": _drain,
    "backlog-pod": _backlog_pod,
    "model": _model,
    "carrier": _carrier,
    "latency": _latency,
    "turn": _turn,
    "gpu": _gpu,
    "gateways": _gateways,
    "tunnel": _tunnel,
    "tools": _tools,
    "bus": _bus,
    "queue": _queue,
    "backlog": _backlog,
    "reserved": _reserved,
    "caps": _caps,
    "objects": _objects,
}
"""What a leaf may have a part in; the table names them."""
