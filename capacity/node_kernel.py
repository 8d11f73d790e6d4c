"""What the kernel of a pool's machines must allow, by what its pods were sized for."""

from collections.abc import Iterable
from dataclasses import dataclass

from capacity.machines import Kernel
from capacity.plan import LivePlan
from capacity.pool_plan import PoolPlan
from capacity.sizing.sockets import LINUX_TRACKED_AFTER, PORTS_AT_MOST, SocketsSection
from capacity.sizing.tunnel import Tunnel

_LAST_PORT = 60999
"""Of Linux's own range of ephemeral ports."""
_LINUX_PORTS = 60999 - 32768 + 1
_FIRST_PORT = 1024
_PODS = 110
"""On a node, where the kubelet is told nothing else."""


@dataclass(frozen=True)
class NodeKernel:
    """Limits of one machine. None leaves the kernel's own default: no section of the spec says more."""

    open_files: int
    """Of one process."""
    all_open_files: int
    """Of all processes together."""
    tracked: int | None
    """Connections that the firewall tracks."""
    tracked_seconds: int | None
    """How long it does so after a connection's end, where the plan counts on less than Linux' own."""
    ports: tuple[int, int] | None
    """The first and last ephemeral port."""
    somaxconn: int | None
    inotify_watches: int
    inotify_instances: int


def node_kernel(pool: PoolPlan, live: Iterable[LivePlan], tunnel: Tunnel | None) -> NodeKernel:
    """Return what the machines of a pool must allow.

    Open files of one process are the most that k3s, a vertical's pod or the tunnel may have; of the machine, that for each pod:
    it never binds before a process's own. Tracking, ports and backlog are the largest that a vertical's sockets were sized
    with.
    """
    here = [one.spec for one in live if one.spec.pool == pool.name]
    files = [one.pod.descriptors for one in here]
    if tunnel is not None and tunnel.pod.pool == pool.name:
        files.append(tunnel.descriptors)
    open_files = max((pool.spec.kernel.open_files, *files))
    sockets = [one.sockets for one in here if one.sockets is not None]
    return NodeKernel(
        open_files=open_files,
        all_open_files=open_files * pool.spec.pods,
        tracked=max((one.tracked for one in sockets), default=None),
        tracked_seconds=_tracked_seconds(sockets),
        ports=_ports(sockets),
        somaxconn=max((one.somaxconn.value for one in sockets), default=None),
        inotify_watches=pool.spec.kernel.inotify_watches,
        inotify_instances=pool.spec.kernel.inotify_instances,
    )


def server_kernel(kernel: Kernel) -> NodeKernel:
    """Return what a machine must allow that runs no workload."""
    every = kernel.open_files * _PODS
    return NodeKernel(kernel.open_files, every, None, None, None, None, kernel.inotify_watches, kernel.inotify_instances)


def _tracked_seconds(sockets: Iterable[SocketsSection]) -> int | None:
    shortest = min((one.tracked_after.value for one in sockets), default=LINUX_TRACKED_AFTER.value)
    return int(shortest) if shortest < LINUX_TRACKED_AFTER.value else None


def _ports(sockets: Iterable[SocketsSection]) -> tuple[int, int] | None:
    asked = [one.outbound.ports for one in sockets if one.outbound is not None]
    if not asked:
        return None
    widest = max(_LINUX_PORTS, *asked)
    first = max(_FIRST_PORT, _LAST_PORT - min(widest, PORTS_AT_MOST) + 1)
    return first, min(65535, first + widest - 1)
