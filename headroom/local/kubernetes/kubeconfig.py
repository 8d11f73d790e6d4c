"""Reading the few fields of a kubeconfig that lead to a server and its credentials."""

import base64
import binascii
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Kubeconfig:
    """The current context of a kubeconfig; certificates and keys as PEM."""

    path: Path
    server: str
    authority: str | None = None
    insecure: bool = False
    token: str | None = field(default=None, repr=False)
    certificate: str | None = None
    key: str | None = field(default=None, repr=False)


def read_kubeconfig(path: Path) -> Kubeconfig:
    """Return the file's current context; ValueError, naming the file, if there is none or its way to log in is not supported."""
    try:
        document = yaml.safe_load(path.read_text())
        context = _named(document["contexts"], document["current-context"])["context"]
        cluster = _named(document["clusters"], context["cluster"])["cluster"]
        user = _named(document.get("users") or [], context["user"])["user"]
        return Kubeconfig(
            path=path,
            server=cluster["server"],
            authority=_pem(path, cluster, "certificate-authority"),
            insecure=bool(cluster.get("insecure-skip-tls-verify")),
            token=user.get("token"),
            certificate=_pem(path, user, "client-certificate"),
            key=_pem(path, user, "client-key"),
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, binascii.Error, UnicodeDecodeError) as problem:
        raise ValueError(f"kubeconfig {path} cannot be used: {type(problem).__name__}: {problem}") from problem


def _named(entries: list[dict[str, Any]], name: str) -> Any:
    for entry in entries:
        if entry["name"] == name:
            return entry
    raise KeyError(name)


def _pem(path: Path, holder: dict[str, Any], name: str) -> str | None:
    """Return the PEM that the field holds itself (-data, base64) or by file name, relative to the kubeconfig."""
    if f"{name}-data" in holder:
        return base64.b64decode(holder[f"{name}-data"]).decode()
    return (path.parent / holder[name]).read_text() if name in holder else None
