"""The port of the calls: one WebSocket a call, at /."""

import time

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers

from .metrics import Metrics
from .model import answer
from .sessions import Caller, Refused, Session, Sessions

RETRY_AFTER_SECONDS = 5


def calls_app(sessions: Sessions, metrics: Metrics) -> FastAPI:
    """Return the application that callers reach, by the edge."""
    app = FastAPI(openapi_url=None)

    @app.websocket("/")
    async def call(socket: WebSocket) -> None:
        caller = _caller(socket.headers)
        if caller is None:
            await socket.send_denial_response(JSONResponse({"error": "headroom-call and headroom-tenant are missing"}, 400))
            return
        try:
            session = sessions.begin(caller)
        except Refused as refused:
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            await socket.send_denial_response(JSONResponse({"error": refused.reason}, 503, headers))
            return
        try:
            await socket.accept()
            await _converse(socket, session, metrics)
        except WebSocketDisconnect:
            pass  # callers hang up
        finally:
            sessions.end(session)

    return app


def _caller(headers: Headers) -> Caller | None:
    call, tenant = headers.get("headroom-call"), headers.get("headroom-tenant")
    return Caller(call, tenant, headers.get("headroom-plan", "none")) if call and tenant else None


async def _converse(socket: WebSocket, session: Session, metrics: Metrics) -> None:
    """Take sound as binary messages; a text message is the end of the caller's words, and is answered."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        if message.get("text") is None:
            continue
        asked = time.monotonic()
        before = session.tokens
        async for token in answer():
            session.tokens += 1
            await socket.send_json({"type": "token", "text": token.text})
            if session.tokens == before + 1:
                metrics.first_token.observe(time.monotonic() - asked)
            await socket.send_bytes(token.audio)
            if session.tokens == before + 1:
                metrics.first_audio.observe(time.monotonic() - asked)
        await socket.send_json({"type": "done", "tokens": session.tokens - before})
