"""What a machine is made a node with: its files and the command that uses them, as user data for cloud-init."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import yaml

from capacity.machines import Servers
from capacity.node_kernel import NodeKernel
from components.nodes.k3s_config import ADMISSION, AUDIT, AUDIT_LOG

PROGRAM = "/usr/local/sbin/headroom-node"
CONFIG = "/etc/rancher/k3s/config.yaml"
_RIGHTS = {PROGRAM: "0755", CONFIG: "0600"}


@dataclass(frozen=True)
class Machine:
    """A kind of machine: all of its kind get the same user data."""

    role: str
    """`server` or `agent`, as k3s says it."""
    config: Mapping[str, Any]
    """Of k3s."""
    kernel: NodeKernel
    gpus: bool = False
    zoned: bool = False
    """Whether a node must say in which zone it stands."""
    karpenter: bool = False

    @property
    def unit(self) -> str:
        """The systemd service of k3s."""
        return "k3s.service" if self.role == "server" else "k3s-agent.service"


def user_data(machine: Machine, servers: Servers) -> str:
    """Return the cloud-config of a kind of machine. It holds no secret: tokens are files that the operator puts there."""
    written = [
        {"path": path, "permissions": _RIGHTS.get(path, "0644"), "content": text}
        for path, text in machine_files(machine, servers).items()
    ]
    commands = [[PROGRAM]]
    if machine.role == "server":
        # kube-apiserver makes the log itself, with the rights of its folder.
        commands.insert(0, ["install", "--directory", "--mode=0700", AUDIT_LOG.rpartition("/")[0]])
    document = {"write_files": written, "runcmd": commands}
    return "#cloud-config\n" + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)


def machine_files(machine: Machine, servers: Servers) -> dict[str, str]:
    """Return the text of every file of a kind of machine by its path."""
    secrets = [machine.config[key] for key in ("token-file", "agent-token-file") if key in machine.config]
    release = {"sha256": servers.sha256, "url": f"{servers.download}/{quote(servers.version)}/k3s"}
    files = {
        "/etc/modules-load.d/headroom.conf": "br_netfilter\nnf_conntrack\noverlay\n",
        "/etc/sysctl.d/90-headroom.conf": _text("sysctl.conf", settings=sysctls(machine.kernel)),
        f"/etc/systemd/system/{machine.unit}": _text("k3s.service", role=machine.role, secrets=secrets, gpus=machine.gpus),
        f"/etc/systemd/system/{machine.unit}.d/10-headroom.conf": _text("limits.conf", open_files=machine.kernel.open_files),
        CONFIG: yaml.dump(dict(machine.config), Dumper=_Dumper, sort_keys=False, width=1000),
        PROGRAM: _text("headroom-node", unit=machine.unit, zoned=machine.zoned, karpenter=machine.karpenter, **release),
    }
    if machine.role == "server":
        files |= {ADMISSION: _text("admission.yaml"), AUDIT: _text("audit.yaml")}
    return files


def sysctls(kernel: NodeKernel) -> dict[str, str]:
    """Return the kernel's settings, those first without which a kubelet with protect-kernel-defaults ends.

    Ephemeral ports and backlog hold on the host's network: a pod has its own, 32768-60999 and 4096 unless it says so.
    """
    settings: dict[str, int | str | None] = {
        "vm.panic_on_oom": 0,
        "vm.overcommit_memory": 1,
        "kernel.panic": 10,
        "kernel.panic_on_oops": 1,
        "kernel.keys.root_maxkeys": 1_000_000,
        "kernel.keys.root_maxbytes": 25_000_000,
        "fs.nr_open": kernel.open_files,
        "fs.file-max": kernel.all_open_files,
        "fs.inotify.max_user_watches": kernel.inotify_watches,
        "fs.inotify.max_user_instances": kernel.inotify_instances,
        "net.netfilter.nf_conntrack_max": kernel.tracked,
        "net.netfilter.nf_conntrack_tcp_timeout_time_wait": kernel.tracked_seconds,
        "net.core.somaxconn": kernel.somaxconn,
        "net.ipv4.ip_local_port_range": None if kernel.ports is None else "{} {}".format(*kernel.ports),
    }
    return {key: str(value) for key, value in settings.items() if value is not None}


def _text(template: str, **figures: Any) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("components.nodes"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # configuration files, no HTML
    )
    return environment.get_template(template).render(figures)


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as they are, no anchors: the files are read by people."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # PyYAML's signature
        return True


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _block)
