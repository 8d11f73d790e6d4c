"""drain-covers-longest-call: nothing that carries a call is killed before the call may end, and it is told in time."""

import re
from collections.abc import Iterator

from policies.config_text import nats
from policies.evidence import Context
from policies.figures import count, exceeds
from policies.fleet import LIVE_KINDS, Live, live_deployments, session_container
from policies.placement import POOL
from policies.pm2 import ecosystem_of
from policies.rule import Finding, Rule, each
from policies.stack import Place, Resource, Stack, annotation
from policies.workloads import configuration, environment, of_kind, pod_of

_ANSWERING = ("asr", "gateway", "llm", "queue", "queue-gateway", "tools", "tts", *sorted(LIVE_KINDS))
"""Kinds whose programs answer /drain on their port `probes` (docs/contract.md)."""
_ASK = "ask for /drain on the port probes before the signal: lifecycle.preStop.httpGet"
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
    killed = longest if ecosystem is None else min(ecosystem.of_each("kill_timeout"), default=0.0) / 1000
    if exceeds(longest, killed):
        message = f"PM2 kills a process {killed:,g} s after it was told to end; a call may last {count(longest)} s"
        remedy = f"set kill_timeout to {longest * 1000:.0f}"
        yield Finding(deployment.name, message, remedy, longest, killed, "seconds")


def _is_asked(workload: Resource) -> Iterator[Finding]:
    """A server that closes its sockets at the signal to end must have drained before it."""
    hooks = [(container, hook) for container in pod_of(workload)["containers"].items() if (hook := _before_the_end(container))]
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
        "sooner than it stops waiting by itself. Who works for calls is told to drain before the signal to end comes.",
        why="A rollout, an empty node and a smaller fleet end pods every day; none of them may end a call.",
        reads="terminationGracePeriodSeconds, HEADROOM_DRAIN_SECONDS, PM2's kill_timeout, and the claim `longest-call-seconds` "
        "of live Deployments; the grace of Deployments of kind `turn` and `tunnel`; lifecycle.preStop of who answers calls, "
        "relays them, or carries their messages.",
        remedy="A longer grace, or a lower longest call; a preStop that asks for /drain.",
        check=_drain_covers_longest_call,
    ),
)
