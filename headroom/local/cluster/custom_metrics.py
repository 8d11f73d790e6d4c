"""The custom-metrics API for one pods metric, served by this process to the cluster's real HPA controller."""

import base64
import json
import math
import ssl
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from headroom.local.cluster.pki import Pair, issue, new_authority, write_private
from headroom.local.errors import ToolFailed
from headroom.local.kubernetes.client import Api, Object, Refused, connect

_GROUP_VERSION = "custom.metrics.k8s.io/v1beta2"
_API = f"/apis/{_GROUP_VERSION}"
_NAMESPACE, _SERVICE = "kube-system", "headroom-custom-metrics"
_SERVICE_PATH = f"/api/v1/namespaces/{_NAMESPACE}/services/{_SERVICE}"
_APISERVICE = "v1beta2.custom.metrics.k8s.io"
_APISERVICE_PATH = f"/apis/apiregistration.k8s.io/v1/apiservices/{_APISERVICE}"
_AVAILABLE_WITHIN_S = 30.0
_POLL_S = 0.1

_Key = tuple[str, frozenset[tuple[str, str]]]


@dataclass(frozen=True)
class MetricHandle:
    """The load that the metric reports; safe to set while the controller reads."""

    metric: str
    _loads: dict[_Key, float] = field(default_factory=dict)

    def set(self, namespace: str, labels: Mapping[str, str] | Literal["*"], total_load: float) -> None:
        """Spread ``total_load`` evenly over the ready pods that an HPA asks for in ``namespace``.

        It applies where the HPA's pods are selected by at least ``labels`` ("*": any). Without a load the metric has no
        value, and an HPA keeps its replicas. Raises ValueError for a load that is negative or not finite.
        """
        if not (math.isfinite(total_load) and total_load >= 0):
            raise ValueError(f"total_load of {namespace} is {total_load}: it must be finite and at least 0")
        self._loads[namespace, frozenset(() if labels == "*" else labels.items())] = total_load

    def load(self, namespace: str, selector: str) -> float | None:
        """Return the load of the pods of ``selector``: of the entries that apply the one with the most labels."""
        terms = (term.replace("==", "=").partition("=") for term in selector.split(","))
        selected = {(key.strip(), value.strip()) for key, _, value in terms}
        matching = [
            (len(labels), load)
            for (place, labels), load in self._loads.copy().items()
            if place == namespace and labels <= selected
        ]
        return max(matching)[1] if matching else None


@contextmanager
def served_metric(kubeconfig: Path, metric: str) -> Iterator[MetricHandle]:
    """Serve the pods metric ``metric`` to the cluster for the block, over HTTPS verified on both sides.

    Only one at a time can be served in a cluster: a later one takes the place of an earlier one. Raises ToolFailed where
    the API server does not accept it within 30 s.
    """
    api = connect(kubeconfig)
    authority = new_authority("headroom-custom-metrics")
    pair = issue(authority, _SERVICE, serves=(f"{_SERVICE}.{_NAMESPACE}.svc", "localhost"))
    handle = MetricHandle(metric)
    server = _Server(("127.0.0.1", 0), _handler(api, handle))
    # The handshake belongs to the thread of its connection: a client that says nothing must not hold up the others.
    server.socket = _trust(api, pair).wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": _POLL_S}, daemon=True)
    thread.start()
    try:
        _register(api, server.server_port, authority.pem)
        yield handle
    finally:
        # First: while the group is registered and unanswered, no namespace can be deleted.
        api.delete(_APISERVICE_PATH)
        api.delete(_SERVICE_PATH)
        server.shutdown()
        thread.join()
        server.server_close()


def _trust(api: Api, pair: Pair) -> ssl.SSLContext:
    """Return a context that shows ``pair`` and lets in only the API server's aggregator."""
    published = api.get("/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication")
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.verify_mode = ssl.CERT_REQUIRED
    trust.load_verify_locations(cadata=published["data"]["requestheader-client-ca-file"])
    with tempfile.TemporaryDirectory() as folder:
        certificate = Path(folder, "certificate-and-key.pem")
        write_private(certificate, pair.certificate + pair.key)
        trust.load_cert_chain(certificate)
    return trust


def _register(api: Api, port: int, authority: bytes) -> None:
    service: Object = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": _SERVICE, "namespace": _NAMESPACE},
        # Endpoints must not be loopback addresses; the name of one may.
        "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]},
    }
    group, version = _GROUP_VERSION.split("/")
    registration: Object = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": _APISERVICE},
        "spec": {
            "group": group,
            "version": version,
            "groupPriorityMinimum": 100,
            "versionPriority": 200,
            "caBundle": base64.b64encode(authority).decode(),
            "service": {"name": _SERVICE, "namespace": _NAMESPACE, "port": port},
        },
    }
    # One that was left behind would count as available until it is asked the next time.
    api.delete(_APISERVICE_PATH)
    api.delete(_SERVICE_PATH)
    api.apply(_SERVICE_PATH, service)
    api.apply(_APISERVICE_PATH, registration)
    deadline = time.monotonic() + _AVAILABLE_WITHIN_S
    while (condition := _available(api)).get("status") != "True":
        if time.monotonic() > deadline:
            raise ToolFailed(
                f"the API server did not accept the custom-metrics API within {_AVAILABLE_WITHIN_S:.0f} s",
                str(condition.get("message", "it has not asked it yet")),
                "See kube-apiserver.log beside the kubeconfig.",
            )
        time.sleep(_POLL_S)


def _available(api: Api) -> Object:
    conditions = api.get(_APISERVICE_PATH).get("status", {}).get("conditions", [])
    return next((condition for condition in conditions if condition["type"] == "Available"), {})


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that broke or were refused: the API server's log has them."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def _handler(api: Api, handle: MetricHandle) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            try:
                code, answer = _answer(api, handle, self.path)
            except (Refused, ToolFailed) as error:
                code = HTTPStatus.INTERNAL_SERVER_ERROR
                answer = _failure(code, "InternalError", str(error))
            body = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: the controller asks every second."""

    return Handler


def _answer(api: Api, handle: MetricHandle, target: str) -> tuple[HTTPStatus, Object]:
    url = urlsplit(target)
    # Unquoted, because the controller asks for all pods with the star percent-encoded.
    match unquote(url.path).removeprefix(_API).split("/"):
        case [""]:
            return HTTPStatus.OK, _discovery(handle.metric)
        case ["", "namespaces", namespace, "pods", "*", handle.metric]:
            selector = parse_qs(url.query).get("labelSelector", [""])[0]
            return HTTPStatus.OK, _values(api, handle, namespace, selector)
    message = f"{url.path} is not served here; the only metric is pods/{handle.metric}"
    return HTTPStatus.NOT_FOUND, _failure(HTTPStatus.NOT_FOUND, "NotFound", message)


def _failure(code: HTTPStatus, reason: str, message: str) -> Object:
    status = {"apiVersion": "v1", "kind": "Status", "status": "Failure"}
    return {**status, "code": code, "reason": reason, "message": message}


def _discovery(metric: str) -> Object:
    resource = {
        "name": f"pods/{metric}",
        "singularName": "",
        "namespaced": True,
        "kind": "MetricValueList",
        "verbs": ["get"],
    }
    return {
        "apiVersion": "v1",
        "kind": "APIResourceList",
        "groupVersion": _GROUP_VERSION,
        "resources": [resource],
    }


def _values(api: Api, handle: MetricHandle, namespace: str, selector: str) -> Object:
    load = handle.load(namespace, selector)
    pods = [] if load is None else _ready_pods(api, namespace, selector)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    items = [
        {
            "describedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": pod},
            "metric": {"name": handle.metric},
            "timestamp": now,
            "windowSeconds": 1,
            "value": f"{round((load or 0.0) / len(pods) * 1000)}m",
        }
        for pod in pods
    ]
    return {"apiVersion": _GROUP_VERSION, "kind": "MetricValueList", "metadata": {}, "items": items}


def _ready_pods(api: Api, namespace: str, selector: str) -> list[str]:
    items = api.get(f"/api/v1/namespaces/{namespace}/pods", labelSelector=selector)["items"]
    return [
        pod["metadata"]["name"]
        for pod in items
        if "deletionTimestamp" not in pod["metadata"]
        and any(
            condition["type"] == "Ready" and condition["status"] == "True" for condition in pod["status"].get("conditions", [])
        )
    ]
