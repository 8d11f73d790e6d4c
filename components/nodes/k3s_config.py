"""The configuration file of k3s on a machine, /etc/rancher/k3s/config.yaml."""

from typing import Any

from capacity.images import Images
from capacity.machines import Servers
from capacity.node_room import advertised, held_back
from capacity.pools import Pool
from capacity.units import format_bytes, format_cores
from components.kubernetes import DOMAIN

GPU_TAINT = "nvidia.com/gpu"
"""Keeps pods that want no GPU off machines that have some."""
PORT = 6443
ADMISSION = "/var/lib/rancher/k3s/server/admission.yaml"
AUDIT = "/var/lib/rancher/k3s/server/audit.yaml"
AUDIT_LOG = "/var/lib/rancher/k3s/server/logs/audit.log"
_EVICTION_BYTES = 100 * 2**20
"""The kubelet's own default of memory.available: what it keeps free is no pod's either."""
_TLS = (
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
)
"""k3s-io/docs, docs/security/hardening-guide.md."""


def server_config(servers: Servers, *, first: bool) -> dict[str, Any]:
    """Return the configuration of a server: the first makes the cluster with etcd in it, the others join.

    Hardened as k3s-io/docs, docs/security/hardening-guide.md, says. No packaged ingress or balancer: calls come by the tunnel.
    """
    snapshots = servers.snapshots
    return {
        **({"cluster-init": True} if first else {"server": f"https://{servers.address}:{PORT}"}),
        "token-file": servers.token_file,
        "agent-token-file": servers.agent_token_file,
        "tls-san": [servers.address],
        "write-kubeconfig-mode": "0600",
        "disable": ["servicelb", "traefik"],
        "etcd-snapshot-schedule-cron": snapshots.schedule,
        "etcd-snapshot-retention": snapshots.retention,
        **({} if snapshots.s3_secret is None else {"etcd-s3": True, "etcd-s3-config-secret": snapshots.s3_secret}),
        "secrets-encryption": True,
        # Of its own certificates: when they end is watched.
        "supervisor-metrics": True,
        "protect-kernel-defaults": True,
        "node-label": [f"topology.kubernetes.io/region={servers.region}"],
        "node-taint": ["CriticalAddonsOnly=true:NoExecute"],
        "kube-apiserver-arg": [
            f"admission-control-config-file={ADMISSION}",
            f"audit-policy-file={AUDIT}",
            f"audit-log-path={AUDIT_LOG}",
            f"audit-log-maxage={servers.audit_days}",
            "audit-log-maxbackup=10",
            "audit-log-maxsize=100",
            "service-account-extend-token-expiration=false",
        ],
        "kube-controller-manager-arg": ["terminated-pod-gc-threshold=100"],
        "kubelet-arg": _kubelet(),
        "kube-proxy-arg": _kube_proxy(),
    }


def agent_config(name: str, pool: Pool, servers: Servers, images: Images) -> dict[str, Any]:
    """Return the configuration of a machine of a pool, which gives pods exactly what the plan counts on."""
    taints = [*([f"{GPU_TAINT}=present:NoSchedule"] if pool.gpus else [])]
    if pool.provision == "karpenter":
        # Karpenter takes it off when it has seen the machine, and gives up on one that comes without it.
        taints.append("karpenter.sh/unregistered=true:NoExecute")
    return {
        "server": f"https://{servers.address}:{PORT}",
        "token-file": servers.agent_token_file,
        "protect-kernel-defaults": True,
        "node-label": [f"{DOMAIN}/pool={name}", f"topology.kubernetes.io/region={servers.region}"],
        **({"node-taint": taints} if taints else {}),
        "kubelet-arg": [f"max-pods={advertised(pool, images).pods}", *_reserved(pool, images), *_kubelet()],
        "kube-proxy-arg": _kube_proxy(),
    }


def system_reserved(pool: Pool, images: Images) -> dict[str, str]:
    """Return what the kubelet holds back, so that a node tells the scheduler of what the plan gives to pods and daemons."""
    cpu, memory = held_back(pool, images)
    return {"cpu": format_cores(cpu), "memory": format_bytes(memory - _evicted_below(memory))}


def eviction_hard(pool: Pool, images: Images) -> dict[str, str]:
    """Return below what the kubelet evicts pods; its memory is part of what the spec reserves."""
    memory = _evicted_below(held_back(pool, images)[1])
    disk = {"nodefs.available": "10%", "nodefs.inodesFree": "5%", "imagefs.available": "15%"}
    return ({"memory.available": format_bytes(memory)} if memory else {}) | disk


def _reserved(pool: Pool, images: Images) -> list[str]:
    reserved = ",".join(f"{name}={value}" for name, value in system_reserved(pool, images).items())
    eviction = ",".join(f"{signal}<{value}" for signal, value in eviction_hard(pool, images).items())
    return [f"system-reserved={reserved}", f"eviction-hard={eviction}"]


def _evicted_below(held_back_bytes: int) -> int:
    return min(_EVICTION_BYTES, held_back_bytes)


def _kubelet() -> list[str]:
    return ["streaming-connection-idle-timeout=5m", f"tls-cipher-suites={','.join(_TLS)}"]


def _kube_proxy() -> list[str]:
    """Return the argument that leaves tracked connections as sysctl.d says; kube-proxy would set 32,768 a core."""
    return ["conntrack-max-per-core=0"]
