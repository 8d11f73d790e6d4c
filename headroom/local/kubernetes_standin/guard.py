"""When the stand-in may write: only below Headroom's own home, or to an API server on this machine.

A real environment's `up` must never end in the stand-in unnoticed, so whatever is not plainly local is refused.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from headroom.local.kubernetes.kubeconfig import Kubeconfig, read_kubeconfig
from headroom.local.target import VARIABLE, Directory, Target, decode

STANDIN = (
    "this is Headroom's local stand-in for the Kubernetes provider; it writes only from a state under Headroom's own "
    "home, and only to a folder there or to an API server on this machine"
)
INSTEAD = "to deploy a real environment install Pulumi with its kubernetes plugin"


@dataclass(frozen=True)
class Refusal:
    """Why nothing may be written."""

    reason: str

    def __str__(self) -> str:
        return f"{STANDIN}: {self.reason}; {INSTEAD}"


def permitted(environ: Mapping[str, str]) -> Directory | Kubeconfig | Refusal:
    """Return where the process may write, by its environment; the home is the folder of PULUMI_HOME."""
    if not environ.get("PULUMI_HOME"):
        return Refusal("PULUMI_HOME is not set, so there is no home")
    home = Path(environ["PULUMI_HOME"]).resolve().parent
    backend = environ.get("PULUMI_BACKEND_URL", "")
    if not _kept_in(backend, home):
        # Only its kind: the address may hold credentials.
        scheme = urlsplit(backend).scheme
        kind = f"a {scheme} address" if scheme not in ("", "file") else "elsewhere" if backend else "not set"
        return Refusal(f"PULUMI_BACKEND_URL is {kind}, not a file:// folder under {home}")
    if VARIABLE not in environ:
        return Refusal(f"{VARIABLE} is not set, so this is for previews only")
    try:
        return _aimed(decode(environ[VARIABLE]), home)
    except ValueError as problem:
        return Refusal(str(problem))


def _kept_in(backend: str, home: Path) -> bool:
    url = urlsplit(backend)
    # The engine's reading of escapes is its own affair: both readings must lie inside.
    readings = (Path(url.path), Path(unquote(url.path)))
    return url.scheme == "file" and not url.netloc and all(_inside(path, home) for path in readings)


def _aimed(target: Target, home: Path) -> Directory | Kubeconfig | Refusal:
    if isinstance(target, Directory):
        return target if _inside(target.path, home) else Refusal(f"the folder {target.path} is not under {home}")
    kubeconfig = read_kubeconfig(target.kubeconfig)
    if _loopback(kubeconfig.server):
        return kubeconfig
    return Refusal(f"the server {kubeconfig.server} of {kubeconfig.path} is not a loopback address")


def _inside(path: Path, home: Path) -> bool:
    return home in path.resolve().parents


def _loopback(server: str) -> bool:
    url = urlsplit(server)
    if url.scheme not in ("https", "http") or not url.hostname:
        return False
    if url.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(url.hostname).is_loopback
    except ValueError:  # a name: only the resolver knows where it leads
        return False
