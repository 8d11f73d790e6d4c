"""Rules on the message bus: its limits carry the burst, and the loss of a server loses no message."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from policies import documents
from policies.config_text import nats, size
from policies.demand import Demand, demand_of
from policies.documents import WrongDocument
from policies.evidence import Context
from policies.figures import count, counts, exceeds, needed
from policies.fleet import live_deployments, maximum_pods
from policies.known import known, unknown_inside
from policies.placement import HOST, POOL, never_together, stands_apart
from policies.rule import Finding, Rule, each
from policies.stack import Identity, Place, Resource, Stack, Unreadable, WrongField, annotation, field, find_object, identity
from policies.workloads import CONFIG_MAP, beside_each_other, configuration, of_kind, pod_of

_NATS = known("""
    server_name port http_port pid_file max_connections max_payload lame_duck_duration lame_duck_grace_period
    cluster(name port no_advertise authorization(user password) routes)
    jetstream(store_dir max_file_store)
    accounts(*(
        jetstream(max_file max_memory) limits(max_connections max_payload)
        users(user password permissions(publish(deny)))
    ))
""")
_STREAM = known("""
    name description subjects retention storage num_replicas max_msgs_per_subject discard discard_new_per_subject max_msg_size
    max_bytes max_age duplicate_window max_consumers max_msgs
""")
_NAMED = frozenset({"user", "password"})
_ADMINISTERED = "$JS.API.STREAM."
"""What of the bus its users may be kept from."""
_RENDER = "deploy what the program renders"


@dataclass(frozen=True)
class _Account:
    """One vertical's part of the bus: what its account and its stream allow."""

    vertical: str
    connections: int
    storage: int
    max_payload: int
    stream: "_Stream"


@dataclass(frozen=True)
class _Stream:
    """The stream of one account, as JetStream's API reads it."""

    place: Place
    replicas: int
    cap: int
    """Messages that a call may have waiting."""
    message: int
    """Bytes."""
    max_bytes: int
    """Of one copy."""
    max_messages: int
    max_consumers: int
    """Of both: no limit where it is not above zero."""
    storage: str
    refuses: bool
    """Whether it refuses the next message of a full call; else it would throw the oldest away."""


def _accounts(stack: Stack, servers: Resource) -> tuple[Place, dict[str, Any], list[_Account]]:
    place = configuration(stack, servers, "nats.conf")
    config = nats(place)
    found = []
    for vertical, given in _mapping(place, config.get("accounts"), "accounts").items():
        account = _mapping(place, given, vertical)
        limits = _mapping(place, account.get("limits"), f"{vertical}.limits")
        kept = _mapping(place, account.get("jetstream"), f"{vertical}.jetstream")
        found.append(
            _Account(
                vertical,
                connections=_number(place, limits, "max_connections"),
                storage=_number(place, kept, "max_file"),
                max_payload=_number(place, limits, "max_payload"),
                stream=_stream(stack, servers, vertical),
            )
        )
    return place, config, found


def _stream(stack: Stack, servers: Resource, vertical: str) -> _Stream:
    wanted = Identity(identity(servers).namespace, f"{vertical}-stream")
    config_map = find_object(stack, CONFIG_MAP, wanted)
    if config_map is None:
        raise Unreadable(servers.name, f"no ConfigMap {wanted.namespace}/{wanted.name} holds the stream of {vertical}", _RENDER)
    place = field(config_map, "data")["stream.json"]
    try:
        stream = documents.mapping(documents.parse(place.text()), "it")
        figures = {
            name: documents.integer(stream.get(name), name, 1)
            for name in ("num_replicas", "max_msgs_per_subject", "max_msg_size", "max_bytes")
        }
        limits = {name: documents.integer(stream.get(name, -1), name, -1) for name in ("max_msgs", "max_consumers")}
        storage = documents.text(stream.get("storage"), "storage")
    except WrongDocument as error:
        raise WrongField(config_map.name, place.path, "a stream", why=str(error)) from None
    return _Stream(
        place,
        figures["num_replicas"],
        figures["max_msgs_per_subject"],
        figures["max_msg_size"],
        figures["max_bytes"],
        limits["max_msgs"],
        limits["max_consumers"],
        storage,
        refuses=stream.get("discard") == "new" and stream.get("discard_new_per_subject") is True,
    )


def _mapping(place: Place, value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise WrongField(place.resource.name, place.path, f"a NATS configuration with {name}")
    return value


def _number(place: Place, config: dict[str, Any], name: str) -> int:
    return size(place, name, str(config.get(name)))


def _left(servers: Resource) -> int:
    return max(0, field(servers, "spec.replicas").count() - annotation(servers, "survive").count())


def _bus_limits_cover_burst(stack: Stack, context: Context) -> Iterator[Finding]:
    demand = demand_of(stack, context)

    def check(servers: Resource) -> Iterator[Finding]:
        place, config, accounts = _accounts(stack, servers)
        if any(stack.of_type(POOL)):
            yield from _says_what_is_known(place, config, accounts)
        speaking = {live.vertical for live in live_deployments(stack) if annotation(live.deployment, "kind").text() == "nats"}
        for vertical in sorted(speaking - {account.vertical for account in accounts}):
            yield Finding(place.resource.name, f"{vertical} speaks on the bus and has no account on it", _RENDER)
        yield from _servers_carry(stack, servers, _number(place, config, "max_connections"), accounts, demand)
        for account in accounts:
            yield from _account_carries(stack, servers, place, account, demand)
        yield from _servers_store(servers, place, config, accounts)

    yield from each(of_kind(stack, "bus"), lambda servers: servers.name, check)


def _says_what_is_known(place: Place, config: dict[str, Any], accounts: list[_Account]) -> Iterator[Finding]:
    yield from unknown_inside(place, config, _NATS)
    for account in accounts:
        stream = account.stream.place
        yield from unknown_inside(stream, documents.parse(stream.text()), _STREAM)
        for denied in _denied(config["accounts"][account.vertical].get("users")):
            if not str(denied).startswith(_ADMINISTERED):
                message = f"a user of {account.vertical} may not send to {denied}: its calls have no words"
                yield Finding(place.resource.name, message, _RENDER)


def _denied(users: Any) -> Iterator[Any]:
    """Yield what users may not do, wherever it is said."""
    if isinstance(users, dict):
        yield from (one for key, inner in users.items() if key not in _NAMED for one in _denied(inner))
    elif isinstance(users, list):
        yield from (one for inner in users for one in _denied(inner))
    elif users is not None:
        yield users


def _servers_carry(
    stack: Stack, servers: Resource, connections: int, accounts: list[_Account], demand: Demand
) -> Iterator[Finding]:
    left, safe = _left(servers), demand.kept.safe_utilisation
    verticals = [account.vertical for account in accounts]
    sessions = demand.sessions(demand.lock.valid_until, verticals)
    each_session = annotation(servers, "messages-per-session").number()
    asked, carried = sessions * each_session, left * annotation(servers, "messages-per-second").number() * safe
    if exceeds(asked, carried):
        must, have = counts(asked, carried)
        message = (
            f"{count(sessions)} sessions by {demand.lock.valid_until} send {must} messages a second; "
            f"the {left} servers that are left safely carry {have}"
        )
        yield Finding(servers.name, message, "take more servers", asked, carried, "messages a second")
    speaking = sum(_connections(stack, vertical) for vertical in verticals)
    if speaking > left * connections:
        message = f"{count(speaking)} containers speak on it at their maximum; the {left} servers left take {connections} each"
        remedy = f"set max_connections to {needed(speaking, left)}" if left else "take more servers"
        yield Finding(servers.name, message, remedy, speaking, left * connections, "connections")


def _servers_store(servers: Resource, place: Place, config: dict[str, Any], accounts: list[_Account]) -> Iterator[Finding]:
    """Yield where a server may not store the copies of all streams, or its disk does not hold what it may store."""
    streams = sum(account.stream.max_bytes for account in accounts)
    store = _number(place, _mapping(place, config.get("jetstream"), "jetstream"), "max_file_store")
    if streams > store:
        message = f"the streams may keep {count(streams)} bytes on a server; max_file_store is {count(store)}"
        yield Finding(place.resource.name, message, f"set max_file_store to {streams}", streams, store, "bytes")
    disk = field(servers, "spec.volumeClaimTemplates")[0]["spec"]["resources"]["requests"]["storage"].quantity()
    if store > disk:
        message = f"a server may store {count(store)} bytes; its disk has {count(disk)}"
        yield Finding(servers.name, message, f"ask for {store} bytes", store, disk, "bytes")
    largest = max((account.stream.message for account in accounts), default=0)
    if largest > (allowed := _number(place, config, "max_payload")):
        message = f"a message of {count(largest)} bytes is above the servers' max_payload {count(allowed)}"
        yield Finding(place.resource.name, message, f"set max_payload to {largest}", largest, allowed, "bytes")


def _connections(stack: Stack, vertical: str) -> int:
    """Return the containers of a vertical's pods at their maximum: each may speak on the bus."""
    return sum(
        maximum_pods(live.deployment, live.autoscaler) * len(beside_each_other(pod_of(live.deployment)))
        for live in live_deployments(stack)
        if live.vertical == vertical
    )


def _account_carries(stack: Stack, servers: Resource, place: Place, account: _Account, demand: Demand) -> Iterator[Finding]:
    name, vertical, stream = place.resource.name, account.vertical, account.stream
    speaking = _connections(stack, vertical)
    if speaking > account.connections:
        message = f"the account of {vertical} has {count(account.connections)} connections; its pods open {count(speaking)}"
        remedy = f"set its max_connections to {speaking}"
        yield Finding(name, message, remedy, speaking, account.connections, "connections")
    target = demand.sessions(demand.lock.valid_until, [vertical]) / demand.kept.safe_utilisation
    kept = target * stream.cap * stream.message
    for what, resource, asked, given in (
        ("its account may store", name, kept * stream.replicas, account.storage),
        ("its stream keeps", stream.place.resource.name, kept, stream.max_bytes),
    ):
        if exceeds(asked, given):
            message = (
                f"the calls of {vertical} may have {count(asked)} bytes waiting ({count(stream.cap)} messages of "
                f"{count(stream.message)} bytes each); {what} {count(given)}"
            )
            yield Finding(resource, message, f"raise it to {count(asked)}", asked, given, "bytes")
    for what, limit, each_call, given in (
        ("messages waiting", "max_msgs", stream.cap, stream.max_messages),
        ("readers", "max_consumers", 1, stream.max_consumers),
    ):
        if given > 0 and exceeds(target * each_call, given):
            most = count(target * each_call)
            message = f"the calls of {vertical} may have {most} {what} ({count(each_call)} each); {limit} is {count(given)}"
            yield Finding(
                stream.place.resource.name, message, f"set {limit} to -1, for no limit", target * each_call, given, what
            )
    if stream.message > account.max_payload:
        message = (
            f"a message of {count(stream.message)} bytes is above max_payload {count(account.max_payload)}: it ends its "
            f"connection"
        )
        remedy = f"set max_payload to {stream.message}"
        yield Finding(name, message, remedy, stream.message, account.max_payload, "bytes")
    stalled = annotation(servers, "messages-per-session").number() * annotation(servers, "reader-stall-seconds").number()
    if exceeds(stalled, stream.cap):
        must = count(stalled)
        message = f"a reader of {vertical} that stalls leaves {must} messages of its call waiting; the cap is {count(stream.cap)}"
        remedy = f"set max_msgs_per_subject to {must}"
        yield Finding(stream.place.resource.name, message, remedy, stalled, stream.cap, "messages")
    if not stream.refuses:
        message = f"a full call of {vertical} throws its oldest message away, or that of another call"
        remedy = 'set discard to "new" and discard_new_per_subject to true'
        yield Finding(stream.place.resource.name, message, remedy)


def _bus_survives_one_loss(stack: Stack, _context: Context) -> Iterator[Finding]:
    def check(servers: Resource) -> Iterator[Finding]:
        standing, survive = field(servers, "spec.replicas").count(), max(1, annotation(servers, "survive").count())
        pod = pod_of(servers)
        if not (stands_apart(pod) or never_together(pod, standing)):
            message = "two of its servers may stand on one node, and a stream's copies be gone with it"
            yield Finding(servers.name, message, f"spread them over {HOST} with DoNotSchedule")
        for account in _accounts(stack, servers)[2]:
            yield from _keeps_a_majority(account.stream, standing, survive)

    yield from each(of_kind(stack, "bus"), lambda servers: servers.name, check)


def _keeps_a_majority(stream: _Stream, standing: int, survive: int) -> Iterator[Finding]:
    quorum = stream.replicas // 2 + 1
    # With more servers than copies any of them may be the ones that are gone.
    alive = max(0, min(standing, stream.replicas) - survive) if standing >= stream.replicas else 0
    if alive < quorum:
        message = (
            f"{standing} servers keep {stream.replicas} copies of a stream; with {survive} gone {alive} are left, and it needs "
            f"{quorum}"
        )
        least = 2 * survive + 1
        yield Finding(
            stream.place.resource.name, message, f"set num_replicas to {least} and take {least} servers", quorum, alive, "copies"
        )
    if stream.storage != "file":
        message = "its messages are in memory alone: a cluster that starts anew has none of them"
        yield Finding(stream.place.resource.name, message, 'set storage to "file"')


RULES = (
    Rule(
        name="bus-limits-cover-burst",
        condition="Servers, accounts and streams of the bus carry the messages, connections, readers, and waiting messages and "
        "bytes of all required sessions; a full call is refused its next message.",
        why="Beyond a limit the bus drops messages or connections, and calls lose words.",
        reads="StatefulSets of kind `bus`: replicas, `nats.conf`, every `stream.json`, and the claims `survive`, "
        "`messages-per-second`, `messages-per-session`, `reader-stall-seconds`; containers and maxima of the verticals of kind "
        "`nats`; the lock.",
        remedy="Higher limits, or more servers.",
        check=_bus_limits_cover_burst,
    ),
    Rule(
        name="bus-survives-one-loss",
        condition="With one server gone, or as many as must be survived, every stream keeps most of its copies, on disk; no two "
        "servers stand on one node.",
        why="A stream without a majority takes no message: all calls of its vertical stop at once.",
        reads="replicas, placement and the claim `survive` of StatefulSets of kind `bus`; num_replicas and storage of every "
        "`stream.json`.",
        remedy="Three servers and three copies, each on a node of its own.",
        check=_bus_survives_one_loss,
    ),
)
