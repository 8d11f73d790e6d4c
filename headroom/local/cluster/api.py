"""A small client of the API server: plain HTTPS and JSON; the server is verified, proxies are not used."""

import base64
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import yaml

from headroom.local.errors import ToolFailed

Object = dict[str, Any]
FIELD_MANAGER = "headroom-cluster"

_TIMEOUT_S = 30.0


class Refused(Exception):
    """The API server said no; the text is its own message."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class Api:
    """An API server and a token for it."""

    server: str
    trust: ssl.SSLContext
    token: str

    def get(self, path: str, **query: str) -> Object:
        """Return the object or list at ``path``."""
        return self.call("GET", path, query=query)

    def apply(self, path: str, body: Object) -> Object:
        """Make the object at ``path`` have what ``body`` says (server-side apply, fields of others untouched)."""
        query = {"fieldManager": FIELD_MANAGER, "force": "true", "fieldValidation": "Strict"}
        return self.call("PATCH", path, body, query=query, content_type="application/apply-patch+yaml")

    def delete(self, path: str, **query: str) -> None:
        """Delete what is at ``path``, if it is there."""
        try:
            self.call("DELETE", path, query=query)
        except Refused as refusal:
            if refusal.code != HTTPStatus.NOT_FOUND:
                raise

    def call(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Object:
        """Return the API server's answer.

        Raises Refused with the server's own message, ToolFailed where the server cannot be reached.
        """
        url = urlsplit(self.server)
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/json",
            "Content-Type": content_type,
        }
        target = f"{path}?{urlencode(query)}" if query else path
        connection = HTTPSConnection(url.hostname or "", url.port, timeout=_TIMEOUT_S, context=self.trust)
        try:
            connection.request(method, target, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            code, text = response.status, response.read()
        except (OSError, HTTPException) as error:
            raise ToolFailed(
                f"no answer from the API server at {self.server}", str(error), "See `make cluster-status`."
            ) from error
        finally:
            connection.close()
        return _answer(code, text)


def connect(kubeconfig: Path) -> Api:
    """Return a client for a kubeconfig that ``up`` wrote: an embedded authority and a token."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    return Api(cluster["server"], ssl.create_default_context(cadata=authority), user["token"])


def _answer(code: int, text: bytes) -> Object:
    try:
        answer: Object = json.loads(text)
    except ValueError:
        answer = {"message": text.decode(errors="replace")}
    if code >= HTTPStatus.BAD_REQUEST:
        raise Refused(code, str(answer.get("reason", "")), str(answer.get("message", f"HTTP status {code}")))
    return answer
