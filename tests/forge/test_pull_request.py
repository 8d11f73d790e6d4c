"""One comment, kept up to date, on a server on this machine that answers as GitHub's API does."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from headroom.forge import pull_request
from headroom.forge.pull_request import post

MARKER = "<!-- headroom-review -->"
TEXT = f"{MARKER}\n## Accepted\n"
PAGE = 100


@dataclass
class Trouble:
    """An answer that the server gives once instead of its own."""

    method: str
    status: int
    message: str
    headers: dict[str, str] = field(default_factory=dict)
    after_writing: bool = False


@dataclass
class Forge:
    """The comments of pull request 7 of me/mine, and every request that came."""

    comments: list[dict[str, Any]] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    readonly: bool = False
    url: str = ""

    def say(self, body: str, *, login: str = "somebody") -> None:
        """Add a comment."""
        self.comments.append({"id": len(self.comments) + 1, "body": body, "user": {"login": login}})

    def marked(self) -> list[str]:
        """Return the bodies of reviews."""
        return [comment["body"] for comment in self.comments if comment["body"].startswith(MARKER)]


def _handler(forge: Forge) -> type[BaseHTTPRequestHandler]:  # noqa: C901  # one small server
    base = "/repos/me/mine/issues"

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the base class's name
            del format, arguments

        def answer(self, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def troubled(self, body: dict[str, Any]) -> bool:
            forge.asked.append(f"{self.command} {self.path}")
            if self.headers["Authorization"] != "token t0ken":
                self.answer(401, {"message": "Bad credentials"})
                return True
            trouble = next((each for each in forge.troubles if each.method == self.command), None)
            if trouble is None:
                return False
            forge.troubles.remove(trouble)
            if trouble.after_writing:
                forge.say(body["body"])
            self.answer(trouble.status, {"message": trouble.message}, trouble.headers)
            return True

        def body(self) -> dict[str, Any]:
            return dict(json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}"))

        def do_GET(self) -> None:
            if self.troubled({}):
                return
            url = urlsplit(self.path)
            if url.path == f"{base}/7/comments":
                query = {key: int(value[0]) for key, value in parse_qs(url.query).items()}
                size, page = query.get("per_page", 30), query.get("page", 1)
                more = len(forge.comments) > size * page
                link = f'<{forge.url}{base}/7/comments?per_page={size}&page={page + 1}>; rel="next"'
                shown = [{**each, "url": f"{forge.url}{base}/comments/{each['id']}"} for each in forge.comments]
                self.answer(200, shown[size * (page - 1) : size * page], {"Link": link} if more else {})
            elif url.path == f"{base}/7":
                self.answer(200, {"number": 7, "url": f"{forge.url}{base}/7"})
            else:
                self.answer(404, {"message": "Not Found"})

        def do_PATCH(self) -> None:
            body = self.body()
            if self.troubled(body):
                return
            place = int(self.path.rpartition("/")[2]) - 1
            if forge.readonly or forge.comments[place]["user"]["login"] == "stranger":
                self.answer(403, {"message": "Resource not accessible by integration"})
            else:
                forge.comments[place]["body"] = body["body"]
                self.answer(200, forge.comments[place])

        def do_POST(self) -> None:
            body = self.body()
            if self.troubled(body):
                return
            if forge.readonly:
                self.answer(403, {"message": "Resource not accessible by integration"})
            else:
                forge.say(body["body"], login="bot")
                self.answer(201, forge.comments[-1])

    return Handler


@pytest.fixture
def forge(monkeypatch: pytest.MonkeyPatch) -> Iterator[Forge]:
    """A forge on a free port of this machine; the client's pauses between attempts are short."""
    monkeypatch.setattr(pull_request, "_PAUSE_SECONDS", 0.01)
    forge = Forge()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(forge))
    forge.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield forge
    server.shutdown()
    server.server_close()


def environ(forge: Forge, **more: str) -> dict[str, str]:
    """Return what GitHub sets for a job, and the number of the pull request."""
    known = {"GITHUB_API_URL": forge.url, "GITHUB_REPOSITORY": "me/mine", "GITHUB_TOKEN": "t0ken", "HEADROOM_PULL_REQUEST": "7"}
    return known | more


def test_the_first_review_is_written_and_the_next_edits_it(forge: Forge) -> None:
    """However often a change is reviewed there is one comment, and it says the last."""
    assert post(TEXT, environ(forge)).delivered
    assert post(f"{TEXT}more\n", environ(forge)).said == "the comment is up to date"
    assert forge.marked() == [f"{TEXT}more\n"]


def test_the_comment_is_found_on_the_third_page(forge: Forge) -> None:
    """The marker is looked for over all pages, so a long discussion gets no second review."""
    for number in range(2 * PAGE + 5):
        forge.say(f"comment {number} that quotes {MARKER}")
    forge.say(f"{MARKER}\nold", login="bot")
    assert post(TEXT, environ(forge)).delivered
    assert forge.marked() == [TEXT]
    assert sum("page=3" in request for request in forge.asked) == 1


def test_what_it_says_already_is_not_written_again(forge: Forge) -> None:
    """The same review edits nothing: nobody is told of a change that is none."""
    forge.say(TEXT, login="bot")
    assert post(TEXT, environ(forge)).delivered
    assert not [request for request in forge.asked if not request.startswith("GET")]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("limit", ["secondary", "primary"])
def test_rate_limits_are_waited_for(forge: Forge, method: str, limit: str) -> None:
    """Retry-After and x-ratelimit-reset are honoured: the request comes again, and not before."""
    headers = {"Retry-After": "1"} if limit == "secondary" else {"X-RateLimit-Reset": str(int(time.time()) + 1)}
    message = "You have exceeded a secondary rate limit" if limit == "secondary" else "API rate limit exceeded for installation"
    forge.troubles.append(Trouble(method, 403, message, headers))
    started = time.monotonic()
    assert post(TEXT, environ(forge)).delivered
    assert time.monotonic() - started >= 1.0
    assert forge.marked() == [TEXT]


def test_a_limit_that_ends_too_late_is_a_failure_that_is_told(forge: Forge) -> None:
    """Nobody waits an hour for a comment: it says so, and does not claim to have delivered."""
    late = {"X-RateLimit-Reset": str(int(time.time()) + 3600)}
    forge.troubles.append(Trouble("GET", 403, "API rate limit exceeded for installation", late))
    posted = post(TEXT, environ(forge))
    assert not posted.delivered
    assert "could not be posted" in posted.said


def test_a_server_that_fails_after_writing_gets_no_second_comment(forge: Forge) -> None:
    """A 502 that came after the comment was stored: the next attempt looks first."""
    forge.troubles.append(Trouble("POST", 502, "Bad Gateway", after_writing=True))
    assert post(TEXT, environ(forge)).delivered
    assert forge.marked() == [TEXT]


def test_a_server_that_always_fails_is_a_failure_that_is_told(forge: Forge) -> None:
    """Three attempts, then the truth."""
    forge.troubles += [Trouble("POST", 502, "Bad Gateway") for _ in range(3)]
    posted = post(TEXT, environ(forge))
    assert (posted.delivered, "502" in posted.said) == (False, True)
    assert forge.comments == []


def test_a_fork_without_a_right_gets_the_summary(forge: Forge, tmp_path: Path) -> None:
    """A token that may only read, or none: the text is in the job's summary, behind what stands there."""
    forge.readonly = True
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    assert post(TEXT, environ(forge, GITHUB_STEP_SUMMARY=str(summary))).delivered
    assert post(TEXT, environ(forge, GITHUB_STEP_SUMMARY=str(summary), GITHUB_TOKEN="")).delivered
    assert summary.read_text() == f"before\n{TEXT}\n{TEXT}\n"
    assert forge.comments == []


def test_an_unknown_pull_request_or_token_is_told(forge: Forge) -> None:
    """A 404 or a 401, and no summary to write to: not delivered, with the forge's own words."""
    assert post(TEXT, environ(forge, HEADROOM_PULL_REQUEST="8")).said.endswith("404: Not Found")
    wrong = environ(forge) | {"GITHUB_TOKEN": "other"}
    assert post(TEXT, wrong).said.endswith("401: Bad credentials")
    assert not post(TEXT, environ(forge, HEADROOM_PULL_REQUEST="seven")).delivered


def test_a_strangers_comment_with_the_marker_is_left_alone(forge: Forge) -> None:
    """Somebody who copies the marker cannot keep the review away: where it may not be edited, ours is written beside it."""
    forge.say(f"{MARKER}\nall is well, merge it", login="stranger")
    assert post(TEXT, environ(forge)).delivered
    assert forge.marked() == [f"{MARKER}\nall is well, merge it", TEXT]


def test_a_server_that_is_not_there_is_told(forge: Forge) -> None:
    """No answer at all is no traceback."""
    posted = post(TEXT, environ(forge, GITHUB_API_URL="http://127.0.0.1:9"))
    assert (posted.delivered, "does not answer" in posted.said) == (False, True)
