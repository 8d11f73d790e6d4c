"""Where the stand-in may write: a folder under Headroom's own home, or an API server on this machine."""

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from headroom.local.kubernetes.kubeconfig import Kubeconfig, read_kubeconfig
from headroom.local.standin.guard import NotLocal, Refusal, inside, local_home
from headroom.local.target import VARIABLE, Directory, Target, decode

STANDIN = (
    "the Kubernetes provider; it writes only from a state under Headroom's own "
    "home, and only to a folder there or to an API server on this machine"
)


def refused(reason: str) -> Refusal:
    """Return the refusal of this stand-in."""
    return Refusal(STANDIN, reason, "kubernetes")


def permitted(environ: Mapping[str, str]) -> Directory | Kubeconfig | Refusal:
    """Return where the process may write, by its environment."""
    try:
        home = local_home(environ)
        return _aimed(decode(environ[VARIABLE]), home)
    except (NotLocal, ValueError) as problem:
        return refused(str(problem))


def _aimed(target: Target, home: Path) -> Directory | Kubeconfig:
    if isinstance(target, Directory):
        if not inside(target.path, home):
            raise NotLocal(f"the folder {target.path} is not under {home}")
        return target
    kubeconfig = read_kubeconfig(target.kubeconfig)
    if not _loopback(kubeconfig.server):
        raise NotLocal(f"the server {kubeconfig.server} of {kubeconfig.path} is not a loopback address")
    return kubeconfig


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
