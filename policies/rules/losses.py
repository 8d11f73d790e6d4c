"""Rules on losses: what carries calls goes on when a node is gone, and when a zone is."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from policies.autoscaler import week_of
from policies.evidence import Context, usable
from policies.figures import count
from policies.fleet import LIVE_KINDS, autoscaler_of
from policies.floors import Floors, Losses
from policies.margins import ROOT
from policies.placement import HOST, POOL, ZONE, spreads_over, stands_apart
from policies.rule import Finding, Rule, each
from policies.stack import Resource, Stack, annotation, field, optional_annotation
from policies.workloads import of_kind, pod_of

_SHARED = ("asr", "bus", "gateway", "llm", "queue-gateway", "tools", "tts", "tunnel", "turn")
"""Kinds of a fixed size that calls, and the callbacks that were promised to others, pass."""
_LEAST = 2
_SERVERS = "headroom:nodes:Servers"
_QUORUM = 3
"""Servers of the control plane of which one may be gone: etcd writes with most of them (k3s: High Availability Embedded etcd)."""
_CLASS = "kubernetes:storage.k8s.io/v1:StorageClass"
_NODE_LOCAL = frozenset(
    {
        *("rancher.io/local-path", "kubernetes.io/no-provisioner", "kubernetes.io/host-path", "hostpath.csi.k8s.io"),
        *("docker.io/hostpath", "k8s.io/minikube-hostpath", "microk8s.io/hostpath"),
        *("local.csi.openebs.io", "openebs.io/local", "topolvm.io", "zfs.csi.openebs.io"),
    }
)
"""Drivers whose volumes are on one machine, and gone with it."""
_K3S_OWN = "local-path"
"""The class that k3s brings, and takes where a claim names none."""
_NO_LOSSES = Losses(nodes=0, zones=1)


@dataclass(frozen=True)
class _Pool:
    component: Resource
    name: str
    survive: int
    zones: int


def _one_node_loss_survived(stack: Stack, context: Context) -> Iterator[Finding]:
    pools = _pools(stack)
    yield from each(pools.values(), lambda pool: pool.component.name, lambda pool: _pool_survives(stack, pool, context))

    def check(workload: Resource) -> Iterator[Finding]:
        pool = pools.get(pod_of(workload)["nodeSelector"]["headroom.dev/pool"].text())
        if pool is None or pool.survive == 0:
            return
        yield from _stands_twice(stack, workload)
        yield from _is_spread(workload, HOST, "one node")
        claim = optional_annotation(workload, "survive")
        if claim is not None and claim.count() < 1:
            message = f"its pool survives the loss of a node, and it was sized for the loss of none of its {_kind(workload)} pods"
            yield Finding(workload.name, message, "size it with survive 1", 1, 0, "pods")

    yield from each(_carrying(stack), lambda workload: workload.name, check)
    surviving = {pool.name for pool in pools.values() if pool.survive}
    yield from each(of_kind(stack, "redis"), lambda server: server.name, lambda server: _keeps_its_jobs(stack, server, surviving))
    if surviving:
        yield from each(stack.of_type(_SERVERS), lambda servers: servers.name, _control_plane_survives)


def _control_plane_survives(servers: Resource) -> Iterator[Finding]:
    standing = field(servers, "servers").count()
    if standing < _QUORUM:
        message = (
            f"{count(standing)} server of the control plane: when its node is gone nothing is scheduled, scaled or started anew"
        )
        yield Finding(servers.name, message, f"set servers.count to {_QUORUM}", _QUORUM, standing, "servers")


def _keeps_its_jobs(stack: Stack, server: Resource, surviving: Collection[str]) -> Iterator[Finding]:
    """Yield where a queue's one server has its disk on one machine; a bus keeps copies (bus-survives-one-loss)."""
    if pod_of(server)["nodeSelector"]["headroom.dev/pool"].text() not in surviving:
        return
    drivers = {field(one, "metadata.name").text(): field(one, "provisioner").text() for one in stack.of_type(_CLASS)}
    for template in field(server, "spec.volumeClaimTemplates").items():
        named = template["spec"].get("storageClassName")
        name = _K3S_OWN if named is None else named.text()
        if drivers.get(name, "rancher.io/local-path" if name == _K3S_OWN else "") in _NODE_LOCAL:
            message = f"volumes of class {name} lie on one machine: when it is gone, so are the jobs that were accepted"
            yield Finding(server.name, message, "name a class whose driver keeps volumes elsewhere, or copies of them")


def _pool_survives(stack: Stack, pool: _Pool, context: Context) -> Iterator[Finding]:
    least = _least(stack, usable(context.floors)).nodes
    if pool.survive < least:
        message = f"it claims to survive the loss of {count(pool.survive)} nodes; the organisation asks for {count(least)} here"
        yield Finding(pool.component.name, message, f"plan the pool with survive {least}", least, pool.survive, "nodes")


def _stands_twice(stack: Stack, workload: Resource) -> Iterator[Finding]:
    scaler = autoscaler_of(stack, workload)
    pods = field(workload, "spec.replicas").count() if scaler is None else week_of(scaler).baseline
    if pods < _LEAST:
        what = "its floor is" if scaler is not None else "it has"
        message = f"{what} {count(pods)} pod, and when its node is gone nobody takes its calls"
        remedy = f"raise it to {_LEAST}"
        yield Finding((scaler or workload).name, message, remedy, _LEAST, pods, "pods")


def _is_spread(workload: Resource, key: str, where: str) -> Iterator[Finding]:
    pod = pod_of(workload)
    apart = stands_apart(pod) if key == HOST else False
    if not apart and not spreads_over(pod, key):
        message = (
            f"nothing keeps its pods from standing in {where}"
            if key == ZONE
            else f"nothing keeps its pods from standing on {where}"
        )
        yield Finding(workload.name, message, f"spread them over {key} with maxSkew 1")


def _one_zone_loss_survived(stack: Stack, context: Context) -> Iterator[Finding]:
    pools = _pools(stack)

    def enough(pool: _Pool) -> Iterator[Finding]:
        least = _least(stack, usable(context.floors)).zones
        if pool.zones < least:
            message = f"its machines stand in {count(pool.zones)} zones; the organisation asks for {count(least)} here"
            yield Finding(pool.component.name, message, f"order machines in {least} zones", least, pool.zones, "zones")

    def check(workload: Resource) -> Iterator[Finding]:
        pool = pools.get(pod_of(workload)["nodeSelector"]["headroom.dev/pool"].text())
        if pool is not None and pool.zones > 1:
            yield from _is_spread(workload, ZONE, "one zone")

    yield from each(pools.values(), lambda pool: pool.component.name, enough)
    yield from each(_carrying(stack), lambda workload: workload.name, check)


def _pools(stack: Stack) -> dict[str, _Pool]:
    found = (
        _Pool(
            component,
            field(component, "pool").text(),
            field(component, "survive").count(),
            field(component, "zones").count(at_least=1),
        )
        for component in stack.of_type(POOL)
    )
    return {pool.name: pool for pool in found}


def _carrying(stack: Stack) -> Iterator[Resource]:
    """Yield every workload that live calls pass."""
    yield from of_kind(stack, *_SHARED, *sorted(LIVE_KINDS))


def _least(stack: Stack, floors: Floors) -> Losses:
    environment = field(stack.the_one(ROOT), "environment").text()
    return floors.minimum_losses.get(environment, _NO_LOSSES)


def _kind(workload: Resource) -> str:
    return annotation(workload, "kind").text()


RULES = (
    Rule(
        name="one-node-loss-survived",
        condition="Where a pool survives the loss of a node, everything on it that calls pass has two pods or more, kept off "
        "each other's nodes, and was sized with one of them gone; a queue's jobs lie on no volume that is gone with one machine; "
        "the cluster has three servers or more; pools survive what the organisation asks for. That enough nodes remain is "
        "`nodes-cover-maximum`'s.",
        why="A node is lost now and then. Its calls are gone; all others, and the next ones, must not be.",
        reads="pools: `survive`; replicas, the lowest floor of the week, spread and anti-affinity by host, and the claim "
        "`survive` of every workload that calls pass; classes of the volumes of StatefulSets of kind `redis`, and their drivers; "
        "`servers` of `headroom:nodes:Servers`; the floor `minimum_losses`.",
        remedy="Two pods, spread over hosts; volumes that outlive a machine; three servers; a pool that survives one node more.",
        check=_one_node_loss_survived,
    ),
    Rule(
        name="one-zone-loss-survived",
        condition="Where a pool stands in several zones, everything on it that calls pass is spread over them; pools stand in as "
        "many zones as the organisation asks for. That enough nodes remain is `nodes-cover-maximum`'s.",
        why="Pods that all stand in one zone are gone with it, however many machines remain elsewhere.",
        reads="pools: `zones`; spread by zone of every workload that calls pass; the floor `minimum_losses`.",
        remedy="Spread the pods over zones; order machines in more of them.",
        check=_one_zone_loss_survived,
    ),
)
