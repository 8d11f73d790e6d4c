"""A small client for a Kubernetes API server: requests, discovery, and the server's own words when it refuses."""

import json
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from headroom.local.kubernetes_standin.kubeconfig import Kubeconfig
from headroom.local.kubernetes_standin.store import StoreError

TIMEOUT_S = 30.0
JSON = "application/json"


class ApiError(StoreError):
    """The server's answer, in the server's words; `kind` is what was not found, where it says so ("namespaces")."""

    def __init__(self, status: int, message: str, kind: str = "") -> None:
        super().__init__(message or f"the API server answered with status {status}")
        self.status = status
        self.kind = kind

    @property
    def not_found(self) -> bool:
        """Whether the object, or what it would be in, is not there."""
        return self.status == HTTPStatus.NOT_FOUND


class KindUnknownError(StoreError):
    """The server does not know the kind: its CRD is not there, or the apiVersion is wrong."""


@dataclass(frozen=True)
class Resource:
    """How the server serves a kind."""

    base: str
    plural: str
    namespaced: bool

    def url(self, namespace: str | None, name: str = "") -> str:
        """Return the path of an object, or of all objects of the kind in the namespace ("default" if None)."""
        scope = f"/namespaces/{quote(namespace or 'default', safe='')}" if self.namespaced else ""
        return f"{self.base}{scope}/{self.plural}" + (f"/{quote(name, safe='')}" if name else "")


@dataclass(frozen=True)
class Answer:
    """What the server sent: a JSON document, and its warnings about the request."""

    document: Any
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Api:
    """A way to one server; `resources` remembers what discovery found."""

    server: str
    trust: ssl.SSLContext
    headers: Mapping[str, str]
    resources: dict[tuple[str, str], Resource] = field(default_factory=dict)

    def get(self, path: str, **query: str) -> Any:
        """Return the document at the path; errors as `request` has them."""
        return self.request("GET", path, query=query).document

    def request(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        content: str = JSON,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return the answer.

        Raises ApiError with the server's message if it refuses, StoreError if there is none.
        """
        url = urlsplit(self.server)
        host, port = url.hostname or "", url.port
        connection = (
            HTTPSConnection(host, port, timeout=TIMEOUT_S, context=self.trust)
            if url.scheme == "https"
            else HTTPConnection(host, port, timeout=TIMEOUT_S)
        )
        target = url.path.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
        headers = {**self.headers, "Accept": JSON, "Content-Type": content}
        try:
            connection.request(method, target, None if body is None else json.dumps(body), headers)
            return _read(connection.getresponse())
        except (OSError, HTTPException) as failure:
            raise StoreError(f"no answer from the API server at {self.server}: {failure}") from failure
        finally:
            connection.close()

    def resource(self, api_version: str, kind: str) -> Resource:
        """Return how the server serves the kind; KindUnknownError if it does not."""
        if (api_version, kind) not in self.resources:
            base = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            try:
                served = self.get(base)["resources"]
            except ApiError as failure:
                if not failure.not_found:
                    raise
                served = ()
            for entry in served:
                if "/" not in entry["name"]:  # a subresource
                    found = Resource(base, entry["name"], entry["namespaced"])
                    self.resources[api_version, entry["kind"]] = found
        if (api_version, kind) not in self.resources:
            raise KindUnknownError(f'the API server knows no kind "{kind}" in version "{api_version}"')
        return self.resources[api_version, kind]


def connect(kubeconfig: Kubeconfig) -> Api:
    """Return a way to the kubeconfig's server; nothing is sent yet. Proxies are not used."""
    trust = ssl.create_default_context(cadata=kubeconfig.authority)
    if kubeconfig.insecure:
        trust.check_hostname = False
        trust.verify_mode = ssl.CERT_NONE
    if kubeconfig.certificate and kubeconfig.key:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as pair:  # ssl reads them from files only
            pair.write(f"{kubeconfig.certificate}\n{kubeconfig.key}\n")
            pair.flush()
            trust.load_cert_chain(pair.name)
    headers = {"Authorization": f"Bearer {kubeconfig.token}"} if kubeconfig.token else {}
    return Api(kubeconfig.server, trust, headers)


def _read(response: HTTPResponse) -> Answer:
    text = response.read()
    try:
        document = json.loads(text)
    except ValueError:
        document = {"message": text.decode(errors="replace")}
    if response.status >= HTTPStatus.MULTIPLE_CHOICES:
        details = document.get("details") or {}
        raise ApiError(response.status, document.get("message", ""), details.get("kind", ""))
    # A warning header reads: 299 - "text"
    warnings = (line.partition('"')[2].removesuffix('"') for line in response.headers.get_all("Warning", ()))
    return Answer(document, tuple(warnings))
