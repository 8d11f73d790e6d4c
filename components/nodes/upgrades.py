"""In which order machines are brought to a new release of k3s, and when not."""

from collections.abc import Iterable
from typing import Any

from capacity.machines import Servers
from capacity.plan import CapacityPlan
from capacity.pool_plan import KUBERNETES_GRACE_SECONDS
from capacity.scaling import Window
from components.kubernetes import DOMAIN
from components.pods import pod_of
from headroom.blueprint import Rendered


def upgrade_plan(plan: CapacityPlan, servers: Servers, workloads: Iterable[Rendered]) -> dict[str, Any]:
    """Return the order of an upgrade: servers first, then pool by pool, one machine at a time, none of it within a known peak.

    k3s-io/docs, docs/upgrades: servers before agents. Each machine is drained first and gets as long as the longest grace on it;
    `seconds_at_most` is that long for every machine of the step.
    """
    control_plane = {"machines": "servers", "selector": "node-role.kubernetes.io/control-plane=true"}
    steps = [control_plane | _one_by_one(servers.count, KUBERNETES_GRACE_SECONDS)]
    for pool in plan.pools:
        drain = float(longest_drain(pool.name, workloads))
        steps.append({"machines": pool.name, "selector": f"{DOMAIN}/pool={pool.name}"} | _one_by_one(pool.nodes, drain))
    windows = [
        {"day": peak.day, "start": peak.start, "end": peak.end, "zone": peak.zone, "lead_seconds": peak.lead_seconds}
        for peak in known_peaks(plan)
    ]
    return {"version": servers.version, "steps": steps, "never_within": windows}


def known_peaks(plan: CapacityPlan) -> list[Window]:
    """Return the pre-scale windows of all verticals."""
    return [window for live in plan.live for window in live.scaling.windows]


def longest_drain(pool: str, workloads: Iterable[Rendered]) -> int:
    """Return the seconds that the last pod of a pool's machine may take to end: the longest grace of all that may stand there."""
    pods = (pod_of(one.props["spec"]) for one in workloads if {"template", "jobTemplate"} & one.props.get("spec", {}).keys())
    here = (pod for pod in pods if pod.get("nodeSelector", {}).get(f"{DOMAIN}/pool") == pool)
    default = int(KUBERNETES_GRACE_SECONDS)
    return max((pod.get("terminationGracePeriodSeconds", default) for pod in here), default=default)


def _one_by_one(machines: int, drain_seconds: float) -> dict[str, Any]:
    return {
        "count": machines,
        "at_once": 1,
        "drain_seconds": drain_seconds,
        "seconds_at_most": machines * drain_seconds,
    }
