"""The control plane's five programs: how each is started and how its health is asked."""

import ssl
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path

from headroom.local.cluster.build import Binaries
from headroom.local.cluster.pki import Pki
from headroom.ports import free_ports

COMPONENTS = ("etcd", "kube-apiserver", "kube-scheduler", "kube-controller-manager", "kwok")
"""Programs in the order in which they must be started."""
PORTS = ("etcd-peer", *COMPONENTS)
NODE_ANNOTATION = ("kwok.x-k8s.io/node", "fake")
"""Marks the nodes that kwok plays; nobody else's are touched."""

_HEALTH_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Component:
    """One program: its command line, and the port and path that tell whether it works."""

    name: str
    command: tuple[str, ...]
    port: int
    health: str
    authority: Path | None = None
    """Verifies the server; None for plain HTTP."""
    client: tuple[Path, Path] | None = None
    """Certificate and key with which to ask, where the server wants one."""


def components(
    binaries: Binaries,
    pki: Pki,
    data: Path,
    ports: dict[str, int],
    controller_manager_flags: Sequence[str] = (),
) -> tuple[Component, ...]:
    """Return the components in the order in which they must be started; each listens on 127.0.0.1 only."""
    return (
        _etcd(binaries, pki, data, ports),
        _apiserver(binaries, pki, ports),
        _scheduler(binaries, pki, ports),
        _controller_manager(binaries, pki, ports, controller_manager_flags),
        _kwok(binaries, pki, ports),
    )


def choose_ports() -> dict[str, int]:
    """Return a free port of 127.0.0.1 for each of ``PORTS``."""
    return dict(zip(PORTS, free_ports(len(PORTS)), strict=True))


def is_healthy(component: Component) -> bool:
    """Return whether the component answers its health address with 200."""
    try:
        with closing(_connection(component)) as connection:
            connection.request("GET", component.health)
            return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False


def _connection(component: Component) -> HTTPConnection:
    if component.authority is None:
        return HTTPConnection("127.0.0.1", component.port, timeout=_HEALTH_TIMEOUT_S)
    trust = ssl.create_default_context(cafile=str(component.authority))
    if component.client is not None:
        trust.load_cert_chain(*component.client)
    return HTTPSConnection("127.0.0.1", component.port, timeout=_HEALTH_TIMEOUT_S, context=trust)


def _etcd(binaries: Binaries, pki: Pki, data: Path, ports: dict[str, int]) -> Component:
    own, peer = f"https://127.0.0.1:{ports['etcd']}", f"https://127.0.0.1:{ports['etcd-peer']}"
    certificate, key, authority = pki.file("etcd.crt"), pki.file("etcd.key"), pki.file("etcd-ca.crt")
    command = (
        str(binaries.program("etcd")),
        f"--data-dir={data}",
        f"--listen-client-urls={own}",
        f"--advertise-client-urls={own}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        f"--cert-file={certificate}",
        f"--key-file={key}",
        f"--trusted-ca-file={authority}",
        "--client-cert-auth",
        f"--peer-cert-file={certificate}",
        f"--peer-key-file={key}",
        f"--peer-trusted-ca-file={authority}",
        "--peer-client-cert-auth",
        # What a power cut may destroy here can be made again; waiting for the disk cannot.
        "--unsafe-no-fsync",
        "--log-level=warn",
    )
    client = (pki.file("etcd-client.crt"), pki.file("etcd-client.key"))
    return Component("etcd", command, ports["etcd"], "/health", authority, client)


def _apiserver(binaries: Binaries, pki: Pki, ports: dict[str, int]) -> Component:
    port = ports["kube-apiserver"]
    command = (
        str(binaries.program("kube-apiserver")),
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        # Otherwise it looks for the address of a default route, and a laptop without network has none.
        "--advertise-address=127.0.0.1",
        # The address would be published as the Service `kubernetes`, which refuses loopback; nothing here runs to use it.
        "--endpoint-reconciler-type=none",
        f"--tls-cert-file={pki.file('serving.crt')}",
        f"--tls-private-key-file={pki.file('serving.key')}",
        f"--etcd-servers=https://127.0.0.1:{ports['etcd']}",
        f"--etcd-cafile={pki.file('etcd-ca.crt')}",
        f"--etcd-certfile={pki.file('etcd-client.crt')}",
        f"--etcd-keyfile={pki.file('etcd-client.key')}",
        "--authorization-mode=RBAC",
        f"--token-auth-file={pki.file('tokens.csv')}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki.file('service-accounts.pub')}",
        f"--service-account-signing-key-file={pki.file('service-accounts.key')}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--allow-privileged=true",
        f"--proxy-client-cert-file={pki.file('front-proxy-client.crt')}",
        f"--proxy-client-key-file={pki.file('front-proxy-client.key')}",
        f"--requestheader-client-ca-file={pki.file('front-proxy-ca.crt')}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    )
    return Component("kube-apiserver", command, port, "/readyz", pki.file("cluster-ca.crt"))


def _scheduler(binaries: Binaries, pki: Pki, ports: dict[str, int]) -> Component:
    return _client_component(binaries, pki, ports["kube-scheduler"], "kube-scheduler")


def _controller_manager(binaries: Binaries, pki: Pki, ports: dict[str, int], more_flags: Sequence[str]) -> Component:
    flags = (
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={pki.file('service-accounts.key')}",
        f"--root-ca-file={pki.file('cluster-ca.crt')}",
        # It creates this folder, by default under /usr.
        f"--flex-volume-plugin-dir={pki.folder.with_name('flexvolume')}",
        *more_flags,
    )
    return _client_component(binaries, pki, ports["kube-controller-manager"], "kube-controller-manager", flags)


def _client_component(binaries: Binaries, pki: Pki, port: int, name: str, flags: Sequence[str] = ()) -> Component:
    command = (
        str(binaries.program(name)),
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={pki.file('serving.crt')}",
        f"--tls-private-key-file={pki.file('serving.key')}",
        f"--kubeconfig={pki.kubeconfig(name)}",
        "--leader-elect=false",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        *flags,
    )
    return Component(name, command, port, "/healthz", pki.file("cluster-ca.crt"))


def _kwok(binaries: Binaries, pki: Pki, ports: dict[str, int]) -> Component:
    command = (
        str(binaries.program("kwok")),
        f"--kubeconfig={pki.kubeconfig('kwok')}",
        f"--server-address=127.0.0.1:{ports['kwok']}",
        f"--manage-nodes-with-annotation-selector={'='.join(NODE_ANNOTATION)}",
        "--node-lease-duration-seconds=40",
        "--node-ip=127.0.0.1",
        "--cidr=10.128.0.0/16",
        *(f"--config={stage}" for stage in binaries.stages),
    )
    return Component("kwok", command, ports["kwok"], "/healthz")
