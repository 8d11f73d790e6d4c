"""What a machine may be made a node by: its files, their settings, and the commands that use them."""

from collections.abc import Mapping

from policies.known import Known, known

_SERVER = "/var/lib/rancher/k3s/server"
_PROGRAM = "/usr/local/sbin/headroom-node"
_UNITS = tuple(f"/etc/systemd/system/{unit}" for unit in ("k3s.service", "k3s-agent.service"))
CONFIG = "/etc/rancher/k3s/config.yaml"

RESOURCE = known("count cpuCores machines memoryBytes openFiles userData")
USER_DATA = known("write_files(content path permissions) runcmd")
COMMANDS = ([_PROGRAM], ["install", "--directory", "--mode=0700", f"{_SERVER}/logs"])
FILES = frozenset(
    {
        "/etc/modules-load.d/headroom.conf",
        "/etc/sysctl.d/90-headroom.conf",
        CONFIG,
        _PROGRAM,
        f"{_SERVER}/admission.yaml",
        f"{_SERVER}/audit.yaml",
        *_UNITS,
        *(f"{unit}.d/10-headroom.conf" for unit in _UNITS),
    }
)
"""Programs read more of each folder than one file, and the last that they read wins."""
_SYSCTLS = known("""
    fs.file-max fs.inotify.max_user_instances fs.inotify.max_user_watches fs.nr_open kernel.keys.root_maxbytes
    kernel.keys.root_maxkeys kernel.panic kernel.panic_on_oops net.core.somaxconn net.ipv4.ip_local_port_range
    net.netfilter.nf_conntrack_max net.netfilter.nf_conntrack_tcp_timeout_time_wait vm.overcommit_memory vm.panic_on_oom
""")
_UNIT = known("""
    [unit] description documentation wants after [install] wantedby
    [service] type execstartpre execstart killmode delegate limitnproc limitcore tasksmax timeoutstartsec restart restartsec
""")
SETTINGS: Mapping[str, Known] = {
    "/etc/sysctl.d/90-headroom.conf": _SYSCTLS,
    **dict.fromkeys(_UNITS, _UNIT),
    **dict.fromkeys((f"{unit}.d/10-headroom.conf" for unit in _UNITS), known("[service] limitnofile")),
}
"""The settings of files with one a line, by their paths."""
OFTEN = frozenset({"execstartpre"})
"""Settings that may stand more than once."""
K3S = known("""
    agent-token-file cluster-init disable etcd-s3 etcd-s3-config-secret etcd-snapshot-retention etcd-snapshot-schedule-cron
    kube-apiserver-arg kube-controller-manager-arg kube-proxy-arg kubelet-arg node-label node-taint protect-kernel-defaults
    secrets-encryption server supervisor-metrics tls-san token-file write-kubeconfig-mode
""")
ARGUMENTS: Mapping[str, Known] = {
    "kubelet-arg": known("eviction-hard max-pods streaming-connection-idle-timeout system-reserved tls-cipher-suites"),
    "kube-proxy-arg": known("conntrack-max-per-core"),
    "kube-controller-manager-arg": known("terminated-pod-gc-threshold"),
    "kube-apiserver-arg": known("""
        admission-control-config-file audit-log-maxage audit-log-maxbackup audit-log-maxsize audit-log-path audit-policy-file
        service-account-extend-token-expiration
    """),
}
SERVER_TAINT = "CriticalAddonsOnly=true:NoExecute"
"""Keeps all pods off servers."""
GPU_TAINT = "nvidia.com/gpu=present:NoSchedule"
"""Keeps pods that want no GPU off machines that have some."""
KARPENTER_TAINT = "karpenter.sh/unregistered=true:NoExecute"
"""Keeps pods off a machine until Karpenter, which takes it away, has seen it."""
