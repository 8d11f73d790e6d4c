"""drain-covers-longest-call: nothing that carries a call is killed before the call may end, and it is told in time."""

import re
from collections.abc import Iterator

from policies.config_text import nats
from policies.evidence import Context
from policies.figures import count, exceeds
from policies.fleet import LIVE_KINDS, Live, live_deployments, session_container
from policies.placement import POOL
from policies.pm2 import Ecosystem, ecosystem_of
from policies.rule import Finding, Rule, each
from policies.stack import Place, Resource, Stack, annotation
from policies.workloads import beside_each_other, configuration, environment, of_kind, pod_of, starting

_ANSWERING = ("asr", "gateway", "llm", "queue", "queue-gateway", "tools", "tts", *sorted(LIVE_KINDS))
"""Kinds whose programs answer /drain on their port `probes` (docs/contract.md)."""
_ASK = "ask for /drain on the port probes before the signal: lifecycle.preStop.httpGet"
_CHECK = "limits"
"""The initial container that looks at the limits of its pod, and ends."""
_ENDS_WITH_LAST_CALL = re.compile(r"kill -USR1 1; while kill -0 1; do sleep \d+; done")
"""coturn takes no more calls at SIGUSR1, and ends with its last one; the kubelet's signal to end must wait for that."""
_TUNNEL_SECONDS = 180
"""The longest that a stopping replica of a tunnel waits for its calls (cloudflared, MaxGracePeriod)."""
_LEAST_CALL_SECONDS = 60
"""A longest call below a minute would be no phone call: a claim below it does not count."""


def _drain_covers_longest_call(stack: Stack, _context: Context) -> Iterator[Finding]:
    fleet = live_deployments(stack)
    yield from each(fleet, lambda live: live.deployment.name, lambda live: _outlives(stack, live))
    yield from each(of_kind(stack, "tunnel"), lambda tunnel: tunnel.name, _waits_as_long_as_it_can)

    def relayed(servers: Resource) -> Iterator[Finding]:
        longest = max((_longest(live.deployment) for live in fleet), default=0.0)
        yield from _is_killed_later(servers, longest, "a call that it relays")

    yield from each(of_kind(stack, "turn"), lambda servers: servers.name, relayed)
    if any(stack.of_type(POOL)):  # how the programs of others are told, nobody knows
        yield from each(of_kind(stack, *_ANSWERING), lambda workload: workload.name, _is_asked)
        yield from each(of_kind(stack, *_ANSWERING), lambda workload: workload.name, _keeps_its_helpers)
        yield from each(of_kind(stack, "turn"), lambda servers: servers.name, _takes_no_more)
        yield from each(of_kind(stack, "bus"), lambda servers: servers.name, lambda servers: _hands_over(stack, servers))


def _longest(deployment: Resource) -> float:
    return max(annotation(deployment, "longest-call-seconds").number(), _LEAST_CALL_SECONDS)


def _outlives(stack: Stack, live: Live) -> Iterator[Finding]:
    deployment, longest = live.deployment, _longest(live.deployment)
    yield from _is_killed_later(deployment, longest, "a call")
    drained = environment(session_container(live), "HEADROOM_DRAIN_SECONDS").number()
    if exceeds(longest, drained):
        message = f"a pod that is to go waits {count(drained)} s for its calls; one may last {count(longest)} s"
        remedy = f"set HEADROOM_DRAIN_SECONDS to {longest:.0f}"
        yield Finding(deployment.name, message, remedy, longest, drained, "seconds")
    ecosystem = ecosystem_of(stack, live)
    if ecosystem is not None:
        yield from _waits_within(deployment, ecosystem, longest)


def _waits_within(deployment: Resource, ecosystem: Ecosystem, longest: float) -> Iterator[Finding]:
    """PM2 waits for a process as long as a call may last, and no longer than the kubelet waits for PM2."""
    timeouts = [each / 1000 for each in ecosystem.of_each("kill_timeout")]
    first, last = min(timeouts, default=0.0), max(timeouts, default=0.0)
    if exceeds(longest, first):
        message = f"PM2 kills a process {first:,g} s after it was told to end; a call may last {count(longest)} s"
        yield Finding(deployment.name, message, f"set kill_timeout to {longest * 1000:.0f}", longest, first, "seconds")
    grace = pod_of(deployment)["terminationGracePeriodSeconds"].number()
    if grace >= longest and exceeds(last, grace):
        message = f"PM2 leaves a process {last:,g} s to end; its pod is killed after {count(grace)} s, whatever PM2 waits for"
        remedy = f"set kill_timeout to at most {grace * 1000:.0f}"
        yield Finding(deployment.name, message, remedy, last, grace, "seconds")


def _is_asked(workload: Resource) -> Iterator[Finding]:
    """A server that closes its sockets at the signal to end must have drained before it."""
    hooks = [(container, hook) for container in beside_each_other(pod_of(workload)) if (hook := _before_the_end(container))]
    if not hooks:
        message = "nothing asks a pod that is to go to drain: the signal to end comes while it works"
        yield Finding(workload.name, message, _ASK)
    for container, hook in hooks:
        asked = hook["httpGet"]
        path, port = asked["path"].text(), asked["port"].value
        answers = [
            one["containerPort"].value
            for one in container.listed("ports")
            if (name := one.get("name")) is not None and name.value == "probes"
        ]
        if path != "/drain" or not answers or port not in ("probes", *answers) or asked.names() != {"path", "port"}:
            yield Finding(workload.name, f"{asked.path} asks where no program of the stack answers that it has drained", _ASK)


def _keeps_its_helpers(workload: Resource) -> Iterator[Finding]:
    """Kubernetes ends all containers of a pod at once, but for initial ones that restart: those after all others have ended."""
    pod = pod_of(workload)
    untold = [container for container in pod["containers"].items() if _before_the_end(container) is None]
    for container in untold if len(untold) < len(pod["containers"].items()) else ():
        message = f"its container {container['name'].text()} is ended at once, while the calls of its pod drain"
        yield Finding(workload.name, message, "make it an initial container with restartPolicy Always")
    for container, stays in starting(pod):
        if not stays and container["name"].text() != _CHECK:
            message = f"its initial container {container['name'].text()} does not stay: no call comes before it ends"
            yield Finding(workload.name, message, "set its restartPolicy to Always")


def _before_the_end(container: Place) -> Place | None:
    lifecycle = container.get("lifecycle")
    return None if lifecycle is None else lifecycle.get("preStop")


def _takes_no_more(servers: Resource) -> Iterator[Finding]:
    command = _executed(servers)
    if command[:2] != ["sh", "-c"] or not _ENDS_WITH_LAST_CALL.fullmatch(" ".join(command[2:])):
        message = "a relay that is to go goes on taking calls, or is ended with those that it has"
        remedy = "before the signal to end run sh -c 'kill -USR1 1; while kill -0 1; do sleep 1; done'"
        yield Finding(servers.name, message, remedy)


def _hands_over(stack: Stack, servers: Resource) -> Iterator[Finding]:
    """A server of the bus in its lame duck time moves streams and clients to the others, and ignores the signal to end."""
    place = configuration(stack, servers, "nats.conf")
    told = ["nats-server", f"-sl=ldm={nats(place).get('pid_file')}"]
    if _executed(servers) != told:
        message = "a server that is to go drops its clients at once, and what they publish is lost until another leads"
        yield Finding(servers.name, message, f"before the signal to end run {' '.join(told)}")


def _executed(workload: Resource) -> list[str]:
    command = pod_of(workload)["containers"].items()[0]["lifecycle"]["preStop"]["exec"]["command"]
    return [word.text() for word in command.items()]


def _is_killed_later(workload: Resource, longest: float, what: str) -> Iterator[Finding]:
    grace = pod_of(workload)["terminationGracePeriodSeconds"].number()
    if exceeds(longest, grace):
        message = f"a pod that is to go is killed after {count(grace)} s; {what} may last {count(longest)} s"
        remedy = f"set terminationGracePeriodSeconds to {longest:.0f}"
        yield Finding(workload.name, message, remedy, longest, grace, "seconds")


def _waits_as_long_as_it_can(tunnel: Resource) -> Iterator[Finding]:
    grace = pod_of(tunnel)["terminationGracePeriodSeconds"].count()
    if grace <= _TUNNEL_SECONDS:
        message = f"a stopping replica waits up to {_TUNNEL_SECONDS} s for its calls, and is killed after {count(grace)} s"
        least = _TUNNEL_SECONDS + 1
        remedy = f"set terminationGracePeriodSeconds to {least}"
        yield Finding(tunnel.name, message, remedy, least, grace, "seconds")


RULES = (
    Rule(
        name="drain-covers-longest-call",
        condition="Pods that hold or relay calls are killed no sooner than the longest call may end; a tunnel's replica no "
        "sooner than it stops waiting by itself; PM2 waits for a process no longer than its pod has. Who works for calls is "
        "told to drain before the signal to end comes, and what runs beside it in its pod ends after it.",
        why="A rollout, an empty node and a smaller fleet end pods every day; none of them may end a call.",
        reads="terminationGracePeriodSeconds, HEADROOM_DRAIN_SECONDS, PM2's kill_timeout, and the claim `longest-call-seconds` "
        "of live Deployments; the grace of Deployments of kind `turn` and `tunnel`; lifecycle.preStop of who answers calls, "
        "relays them, or carries their messages; restartPolicy of initial containers.",
        remedy="A longer grace, or a lower longest call; a preStop that asks for /drain; helpers that are native sidecars.",
        check=_drain_covers_longest_call,
    ),
)
