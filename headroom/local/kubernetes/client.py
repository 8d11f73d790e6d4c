"""A small client of an API server: plain HTTP and JSON, discovery, and the server's own words when it refuses."""

import json
import ssl
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from headroom.local.errors import ToolFailed
from headroom.local.kubernetes.kubeconfig import Kubeconfig, read_kubeconfig

Object = dict[str, Any]
FIELD_MANAGER = "headroom-cluster"

_TIMEOUT_S = 30.0
_JSON = "application/json"


class Refused(Exception):
    """The API server said no; the text is its own message, `kind` what was not found, where it says so ("namespaces")."""

    def __init__(self, code: int, reason: str, message: str, kind: str = "") -> None:
        super().__init__(message or f"the API server answered with status {code}")
        self.code = code
        self.reason = reason
        self.kind = kind

    @property
    def not_found(self) -> bool:
        """Whether the object, or what it would be in, is not there."""
        return self.code == HTTPStatus.NOT_FOUND


class KindUnknown(Refused):
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
class Api:
    """A way to one server; every call raises as `call` does. `resources` remembers what discovery found."""

    server: str
    trust: ssl.SSLContext
    token: str | None = field(repr=False)
    resources: dict[tuple[str, str], Resource] = field(default_factory=dict)

    def get(self, path: str, **query: str) -> Object:
        """Return the object or list at the path."""
        return self.call("GET", path, query=query)

    def apply(
        self,
        path: str,
        body: object,
        *,
        manager: str = FIELD_MANAGER,
        dry_run: bool = False,
        warn: Callable[[str], None] | None = None,
    ) -> Object:
        """Make the object at the path have what the body says (server-side apply, fields of others untouched); return it."""
        query = {"fieldManager": manager, "force": "true", "fieldValidation": "Strict"} | ({"dryRun": "All"} if dry_run else {})
        return self.call("PATCH", path, body, query=query, content_type="application/apply-patch+yaml", warn=warn)

    def delete(self, path: str, **query: str) -> None:
        """Delete what is at the path, if it is there."""
        try:
            self.call("DELETE", path, query=query)
        except Refused as refusal:
            if not refusal.not_found:
                raise

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = _JSON,
        warn: Callable[[str], None] | None = None,
    ) -> Object:
        """Return the server's answer; `warn` gets its warnings about the request.

        Raises Refused with the server's own message, ToolFailed where there is no answer.
        """
        url = urlsplit(self.server)
        host, port = url.hostname or "", url.port
        connection = (
            HTTPSConnection(host, port, timeout=_TIMEOUT_S, context=self.trust)
            if url.scheme == "https"
            else HTTPConnection(host, port, timeout=_TIMEOUT_S)
        )
        target = url.path.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": _JSON, "Content-Type": content_type}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            # What is applied is read as YAML, which knows no escaped surrogates.
            sent = None if body is None else json.dumps(body, ensure_ascii=False).encode()
            connection.request(method, target, sent, headers)
            response = connection.getresponse()
            text = response.read()
        except (OSError, HTTPException) as error:
            what = f"no answer from the API server at {self.server}"
            raise ToolFailed(what, str(error), "See `make cluster-status`.") from error
        finally:
            connection.close()
        document = _document(response.status, text)
        if warn is not None:
            for line in response.headers.get_all("Warning", ()):
                warn(line.partition('"')[2].removesuffix('"'))  # it reads: 299 - "text"
        return document

    def resource(self, api_version: str, kind: str) -> Resource:
        """Return how the server serves the kind; KindUnknown if it does not."""
        if (api_version, kind) not in self.resources:
            base = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            try:
                served = self.get(base)["resources"]
            except Refused as refusal:
                if not refusal.not_found:
                    raise
                served = ()
            for entry in served:
                if "/" not in entry["name"]:  # a subresource
                    found = Resource(base, entry["name"], entry["namespaced"])
                    self.resources[api_version, entry["kind"]] = found
        if (api_version, kind) not in self.resources:
            message = f'the API server knows no kind "{kind}" in version "{api_version}"'
            raise KindUnknown(HTTPStatus.NOT_FOUND, "NotFound", message)
        return self.resources[api_version, kind]


def connect(kubeconfig: Path) -> Api:
    """Return a way to the server of the kubeconfig's current context; ValueError as `read_kubeconfig` has it."""
    return client(read_kubeconfig(kubeconfig))


def client(kubeconfig: Kubeconfig) -> Api:
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
    return Api(kubeconfig.server, trust, kubeconfig.token)


def _document(code: int, text: bytes) -> Object:
    try:
        document: Object = json.loads(text)
    except ValueError:
        document = {"message": text.decode(errors="replace")}
    if code >= HTTPStatus.MULTIPLE_CHOICES:
        kind = (document.get("details") or {}).get("kind", "")
        raise Refused(code, document.get("reason", ""), document.get("message", ""), kind)
    return document
