"""The port of probes, drain and metrics: it answers when the calls' port is full."""

from collections.abc import Callable

from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.background import BackgroundTask

from .metrics import Metrics
from .sessions import Sessions


def probes_app(sessions: Sessions, metrics: Metrics, drain_seconds: float, stop: Callable[[], None]) -> FastAPI:
    """Return the application that kubelet and Prometheus ask; `stop` ends the process."""
    app = FastAPI(openapi_url=None)

    @app.get("/livez")
    async def alive() -> Response:
        return PlainTextResponse("alive")

    @app.get("/readyz")
    async def ready() -> Response:
        # A full process stays ready: one that is not would fall out of the alert's utilisation, which is of ready pods.
        return PlainTextResponse("draining", 503) if sessions.draining else PlainTextResponse("ready")

    @app.get("/drain")
    async def drain() -> Response:
        left = await sessions.drain(drain_seconds)
        return PlainTextResponse(f"{left} calls left", background=BackgroundTask(stop))

    @app.get("/metrics")
    async def metrics_text() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return app
