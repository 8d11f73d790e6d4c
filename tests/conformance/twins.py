"""The reference agent with one promise broken: `python -m tests.conformance.twins NAME`, with the environment of a pod.

Every twin differs from the agent by one part of it that is replaced.
"""

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fastapi import FastAPI, Response, WebSocket
from fastapi.responses import PlainTextResponse
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from examples.agent import __main__ as agent
from examples.agent import metrics, serving
from examples.agent.calls import calls_app
from examples.agent.limits import Limit
from examples.agent.probes import probes_app
from examples.agent.sessions import Caller, Session, Sessions, Usage

Family = GaugeMetricFamily | CounterMetricFamily


def gauge_never_falls() -> None:
    """The gauge shows the most that there ever were."""

    class Stuck(metrics.State):
        most = 0.0

        def collect(self) -> Iterator[Family]:
            for family in super().collect():
                if family.name == "voice_active_sessions":
                    self.most = max(self.most, family.samples[0].value)
                    yield GaugeMetricFamily(family.name, family.documentation, self.most)
                else:
                    yield family

    vars(serving).update(State=Stuck)


def refuses_nothing() -> None:
    """Whoever calls gets in."""

    class Boundless(Sessions):
        def begin(self, caller: Caller) -> Session:
            said, self.capacity = self.capacity, sys.maxsize
            try:
                return super().begin(caller)
            finally:
                self.capacity = said

    vars(serving).update(Sessions=Boundless)


def ready_while_draining() -> None:
    """/readyz answers 200 whatever happens."""
    _readiness(lambda _: 200)


def drain_cuts_calls() -> None:
    """/drain ends the server, and with it the calls."""
    _drain(waits=False, ends=True)


def usage_emitted_twice() -> None:
    """Once where the socket closes, once more where the place is given back."""

    class Twice(Sessions):
        def __init__(self, capacity: int, ended: Callable[[Usage], None]) -> None:
            def twice(usage: Usage) -> None:
                ended(usage)
                ended(usage)

            super().__init__(capacity, twice)

    vars(serving).update(Sessions=Twice)


def no_limits_check() -> None:
    """It starts with what it is given."""
    vars(agent).update(read_limits=lambda _: ())


def limits_only_shown() -> None:
    """It says what it found, and starts all the same."""

    def nothing_short(_: Sequence[Limit]) -> Iterator[str]:
        return iter(())

    vars(agent).update(shortfalls=nothing_short)


def never_ready() -> None:
    """/readyz answers 503 from the start."""
    _readiness(lambda _: 503)


def unready_when_full() -> None:
    """/readyz answers 503 while the pod is full."""
    _readiness(lambda sessions: 503 if sessions.draining or sessions.active() >= sessions.capacity else 200)


def another_name() -> None:
    """A counter is called otherwise."""
    _without("voice_full")


def tenants_unknown() -> None:
    """Sessions of tenants stand under no tenant."""

    class Nobody(metrics.State):
        def collect(self) -> Iterator[Family]:
            for family in super().collect():
                nobody = family.name == "voice_tenant_sessions"
                yield GaugeMetricFamily(family.name, family.documentation, 0) if nobody else family

    vars(serving).update(State=Nobody)


def one_process_answers() -> None:
    """Two processes share the port of probes, and one of them has no call."""

    class Half(metrics.State):
        asked = 0

        def collect(self) -> Iterator[Family]:
            self.asked += 1
            for family in super().collect():
                idle = family.name == "voice_active_sessions" and self.asked % 2
                yield GaugeMetricFamily(family.name, family.documentation, 0) if idle else family

    vars(serving).update(State=Half)


def refused_are_not_offered() -> None:
    """Only calls that got in are counted as offered."""

    class Admitted(Sessions):
        def begin(self, caller: Caller) -> Session:
            before = self.offered
            session = None
            try:
                session = super().begin(caller)
            finally:
                self.offered = before + (session is not None)
            return session

    vars(serving).update(Sessions=Admitted)


def seconds_at_the_end() -> None:
    """The seconds of a call are counted when it ends."""

    class Late(Sessions):
        def seconds(self) -> dict[tuple[str, str], float]:
            return {key: self._past_seconds[key] for key in super().seconds()}

    vars(serving).update(Sessions=Late)


def no_latencies() -> None:
    """No answer is observed."""

    class Blind(metrics.Metrics):
        def __init__(self) -> None:
            super().__init__()
            vars(self.first_audio).update(observe=lambda *_: None)

    vars(serving).update(Metrics=Blind)


def admits_fewer() -> None:
    """One place fewer than it says."""

    class Fewer(Sessions):
        def begin(self, caller: Caller) -> Session:
            said = self.capacity
            self.capacity -= 1
            try:
                return super().begin(caller)
            finally:
                self.capacity = said

    vars(serving).update(Sessions=Fewer)


def refuses_by_403() -> None:
    """A full pod closes a socket before it was accepted: ASGI makes a bare 403 of it."""
    properly = WebSocket.send_denial_response

    async def bare(socket: WebSocket, response: Response) -> None:
        await (socket.close() if b"capacity" in response.body else properly(socket, response))

    WebSocket.send_denial_response = bare  # type: ignore[method-assign,assignment]


def refuses_by_1013() -> None:
    """It accepts the socket and closes it: the other way that the contract allows."""

    async def polite(socket: WebSocket, _: Response) -> None:
        await socket.accept()
        await socket.send_json({"type": "refused"})
        await socket.close(1013)

    WebSocket.send_denial_response = polite  # type: ignore[method-assign,assignment]


def refusals_not_counted() -> None:
    """Refused, and nobody hears of it."""

    class Silent(Sessions):
        def _refused(self, reason: str) -> Any:
            refused = super()._refused(reason)
            if reason == "capacity":
                self.rejected[reason] -= 1
            return refused

    vars(serving).update(Sessions=Silent)


def full_for_ever() -> None:
    """Once it was full it admits nobody."""

    class Full(Sessions):
        def begin(self, caller: Caller) -> Session:
            if self.full:
                self.offered += 1
                raise self._refused("capacity")
            return super().begin(caller)

    vars(serving).update(Sessions=Full)


def admits_while_draining() -> None:
    """It drains, and takes calls."""

    class Open(Sessions):
        def begin(self, caller: Caller) -> Session:
            drains, self.draining = self.draining, False
            try:
                return super().begin(caller)
            finally:
                self.draining = drains

    vars(serving).update(Sessions=Open)


def drain_answers_at_once() -> None:
    """/drain only sets a flag; a task beside it waits for the calls and ends the process."""

    def hasty(sessions: Sessions, counted: metrics.Metrics, drain_seconds: float, stop: Callable[[], None]) -> FastAPI:
        app = FastAPI()

        @app.get("/drain")
        async def drain() -> Response:
            sessions.draining = True
            waiting = asyncio.create_task(sessions.drain(drain_seconds))
            waiting.add_done_callback(lambda _: stop())
            return PlainTextResponse("draining")

        app.mount("/", probes_app(sessions, counted, drain_seconds, stop))
        return app

    vars(serving).update(probes_app=hasty)


def never_ends() -> None:
    """It is drained, and stays."""
    _drain(waits=True, ends=False)


def one_port() -> None:
    """Probes are answered on the port of the calls."""
    shared: list[FastAPI] = []

    def probes_too(*arguments: Any) -> FastAPI:
        shared[0].mount("/", app := probes_app(*arguments))
        return app

    def calls_first(*arguments: Any) -> FastAPI:
        shared.append(calls_app(*arguments))
        return shared[0]

    vars(serving).update(calls_app=calls_first, probes_app=probes_too)


TWINS: dict[Callable[[], None], str | None] = {
    gauge_never_falls: "sessions-fall-when-calls-end",
    refuses_nothing: "refuses-beyond-capacity",
    ready_while_draining: "drain-ends-readiness",
    drain_cuts_calls: "drain-keeps-running-calls",
    usage_emitted_twice: "usage-emitted-once",
    no_limits_check: "limits-checked",
    limits_only_shown: "refuses-to-start-below-plan",
    never_ready: "ready-at-the-start",
    unready_when_full: "ready-at-capacity",
    another_name: "metrics-by-name",
    tenants_unknown: "sessions-counted",
    refused_are_not_offered: "calls-offered-counted",
    seconds_at_the_end: "seconds-counted-as-they-pass",
    no_latencies: "latencies-measured",
    admits_fewer: "admits-its-capacity",
    refuses_by_403: "refuses-beyond-capacity",
    refusals_not_counted: "refusals-counted",
    full_for_ever: "room-again",
    admits_while_draining: "drain-refuses-new-calls",
    drain_answers_at_once: "drain-waits-for-the-last-call",
    never_ends: "drain-ends-the-process",
    one_port: "probes-on-a-port-apart",
    one_process_answers: "sessions-counted",
    refuses_by_1013: None,
}
"""Each with the rule that it breaks; the first six are those of the issue, and the last breaks none."""


def _readiness(answers: Callable[[Sessions], int]) -> None:

    def other(sessions: Sessions, *arguments: Any) -> FastAPI:
        app = FastAPI()

        @app.get("/readyz")
        async def ready() -> Response:
            return PlainTextResponse("", answers(sessions))

        app.mount("/", probes_app(sessions, *arguments))
        return app

    vars(serving).update(probes_app=other)


def _drain(*, waits: bool, ends: bool) -> None:

    def other(sessions: Sessions, counted: metrics.Metrics, drain_seconds: float, stop: Callable[[], None]) -> FastAPI:
        return probes_app(sessions, counted, drain_seconds if waits else 0.0, stop if ends else lambda: None)

    vars(serving).update(probes_app=other)


def _without(name: str) -> None:
    class Other(metrics.State):
        def collect(self) -> Iterator[Family]:
            return (family for family in super().collect() if family.name != name)

    vars(serving).update(State=Other)


def main() -> int:
    """Run the twin that the first argument names, as the agent runs."""
    name = sys.argv.pop(1)
    next(twin for twin in TWINS if twin.__name__ == name)()
    return agent.main()


if __name__ == "__main__":
    sys.exit(main())
