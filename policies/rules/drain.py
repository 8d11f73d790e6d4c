"""drain-covers-longest-call: nothing that carries a call is killed before the call may end."""

from collections.abc import Iterator

from policies import documents
from policies.documents import WrongDocument
from policies.evidence import Context
from policies.figures import count, exceeds
from policies.fleet import live_deployments, session_container
from policies.rule import Finding, Rule, each
from policies.stack import Place, Resource, Stack, WrongField, annotation, optional_annotation
from policies.workloads import configuration, environment, of_kind, pod_of

_TUNNEL_SECONDS = 180
"""The longest that a stopping replica of a tunnel waits for its calls (cloudflared, MaxGracePeriod)."""
_LEAST_CALL_SECONDS = 60
"""A longest call below a minute would be no phone call: a claim below it does not count."""


def _drain_covers_longest_call(stack: Stack, _context: Context) -> Iterator[Finding]:
    fleet = live_deployments(stack)
    yield from each(
        fleet, lambda live: live.deployment.name, lambda live: _outlives(stack, live.deployment, session_container(live))
    )
    yield from each(of_kind(stack, "tunnel"), lambda tunnel: tunnel.name, _waits_as_long_as_it_can)

    def relayed(servers: Resource) -> Iterator[Finding]:
        longest = max((_longest(live.deployment) for live in fleet), default=0.0)
        yield from _is_killed_later(servers, longest, "a call that it relays")

    yield from each(of_kind(stack, "turn"), lambda servers: servers.name, relayed)


def _longest(deployment: Resource) -> float:
    return max(annotation(deployment, "longest-call-seconds").number(), _LEAST_CALL_SECONDS)


def _outlives(stack: Stack, deployment: Resource, container: Place) -> Iterator[Finding]:
    longest = _longest(deployment)
    yield from _is_killed_later(deployment, longest, "a call")
    drained = environment(container, "HEADROOM_DRAIN_SECONDS").number()
    if exceeds(longest, drained):
        message = f"a pod that is to go waits {count(drained)} s for its calls; one may last {count(longest)} s"
        remedy = f"set HEADROOM_DRAIN_SECONDS to {longest:.0f}"
        yield Finding(deployment.name, message, remedy, longest, drained, "seconds")
    kind = optional_annotation(deployment, "kind")
    command = container.get("command")
    # A pod of kind pm2 whose container is not started by PM2 has no file of PM2's.
    if kind is not None and kind.text() == "pm2" and command is not None and command[0].text() == "pm2-runtime":
        yield from _processes_outlive(configuration(stack, deployment, "ecosystem.json"), deployment, longest)


def _processes_outlive(place: Place, deployment: Resource, longest: float) -> Iterator[Finding]:
    try:
        apps = documents.items(documents.mapping(documents.parse(place.text()), "it").get("apps"), "apps")
        waits = [documents.number(documents.mapping(app, "an app").get("kill_timeout"), "kill_timeout", 0) / 1000 for app in apps]
    except WrongDocument as error:
        raise WrongField(place.resource.name, place.path, "PM2's ecosystem file", why=str(error)) from None
    killed = min(waits, default=0.0)
    if exceeds(longest, killed):
        message = f"PM2 kills a process {killed:,g} s after it was told to end; a call may last {count(longest)} s"
        remedy = f"set kill_timeout to {longest * 1000:.0f}"
        yield Finding(deployment.name, message, remedy, longest, killed, "seconds")


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
        "sooner "
        "than it stops waiting by itself.",
        why="A rollout, an empty node and a smaller fleet end pods every day; none of them may end a call.",
        reads="terminationGracePeriodSeconds, HEADROOM_DRAIN_SECONDS, PM2's kill_timeout, and the claim `longest-call-seconds` "
        "of "
        "live Deployments; the grace of Deployments of kind `turn` and `tunnel`.",
        remedy="A longer grace, or a lower longest call.",
        check=_drain_covers_longest_call,
    ),
)
