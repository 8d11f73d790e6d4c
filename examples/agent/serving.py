"""Both ports in one process, and its end: when the last call is over, never before."""

import asyncio
import json
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import uvicorn
from fastapi import FastAPI

from .calls import calls_app
from .limits import Limit
from .metrics import Metrics, State
from .probes import probes_app
from .sessions import Sessions, Usage
from .settings import Settings


class _Server(uvicorn.Server):
    """A server that leaves signals alone: uvicorn's own answer to one is to close every socket."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _no_mistake(record: logging.LogRecord) -> bool:
    """Return whether a record of uvicorn's says something: it takes a refused upgrade for a mistake (0.54)."""
    return record.getMessage() != "ASGI callable returned without completing handshake."


async def serve(settings: Settings, limits: tuple[Limit, ...], host: str) -> None:
    """Serve until the process is drained, by /drain or by a signal."""
    logging.getLogger("uvicorn.error").addFilter(_no_mistake)
    metrics, stopped = Metrics(), asyncio.Event()

    def ended(usage: Usage) -> None:
        metrics.used(usage)
        print(
            json.dumps({"event": "usage", **asdict(usage.caller), "seconds": usage.seconds, "tokens": usage.tokens}), flush=True
        )

    sessions = Sessions(settings.max_sessions, ended)
    metrics.registry.register(State(sessions, limits))
    servers = (
        _server(calls_app(sessions, metrics), host, settings.port),
        _server(probes_app(sessions, metrics, settings.drain_seconds, stopped.set), host, settings.probe_port),
    )

    async def drain() -> None:
        await sessions.drain(settings.drain_seconds)
        stopped.set()

    draining: set[asyncio.Task[None]] = set()
    for number in (signal.SIGTERM, signal.SIGINT):
        # A task that nothing holds may be collected before it is done.
        asyncio.get_running_loop().add_signal_handler(number, lambda: draining.add(asyncio.create_task(drain())))
    async with asyncio.TaskGroup() as group:
        for server in servers:
            group.create_task(server.serve())
        await stopped.wait()
        for server in servers:
            server.should_exit = True


def _server(app: FastAPI, host: str, port: int) -> uvicorn.Server:
    return _Server(uvicorn.Config(app, host=host, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=5))
