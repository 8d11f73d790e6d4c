"""Whether the engine would deploy to the cluster and the account that an environment belongs to."""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from capacity.target import CloudflareTarget, Target
from headroom.located import Problem

STANDIN_CONTEXT = "HEADROOM_STANDIN_CONTEXT"
STANDIN_ACCOUNT = "HEADROOM_STANDIN_ACCOUNT"
"""Set where stand-ins take the place of a cluster and of Cloudflare: what those say that they are."""
CLOUDFLARE_API = "https://api.cloudflare.com/client/v4"
_PATIENCE_SECONDS = 15.0
_PORT = re.compile(r":\d+$")


class _Unanswered(Exception):
    """It cannot be said where a deploy would go; the text is the reason."""


def wrong_target(target: Target | None, shown: str, environ: Mapping[str, str]) -> tuple[Problem, ...]:
    """Return what in the environment variables leads elsewhere than the spec says, or cannot be told; empty where all is right.

    The kubeconfig's current context must be the spec's, and lead to the API server that the spec gives; Cloudflare must know the
    zone, by the name and in the account that the spec gives, to whoever CLOUDFLARE_API_TOKEN is. `shown` is how the spec's file
    is called. Nothing is changed anywhere.
    """
    if target is None:
        return ()
    return tuple(Problem(shown, None, f"target.{field}", text) for field, text in _differences(target, environ))


def _differences(target: Target, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    try:
        context = environ.get(STANDIN_CONTEXT) or _current_context(environ)
    except _Unanswered as reason:
        yield "kubernetes_context", f"is {target.kubernetes_context!r}, and {reason}"
    else:
        if context != target.kubernetes_context:
            text = f"is {target.kubernetes_context!r}, but the kubeconfig's current context is {context!r}"
            yield "kubernetes_context", f"{text}: kubectl config use-context {target.kubernetes_context}"
        elif target.kubernetes_server is not None and STANDIN_CONTEXT not in environ:
            yield from _another_server(context, target.kubernetes_server, environ)
    if target.cloudflare is not None:
        yield from _cloudflare(target.cloudflare, environ)


def _another_server(context: str, server: str, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    try:
        found = _server_of(context, environ)
    except _Unanswered as reason:
        yield "kubernetes_server", f"is {server}, and {reason}"
        return
    if _same_place(found) != _same_place(server):
        text = f"is {server}, but the kubeconfig's context {context!r} leads to {found}"
        yield "kubernetes_server", f"{text}: set KUBECONFIG to that of the environment's cluster"


def _same_place(server: str) -> tuple[str, str]:
    """Return what two addresses of one server have alike.

    >>> _same_place("https://K3s.example.com") == _same_place("https://k3s.example.com:443/")
    True
    """
    host, _, path = server.removeprefix("https://").partition("/")
    return host.lower() if _PORT.search(host) else f"{host.lower()}:443", path.rstrip("/")


def _cloudflare(target: CloudflareTarget, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    standin = environ.get(STANDIN_ACCOUNT)
    if standin is not None:
        if standin != target.account:
            yield "cloudflare.account", f"is {target.account}, but this machine's stand-in is the account {standin}"
        return
    try:
        zone = _zone(target.zone, environ)
    except _Unanswered as reason:
        yield "cloudflare.zone", f"is {target.zone}, and {reason}"
        return
    if zone["account"]["id"] != target.account:
        yield "cloudflare.account", f"is {target.account}, but the zone {target.zone} is of account {zone['account']['id']}"
    if zone["name"] != target.domain:
        yield "cloudflare.domain", f"is {target.domain}, but the zone {target.zone} is {zone['name']}"


def _current_context(environ: Mapping[str, str]) -> str:
    """Return the current context as kubectl has it: of the first file that names one."""
    files = _kubeconfigs(environ)
    context = next((found for document in _read(files) if (found := document.get("current-context"))), None)
    if context is None:
        raise _Unanswered(f"no current context is set in {' or '.join(map(str, files))}: set KUBECONFIG")
    return str(context)


def _server_of(context: str, environ: Mapping[str, str]) -> str:
    """Return the server that a context leads to; of several contexts or clusters of a name kubectl takes the first."""
    documents = list(_read(_kubeconfigs(environ)))
    cluster = _named(documents, "context", context).get("cluster")
    server = _named(documents, "cluster", cluster).get("server")
    if not isinstance(server, str):
        raise _Unanswered(f"the kubeconfig's context {context!r} names no cluster with a server")
    return server


def _named(documents: Sequence[Mapping[str, Any]], kind: str, name: object) -> Mapping[str, Any]:
    entries = (entry for document in documents for entry in document.get(f"{kind}s") or ())
    found = next((entry.get(kind) for entry in entries if isinstance(entry, dict) and entry.get("name") == name), None)
    return found if isinstance(found, dict) else {}


def _kubeconfigs(environ: Mapping[str, str]) -> list[Path]:
    given = [file for file in environ.get("KUBECONFIG", "").split(":") if file]
    return [Path(file) for file in given] or [Path(environ.get("HOME", "~")).expanduser() / ".kube" / "config"]


def _read(files: Sequence[Path]) -> Iterator[Mapping[str, Any]]:
    for file in files:
        if not file.is_file():
            continue
        try:
            document = yaml.safe_load(file.read_text(encoding="utf-8"))
        except yaml.YAMLError:
            raise _Unanswered(f"the kubeconfig {file} is no YAML") from None
        if isinstance(document, dict):
            yield document


def _zone(zone: str, environ: Mapping[str, str]) -> Any:
    token = environ.get("CLOUDFLARE_API_TOKEN")
    if not token:
        raise _Unanswered("CLOUDFLARE_API_TOKEN is not set, so nobody can say whose account this would be")
    request = urllib.request.Request(  # noqa: S310  # https, or what the operator gave to provider and check alike
        f"{environ.get('CLOUDFLARE_BASE_URL', CLOUDFLARE_API)}/zones/{zone}", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_SECONDS) as answer:  # noqa: S310
            document = json.load(answer)
            return {"name": document["result"]["name"], "account": {"id": document["result"]["account"]["id"]}}
    except urllib.error.HTTPError as error:
        raise _Unanswered(
            f"Cloudflare answers {error.code} for that zone: is the token of its account, with Zone Read?"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _Unanswered(f"Cloudflare gives no usable answer ({type(error).__name__})") from None
