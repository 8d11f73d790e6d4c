"""Measured usage from a Prometheus server, by range queries."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import numpy as np

from headroom.calibrate.errors import PrometheusFailed
from headroom.calibrate.queries import Queries, filled
from headroom.calibrate.usage import Codes, Floats, PodUsage, Starts, Usage, VerticalUsage
from headroom.located import BadInput, Problem

_STEPS_A_QUERY = 1000
"""Prometheus refuses more than 11,000 points a series; smaller answers keep its memory and ours small."""
_TIMEOUT_S = 120
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_QUANTITIES = ("mean_sessions", "memory_bytes", "cpu_cores", "descriptors", "tokens_per_minute")


@dataclass(frozen=True)
class Server:
    """A Prometheus HTTP API: its address, and the bearer token that it wants."""

    url: str
    token: str | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            message = f"expected a URL such as http://127.0.0.1:9090, got {self.shown!r}"
            raise BadInput([Problem("--prometheus", None, "", message)])
        if parts.username is not None or parts.password is not None:
            raise BadInput([Problem("--prometheus", None, "", "credentials do not belong into a URL; give a token")])
        if self.token and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise BadInput([Problem("--prometheus", None, "", "a token is sent over https only, or to this machine")])

    @property
    def shown(self) -> str:
        """The address without what could be a credential."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")


@dataclass(frozen=True)
class Span:
    """The instants that are asked for: from one, by steps, to another, in seconds since 1970."""

    start: int
    end: int
    step: int


@dataclass(frozen=True)
class _Series:
    """The values of one pod, by the number of their step."""

    steps: Codes
    values: Floats


def query_usage(
    server: Server, queries: Queries, verticals: Collection[str], span: Span, progress: Callable[[str], None]
) -> Usage:
    """Return the usage of some verticals over a span; what a server knows nothing of stays out.

    Raises PrometheusFailed where it does not answer or refuses a query, BadInput where it knows no session of any vertical.
    """
    found = {}
    for vertical in sorted(verticals):
        progress(f"{vertical}: asking {server.shown}")
        asked = {
            name: _by_pod(server, filled(getattr(queries, name), vertical, span.step), span)
            for name in ("sessions", *_QUANTITIES, "startup_seconds")
        }
        if asked["sessions"]:
            found[vertical] = VerticalUsage(_rows(asked, span), _starts(asked["startup_seconds"], span))
    if not found:
        message = f"knows no session of {', '.join(sorted(verticals))} in that time; is the query for sessions right (--queries)?"
        raise BadInput([Problem(server.shown, None, "", message)])
    return Usage(server.shown, found)


def _rows(asked: Mapping[str, Mapping[str, _Series]], span: Span) -> PodUsage:
    sessions = asked["sessions"]
    numbers = np.concatenate([np.full(len(series.steps), number) for number, series in enumerate(sessions.values())])
    columns = {
        name: np.concatenate([_aligned(asked[name].get(pod), series.steps) for pod, series in sessions.items()])
        for name in _QUANTITIES
    }
    return PodUsage(
        pod=numbers.astype(np.int64),
        time=np.concatenate([span.start + series.steps * float(span.step) for series in sessions.values()]),
        sessions=np.concatenate([series.values for series in sessions.values()]),
        **columns,
    )


def _aligned(series: _Series | None, steps: Codes) -> Floats:
    values = np.full(len(steps), np.nan)
    if series is not None:
        places = np.minimum(np.searchsorted(series.steps, steps), len(series.steps) - 1)
        same = series.steps[places] == steps
        values[same] = series.values[places[same]]
    return values


def _starts(by_pod: Mapping[str, _Series], span: Span) -> Starts:
    # A pod that stops being ready and is ready again shows a later time: its first start is its least.
    first = np.array([span.start + float(series.steps[0]) * span.step for series in by_pod.values()])
    return Starts(first, np.array([series.values.min() for series in by_pod.values()]))


def _by_pod(server: Server, query: str, span: Span) -> dict[str, _Series]:
    steps: dict[str, list[int]] = {}
    values: dict[str, list[float]] = {}
    for start, end in _windows(span):
        for series in _range_query(server, query, start, end, span.step):
            pod = series["metric"].get("pod")
            if pod is None:
                message = f"the answer to {query} has a series without the label pod: aggregate by (pod)"
                raise PrometheusFailed(f"{server.shown}: {message}")
            for instant, text in series["values"]:
                if np.isfinite(value := float(text)):
                    steps.setdefault(pod, []).append(round((instant - span.start) / span.step))
                    values.setdefault(pod, []).append(value)
    return {pod: _Series(np.array(steps[pod], dtype=np.int64), np.array(values[pod])) for pod in sorted(steps)}


def _windows(span: Span) -> Iterator[tuple[int, int]]:
    width = span.step * _STEPS_A_QUERY
    for start in range(span.start, span.end + 1, width):
        yield start, min(span.end, start + width - span.step)


def _range_query(server: Server, query: str, start: int, end: int, step: int) -> list[dict[str, Any]]:
    form = urlencode({"query": query, "start": start, "end": end, "step": step}).encode()
    request = urllib.request.Request(f"{server.url.rstrip('/')}/api/v1/query_range", data=form)  # noqa: S310  # http or https only
    if server.token:
        request.add_unredirected_header("Authorization", f"Bearer {server.token}")  # another host must not get it
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310  # as above
            document = json.load(answer)
        series: list[dict[str, Any]] = document["data"]["result"]
    except urllib.error.HTTPError as refused:
        raise PrometheusFailed(f"{server.shown} refused {query}: {_reason(refused)}") from None
    except urllib.error.URLError as unreachable:
        raise PrometheusFailed(f"{server.shown} did not answer: {unreachable.reason}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PrometheusFailed(f"{server.shown} did not answer as a Prometheus does: {error}") from None
    if document["data"].get("resultType") != "matrix":
        raise PrometheusFailed(f"{server.shown} did not answer {query} with a matrix")
    return series


def _reason(refused: urllib.error.HTTPError) -> str:
    try:
        return f"{refused.code}, {json.load(refused)['error']}"
    except (ValueError, KeyError, TypeError):
        return f"{refused.code} {refused.reason}"
