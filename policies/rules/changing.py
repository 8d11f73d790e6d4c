"""Rules on a change: what a deploy would do to what runs, by the event stream of its preview."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from policies.autoscaler import AUTOSCALERS, Target, as_target, target_of
from policies.changes import Change, Changes
from policies.edge import SCRIPT
from policies.evidence import Context, usable
from policies.figures import counts, exceeds
from policies.fleet import DEPLOYMENT, LIVE_KINDS, Live, autoscaler_of, maximum_pods, safe_sessions
from policies.lock import KnownPeak
from policies.margins import growth, margins
from policies.rule import Finding, Rule, each
from policies.stack import Place, Resource, Stack, Unreadable, annotation, field, optional, optional_annotation

_EDGE = (
    SCRIPT,
    *(
        f"cloudflare:index/{name[0].lower()}{name[1:]}:{name}"
        for name in (
            "DnsRecord",
            "LoadBalancer",
            "LoadBalancerPool",
            "Ruleset",
            "WorkersCustomDomain",
            "ZeroTrustAccessApplication",
            "ZeroTrustAccessPolicy",
            "ZeroTrustAccessServiceToken",
            "ZeroTrustTunnelCloudflared",
            "ZeroTrustTunnelCloudflaredConfig",
        )
    ),
)
"""What every call passes at the edge; KV values are runtime data, and may change at any time."""
_STATEFUL = (
    "kubernetes:apps/v1:StatefulSet",
    "kubernetes:core/v1:PersistentVolumeClaim",
    "kubernetes:storage.k8s.io/v1:StorageClass",
    "cloudflare:index/queue:Queue",
    "cloudflare:index/workersKvNamespace:WorkersKvNamespace",
    SCRIPT,
)
"""What keeps jobs, messages, places of calls, or plans; a script keeps them in its Durable Objects."""
_LEAD = timedelta(hours=1)
"""Before a known peak nothing of the edge changes either: who finds a fault needs time to take it back."""


def change_rules(changes: Changes, moment: datetime) -> tuple[Rule, ...]:
    """Return the rules that judge some changes at a moment, which knows its zone; the stack that they read is the new one."""

    def judging(check: Callable[[Changes, Stack, Context], Iterator[Finding]]) -> Callable[[Stack, Context], Iterator[Finding]]:
        return lambda stack, context: check(changes, stack, context)

    def edge(_stack: Stack, context: Context) -> Iterator[Finding]:
        yield from _edge_unchanged(changes, context, moment)

    return (
        Rule(
            name="edge-unchanged-in-peak-window",
            condition="From an hour before a known peak until its end nothing changes that every call passes at the edge.",
            why="A deploy of a script ends every socket of its objects, and a fault of a route ends all calls: at the worst "
            "moment.",
            reads="the preview's events of Workers, hosts, routes, rate limits, tunnels and their Deployments; known_peaks of "
            "the "
            "lock; the clock.",
            remedy="Wait until the peak is over; the message says when.",
            check=edge,
        ),
        Rule(
            name="migrations-append-only",
            condition="An update's migration begins at the tag that the account has, adds classes and takes none away; no "
            "class that a script binds to disappears.",
            why="Who renames or deletes a class of Durable Objects deletes their data, and every call that they hold; one that "
            "is sent again is refused in the middle of an `up`.",
            reads="`migrations` and `bindings` of WorkersScripts, before and after, in the preview's events.",
            remedy="Set edge.scripts.migration_tag to the tag that the account has; append a migration with a new one.",
            check=judging(_migrations_append_only),
        ),
        Rule(
            name="stateful-not-replaced",
            condition="Nothing that keeps data is replaced or deleted.",
            why="A replacement is a new, empty one.",
            reads="the preview's events of StatefulSets, PersistentVolumeClaims, StorageClasses, queues, KV namespaces and "
            "Workers.",
            remedy="Change it in place, or move the data and retire the old one by hand.",
            check=judging(_stateful_not_replaced),
        ),
        Rule(
            name="capacity-not-lowered-below-required-during-rollout",
            condition="While a vertical's pods are rolled out, as many of the poorer kind as its autoscaler may ask for, less "
            "those that "
            "the strategy lets go first, hold the burst of the day; its Deployment and autoscaler are never gone.",
            why="Old and new capacity may both be enough, and what stands between them not.",
            reads="Deployments and autoscalers of live verticals, before and after, in the preview's events: limits, requests, "
            "HEADROOM_MAX_SESSIONS, maxima, maxUnavailable; the lock.",
            remedy="Raise the autoscaler's maximum first, in a deploy of its own; maxUnavailable 0.",
            check=judging(_capacity_not_lowered),
        ),
    )


def _edge_unchanged(changes: Changes, context: Context, moment: datetime) -> Iterator[Finding]:
    lock = usable(context.lock)
    peaks = [
        (until, vertical)
        for vertical, load in lock.verticals.items()
        for peak in load.known_peaks
        if (until := _within(peak, moment)) is not None
    ]
    if not peaks:
        return
    until, vertical = max(peaks)
    for change in changes.each:
        if change.operation != "same" and (change.type in _EDGE or _is_tunnel(change)):
            message = f"it would {change.operation} while a known peak of {vertical} lasts, until {until:%Y-%m-%d %H:%M} UTC"
            yield Finding(change.name, message, f"deploy after {until:%H:%M} UTC")


def _within(peak: KnownPeak, moment: datetime) -> datetime | None:
    """Return the end of a peak that a moment lies in, its lead included, in UTC; None where it lies in none."""
    zone, stretch = ZoneInfo(peak.stretch.zone), peak.stretch
    today = moment.astimezone(zone).date()
    for day in (today, today + timedelta(days=1)):  # a lead may begin the day before
        if day.weekday() == stretch.weekday:
            start, end = (
                (datetime.combine(day, time()) + timedelta(minutes=minute)).replace(tzinfo=zone).astimezone(UTC)
                for minute in (stretch.start, stretch.end)
            )
            if start - _LEAD <= moment < end:
                return end
    return None


def _is_tunnel(change: Change) -> bool:
    resource = change.after or change.before
    if resource is None or change.type != DEPLOYMENT:
        return False
    kind = optional_annotation(resource, "kind")
    return kind is not None and kind.text() == "tunnel"


def _migrations_append_only(changes: Changes, _stack: Stack, _context: Context) -> Iterator[Finding]:
    yield from each(changes.touching(SCRIPT), lambda change: change.name, _appends)


def _appends(change: Change) -> Iterator[Finding]:
    if change.after is None:
        return
    sent = optional(change.after, "migrations")
    steps: list[Mapping[str, Any]] = []
    if sent is not None:
        listed = sent.get("steps")
        steps = [sent.value] if listed is None else [step.value for step in listed.items()]
        for step in steps:
            for taken in sorted(str(name) for name in step if not _adds(str(name))):
                message = f"its migration has {taken}, which takes classes away or gives them another name"
                yield Finding(change.name, message, "only add classes")
    if change.before is None:
        return
    if sent is not None and (again := _already_there(change.before, sent)):
        yield Finding(change.name, *again)
    for gone in sorted(_classes(change.before) - _classes(change.after)):
        yield Finding(change.name, f"it no longer binds the class {gone}, whose objects hold calls", "keep the class")


def _already_there(before: Resource, sent: Place) -> tuple[str, str] | None:
    """Return why the account would refuse the migration that an update sends, and the cure."""
    earlier, begins, tag = optional(before, "migrations.newTag"), sent.get("oldTag"), sent["newTag"].text()
    start = None if begins is None else begins.text()
    if earlier is not None and start != earlier.text():
        there, cure = earlier.text(), earlier.text()
    elif earlier is None and start is None and _classes(before):
        there, cure = "its classes", "what the account has"
    else:
        return None
    message = f"it sends migration {tag}, from {start or 'the beginning'}, but the account has {there}, and refuses the upload"
    return message, f"set edge.scripts.migration_tag to {cure}"


def _adds(name: str) -> bool:
    return name in ("newTag", "oldTag", "newClasses", "newSqliteClasses")


def _classes(script: Resource) -> set[str]:
    bindings = optional(script, "bindings")
    found = [] if bindings is None else bindings.items()
    return {one["className"].text() for one in found if one["type"].text() == "durable_object_namespace"}


def _stateful_not_replaced(changes: Changes, _stack: Stack, _context: Context) -> Iterator[Finding]:
    for change in changes.touching(*_STATEFUL):
        if change.operation in ("replace", "delete"):
            done = "replaced" if change.operation == "replace" else "deleted"
            yield Finding(change.name, f"it keeps data, and would be {done}", "change it in place")


def _capacity_not_lowered(changes: Changes, stack: Stack, context: Context) -> Iterator[Finding]:
    before = Stack(tuple(change.before for change in changes.each if change.before is not None))
    retired = _retired(before, context)
    for change in changes.touching(DEPLOYMENT, *AUTOSCALERS):
        if change.operation == "delete" and change.before is not None and _scaled(change.before) in retired:
            continue
        if change.operation in ("replace", "delete") and (change.type != DEPLOYMENT or _is_live(change)):
            yield Finding(
                change.name, f"a {change.operation} of it leaves its vertical without it for a while", "update it in place"
            )
    rolled = [
        change
        for change in changes.touching(DEPLOYMENT)
        if change.operation == "update" and _is_live(change) and _template(change.before) != _template(change.after)
    ]
    yield from each(rolled, lambda change: change.name, lambda change: _holds_meanwhile(change, before, stack, context))


def _retired(before: Stack, context: Context) -> set[Target]:
    """Return the workloads of verticals that the lock no longer knows: no call of theirs is expected any more."""
    lock = usable(context.lock)
    told = ((deployment, optional_annotation(deployment, "vertical")) for deployment in before.of_type(DEPLOYMENT))
    return {as_target(each) for each, vertical in told if vertical is not None and vertical.text() not in lock.verticals}


def _scaled(resource: Resource) -> Target:
    return as_target(resource) if resource.type == DEPLOYMENT else target_of(resource)


def _is_live(change: Change) -> bool:
    resource = change.before or change.after
    kind = None if resource is None else optional_annotation(resource, "kind")
    return kind is not None and kind.text() in LIVE_KINDS


def _template(resource: Resource | None) -> Any:
    return None if resource is None else field(resource, "spec.template").value


def _holds_meanwhile(change: Change, before: Stack, after: Stack, context: Context) -> Iterator[Finding]:
    if change.before is None or change.after is None:
        raise Unreadable(change.name, "the preview does not show both states of it", "preview with the engine's event log")
    lock, floors, as_of = usable(context.lock), usable(context.floors), usable(context.as_of)
    kept, vertical = margins(after, floors), annotation(change.after, "vertical").text()
    old = Live(vertical, change.before, autoscaler_of(before, change.before))
    new = Live(vertical, change.after, autoscaler_of(after, change.after))
    load = lock.verticals.get(vertical)
    if load is None:
        raise Unreadable(change.name, f"the lock knows nothing of {vertical}", f"forecast {vertical}")
    pods = min(maximum_pods(live.deployment, live.autoscaler) for live in (old, new))
    gone = _unavailable(change.after, pods)
    each_pod = min(safe_sessions(live, floors, kept.safe_utilisation) for live in (old, new))
    held, asked = max(0, pods - gone) * each_pod, kept.burst * growth(lock, as_of, kept) * load.peak
    if exceeds(asked, held):
        must, have = counts(asked, held)
        message = (
            f"in its rollout {pods} pods, {gone} of them gone, hold {have} sessions by the poorer of old and new ({each_pod} "
            f"each); "
            f"a burst of {vertical} on {as_of} is {must}"
        )
        yield Finding(change.name, message, "raise its autoscaler's maximum in a deploy before", asked, held, "sessions")


def _unavailable(deployment: Resource, pods: int) -> int:
    """Return the pods that a rolling update may take away before others answer; a quarter where nothing is said."""
    strategy = optional(deployment, "spec.strategy")
    kind = None if strategy is None else strategy.get("type")
    if kind is not None and kind.text() == "Recreate":
        return pods
    rolling = None if strategy is None else strategy.get("rollingUpdate")
    given = None if rolling is None else rolling.get("maxUnavailable")
    if given is None:
        return pods // 4
    if isinstance(given.value, str) and given.value.endswith("%"):
        share = given.value.removesuffix("%")
        if share.isdecimal():
            return pods * min(100, int(share)) // 100
    return given.count()
