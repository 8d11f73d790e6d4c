"""What the NATS servers and the streams of the calls are configured by."""

import json
from collections.abc import Sequence
from typing import Any

from capacity.sizing.bus import BusSection

NAME = "bus"
PEERS = "bus-peers"
"""The headless service by which the servers find each other."""
CLIENT_PORT, CLUSTER_PORT, MONITOR_PORT = 4222, 6222, 8222
STREAM = "CALLS"
"""Of every account: one subject a call."""
SUBJECT = "call"
"""A message of a call goes to call.<its id>."""
ADMINISTERED = ("STREAM.CREATE", "STREAM.UPDATE", "STREAM.DELETE", "STREAM.PURGE", "STREAM.MSG.DELETE", "STREAM.RESTORE")
"""What of JetStream's API only the account's administrator may call: callers may not lift the cap."""


def nats_config(bus: BusSection, speakers: Sequence[str]) -> str:
    """Return nats-server's configuration: the same file on every server; names and passwords come from the environment.

    A message beyond `max_payload` ends its connection; the streams refuse smaller ones already, so that a call loses a message
    and not its connection.
    """
    store = bus.store(len(speakers))
    routes = ", ".join(f"${variable}" for variable in route_variables(bus))
    accounts = "\n".join(_account(bus, name) for name in speakers)
    return f"""\
server_name: $POD_NAME
port: {CLIENT_PORT}
http_port: {MONITOR_PORT}
pid_file: /run/nats/nats.pid
max_connections: {bus.connections.value}
max_payload: {bus.max_payload.value}
lame_duck_duration: "{bus.lame_duck.value:g}s"
lame_duck_grace_period: "{bus.lame_duck_grace.value:g}s"
cluster {{
  name: {NAME}
  port: {CLUSTER_PORT}
  no_advertise: true
  authorization {{ user: route, password: $ROUTE_PASSWORD }}
  routes: [{routes}]
}}
jetstream {{
  store_dir: /data
  max_file_store: {store}
}}
accounts {{
{accounts}
}}
"""


def _account(bus: BusSection, name: str) -> str:
    denied = ", ".join(f'"$JS.API.{call}.>"' for call in ADMINISTERED)
    return f"""\
  "{name}" {{
    jetstream {{ max_file: {bus.account.storage}, max_memory: 0 }}
    limits {{ max_connections: {bus.account.connections}, max_payload: {bus.max_payload.value} }}
    users: [
      {{ user: "{name}", password: ${variable(name)}, permissions: {{ publish: {{ deny: [{denied}] }} }} }}
      {{ user: "{administrator(name)}", password: ${variable(administrator(name))} }}
    ]
  }}"""


def administrator(speaker: str) -> str:
    """Return the user that makes the streams of a vertical's account."""
    return f"{speaker}-streams"


def variable(user: str) -> str:
    """Return the environment variable that holds a user's password.

    >>> variable("real-estate")
    'REAL_ESTATE_PASSWORD'
    """
    return f"{user.upper().replace('-', '_')}_PASSWORD"


def route_variables(bus: BusSection) -> list[str]:
    """Return the environment variables that hold the servers' routes, one a server: they carry the routes' password."""
    return [f"ROUTE_{index}" for index in range(bus.servers)]


def stream_config(bus: BusSection, longest_call_seconds: float) -> str:
    """Return the stream of one account as JetStream's API reads it (times in nanoseconds).

    A message waits until its reader has acknowledged it, and no longer than the longest call. Where as many wait on one subject
    as the cap says, the next one is refused (error 10077); no other call notices.
    """
    config: dict[str, Any] = {
        "name": STREAM,
        "description": "One subject a call",
        "subjects": [f"{SUBJECT}.*"],
        "retention": "workqueue",
        "storage": "file",
        "num_replicas": bus.replicas,
        "max_msgs_per_subject": bus.cap_per_session,
        "discard": "new",
        "discard_new_per_subject": True,
        "max_msg_size": bus.message,
        "max_bytes": bus.stream_bytes,
        "max_age": _nanoseconds(longest_call_seconds),
        "duplicate_window": _nanoseconds(min(bus.deduplication, longest_call_seconds)),
        "max_consumers": -1,
        "max_msgs": -1,
    }
    return json.dumps(config, indent=2, sort_keys=True) + "\n"


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1_000_000_000)


def client_settings(bus: BusSection, speaker: str) -> dict[str, Any]:
    """Return what the pods of a vertical are told of the bus."""
    return {
        "servers": [f"nats://{NAME}.{NAME}.svc:{CLIENT_PORT}"],
        "user": speaker,
        "stream": STREAM,
        "subject": f"{SUBJECT}.<call id>",
        "messagesPerCall": bus.cap_per_session,
        "messageBytes": bus.message,
        "maxPayloadBytes": bus.max_payload.value,
        "deduplicationSeconds": bus.deduplication,
    }
