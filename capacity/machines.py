"""What a spec says of the machines beside their shapes: the servers of the cluster, the kernel, and who makes new ones."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from capacity.figures import Frozen, Name, Source
from capacity.units import Millicores, PositiveAmount, PositiveCores, PositiveSize

_VERSION = re.compile(r"v1\.(?P<minor>\d+)\.(?P<patch>\d+)\+k3s\d+")
_FIRST_WITH_CONTAINERD_2 = {31: 6, 32: 2}
"""Patch releases of k3s from which on its containerd is 2.0, which has NRI enabled (k3s-io/docs, advanced.md)."""


def _version(text: str) -> str:
    match = _VERSION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no release of k3s such as v1.34.1+k3s1")
    minor, patch = int(match["minor"]), int(match["patch"])
    if minor < min(_FIRST_WITH_CONTAINERD_2) or patch < _FIRST_WITH_CONTAINERD_2.get(minor, 0):
        raise ValueError(
            f"{text} has a containerd older than 2.0, which sets no open files of a pod: take v1.31.6, v1.32.2 or later"
        )
    return text


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
File = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/-]+$")]
"""An absolute path on a machine."""


class Kernel(Frozen):
    """Limits of a machine's kernel that no vertical's sockets say. What a vertical needs more raises them."""

    open_files: PositiveAmount = 2**20
    """Of one process: k3s' own since its pull request 1735; `infinity` slows programs that walk through all of them."""
    inotify_watches: PositiveAmount = 524_288
    """Of one user: all pods without a user namespace of their own share them (kind's documentation, known issues)."""
    inotify_instances: PositiveAmount = 8192


class Snapshots(Frozen):
    """Copies of the cluster's state (etcd)."""

    schedule: str = Field(default="0 */6 * * *", pattern=r"^[-0-9*/,]+( [-0-9*/,]+){4}$")
    """As cron says it, in the machine's time."""
    retention: int = Field(default=28, gt=0)
    """How many are kept on each server."""
    s3_secret: Name | None = None
    """A Secret in kube-system that says to which bucket they are copied as well. Left out: they are lost with the servers."""


class Servers(Source):
    """The machines that the cluster's control plane runs on; no workload does."""

    count: int = Field(default=3, gt=0)
    version: Annotated[str, AfterValidator(_version)]
    """The release of k3s on every machine."""
    sha256: Sha256
    """Of its program for the machines' architecture; another one is not started."""
    download: str = Field(default="https://github.com/k3s-io/k3s/releases/download", pattern=r"^https://[^\s\"'$`\\]+$")
    """Where releases are fetched from: this/<version>/k3s."""
    address: str = Field(pattern=r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$")
    """The name or IP address by which machines join: that of a balancer or of a DNS record over all servers."""
    region: Name
    """Where all machines of the cluster stand."""
    snapshots: Snapshots = Snapshots()
    token_file: File = "/etc/headroom/k3s-token"  # noqa: S105  # a path
    """On a server: where its operator puts the secret with which servers join."""
    agent_token_file: File = "/etc/headroom/k3s-agent-token"  # noqa: S105  # a path
    """On every machine: the secret with which agents join."""
    kernel: Kernel = Kernel()
    audit_days: int = Field(default=30, gt=0)
    """How long a server keeps its audit log."""

    @model_validator(mode="after")
    def _majority(self) -> Self:
        if self.count % 2 == 0:
            raise ValueError(f"count: {self.count} servers survive no more losses than {self.count - 1}: take an odd number")
        return self


class DaemonSize(Frozen):
    """What a daemon of ours asks of its node."""

    cpu: Millicores
    memory: PositiveSize


def _daemon(cpu: str, memory: str) -> DaemonSize:
    return DaemonSize.model_validate({"cpu": cpu, "memory": memory})


class Daemons(Frozen):
    """The daemons of ours on every node of a pool; they are part of what the node keeps for itself."""

    ulimit_adjuster: DaemonSize = _daemon("10m", "32Mi")
    """Where images.ulimit_adjuster is given."""
    device_plugin: DaemonSize = _daemon("50m", "64Mi")
    """On GPU pools, where images.device_plugin is given."""


class InstanceType(Frozen):
    """A kind of machine that a cloud offers, as `headroom nodes types` writes it."""

    name: str = Field(pattern=r"^[a-z0-9-]+\.[a-z0-9-]+$")
    cpu: PositiveCores
    memory: PositiveSize
    gpus: int = Field(default=0, ge=0)


class Karpenter(Source):
    """Machines of EC2 that Karpenter makes when pods wait and removes when they are empty."""

    types: tuple[InstanceType, ...] = Field(min_length=1)
    """Each at least as large as the pool's machines: the plan counts on those."""
    ami: str = Field(pattern=r"^ami-[0-9a-f]{8,17}$")
    """An image with cloud-init, curl and the agents' token in its file; for GPUs with NVIDIA's driver and toolkit too."""
    role: str = Field(pattern=r"^[\w+=,.@-]{1,64}$")
    """The IAM role of the machines."""
    discovery: str = Field(min_length=1)
    """Value of the tag karpenter.sh/discovery on the subnets and security groups that they may use."""
    disk: PositiveSize = 100 * 2**30
    placeholders: int = Field(default=1, ge=0)
    """Pods that do nothing, each of the size of the pool's largest: what comes first finds their room while a machine is made."""


Provision = Literal["static", "karpenter"]
