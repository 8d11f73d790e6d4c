"""What is sent to a Prometheus server, and what is said when it fails; the real one is in tests/calibrate_long."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs

import pytest

from headroom.calibrate.errors import PrometheusFailed
from headroom.calibrate.prometheus import Server, Span, query_usage
from headroom.calibrate.queries import Queries, filled, read_queries
from headroom.located import BadInput

NOTHING = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": []}})
Seen = list[tuple[str | None, dict[str, list[str]]]]


@contextmanager
def server(status: int, body: str, location: str = "") -> Iterator[tuple[str, Seen]]:
    """Yield the address of a server that always answers alike, and what it was asked."""
    seen: Seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer(form)

        def do_GET(self) -> None:
            self._answer("")

        def _answer(self, form: str) -> None:
            seen.append((self.headers.get("Authorization"), parse_qs(form)))
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the parent's name
            """Say nothing."""

    http = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}", seen
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def ask(url: str, token: str | None = None, end: int = 600) -> None:
    """Ask for one vertical."""
    query_usage(Server(url, token), Queries(), ["sales"], Span(300, end, 300), lambda _: None)


def test_every_quantity_is_asked_for_in_parts_with_the_token() -> None:
    """Three thousand steps are three queries a quantity; each carries the bearer token."""
    with server(200, NOTHING) as (url, seen), pytest.raises(BadInput, match="knows no session of sales"):
        ask(url, "s3cret", 300 * 3000)
    assert len(seen) == 3 * len(Queries.model_fields)
    assert {token for token, _ in seen} == {"Bearer s3cret"}
    asked = [(form["start"][0], form["end"][0]) for _, form in seen if form["query"][0].startswith("max by (pod) (active")]
    assert asked[:3] == [("300", "300000"), ("300300", "600000"), ("600300", "900000")]


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (400, '{"status": "error", "error": "no such function"}', "400, no such function"),
        (401, "go away", "401 Unauthorized"),
        (200, "<html>", "did not answer as a Prometheus does"),
        (200, '{"data": {}}', "did not answer as a Prometheus does"),
        (200, '{"data": {"resultType": "vector", "result": []}}', "with a matrix"),
    ],
)
def test_a_failing_server_is_named_without_the_token(status: int, body: str, message: str) -> None:
    """The error says which server and why, and nothing of the token."""
    with server(status, body) as (url, _), pytest.raises(PrometheusFailed, match=message) as failed:
        ask(url, "s3cret")
    assert url in str(failed.value)
    assert "s3cret" not in str(failed.value)


def test_a_server_that_is_not_there_is_an_error_of_a_tool() -> None:
    """A refused connection has one clean message."""
    with server(200, NOTHING) as (url, _):
        pass
    with pytest.raises(PrometheusFailed, match="did not answer"):
        ask(url)


def test_a_redirect_does_not_get_the_token() -> None:
    """Who the server points to is not who the token was given for."""
    with server(200, NOTHING) as (other, seen), server(302, "", f"{other}/") as (url, first), pytest.raises(BadInput):
        ask(url, "s3cret")
    assert {token for token, _ in first} == {"Bearer s3cret"}
    assert {token for token, _ in seen} == {None}


@pytest.mark.parametrize(
    ("url", "token", "message"),
    [
        ("prometheus:9090", None, "expected a URL"),
        ("http://user:pass@host", None, "credentials do not belong"),
        ("http://metrics.example", "s3cret", "over https only"),
    ],
)
def test_an_address_that_would_leak_or_fail_is_refused(url: str, token: str | None, message: str) -> None:
    """A URL without a scheme, with credentials, or without encryption for a token."""
    with pytest.raises(BadInput, match=message) as refused:
        Server(url, token)
    assert not any(secret in str(refused.value) for secret in ("s3cret", "user:pass"))


def test_queries_are_replaced_one_by_one(tmp_path: Path) -> None:
    """What a file does not name stays the default; a misspelt name is an error with its line."""
    file = tmp_path / "queries.yaml"
    file.write_text('sessions: sum by (pod) (calls{ns="$vertical"})\n')
    queries = read_queries(file)
    assert filled(queries.sessions, "sales", 300) == 'sum by (pod) (calls{ns="sales"})'
    assert queries.memory_bytes == Queries().memory_bytes
    assert read_queries(None) == Queries()
    file.write_text("memory: up\n")
    with pytest.raises(BadInput, match=r"queries.yaml:1: memory: unknown key; did you mean 'memory_bytes'"):
        read_queries(file)
