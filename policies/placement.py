"""Where the scheduler may put the pods of a workload."""

from policies.stack import Place

POOL = "headroom:nodes:Pool"
"""The component of a pool's machines."""
HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"


def stands_apart(pod: Place) -> bool:
    """Return whether no two pods of a workload may stand on one node."""
    affinity = pod.get("affinity")
    apart = affinity and affinity.get("podAntiAffinity")
    terms = apart and apart.get("requiredDuringSchedulingIgnoredDuringExecution")
    return any(term["topologyKey"].text() == HOST for term in terms.items()) if terms else False


def never_together(pod: Place, standing: int) -> bool:
    """Return whether a constraint keeps each of so many pods on a node of its own: over as many nodes as there are pods."""
    for one in pod.listed("topologySpreadConstraints"):
        least = one.get("minDomains")
        if (
            one["topologyKey"].text() == HOST
            and one["whenUnsatisfiable"].text() == "DoNotSchedule"
            and one["maxSkew"].count(at_least=1) == 1
            and least is not None
            and least.count() >= standing
        ):
            return True
    return False


def spreads_over(pod: Place, key: str) -> bool:
    """Return whether a workload's pods are spread over nodes, or over zones, by a constraint that lets them differ by one."""
    return any(
        one["topologyKey"].text() == key and one["maxSkew"].count(at_least=1) == 1
        for one in pod.listed("topologySpreadConstraints")
    )
