"""Machines that Karpenter makes: of which types, how many at most, and when it may take one away."""

import math
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from capacity.clocks import minutes_of_day
from capacity.images import Images
from capacity.machines import Karpenter
from capacity.pool_plan import PoolPlan
from capacity.scaling import Window
from capacity.units import format_bytes, format_cores
from components.kubernetes import DOMAIN, kubernetes_object
from components.nodes.k3s_config import GPU_TAINT, eviction_hard, system_reserved
from headroom.blueprint import Rendered

_GROUP = "karpenter.k8s.aws"
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
"""As cron counts them."""
_WEEK_MINUTES = 7 * 24 * 60


def karpenter_resources(
    pool: PoolPlan,
    karpenter: Karpenter,
    *,
    user_data: str,
    images: Images,
    peaks: Iterable[Window],
    drain_seconds: int,
    parent: str,
) -> list[Rendered]:
    """Return the NodePool and the EC2NodeClass of a pool; their definitions must be in the cluster before.

    A machine is taken away when it is empty, or no longer as described (drift), one at a time, and none within a known peak. At
    most as many are made as the plan counts, in cores of the pool's machines.
    """
    metadata = {"name": pool.name, "labels": {"app.kubernetes.io/part-of": "headroom"}}
    node_class = f"{parent}-node-class"
    return [
        kubernetes_object(
            node_class,
            f"{_GROUP}/v1",
            "EC2NodeClass",
            metadata,
            {"spec": _node_class(pool, karpenter, user_data, images)},
            parent=parent,
        ),
        kubernetes_object(
            f"{parent}-node-pool",
            "karpenter.sh/v1",
            "NodePool",
            metadata,
            {"spec": _node_pool(pool, karpenter, peaks, drain_seconds)},
            parent=parent,
            after=(node_class,),
        ),
    ]


def quiet_budgets(peaks: Iterable[Window]) -> list[dict[str, str]]:
    """Return Karpenter's disruption budgets: one machine at a time, and none from the lead of a peak to its end.

    Karpenter's schedules are in UTC. A zone that changes its clocks gets a window that covers both of its offsets.
    """
    windows = sorted({_utc_window(peak) for peak in peaks})
    closed = [{"nodes": "0", "schedule": _cron(start), "duration": f"{minutes}m"} for start, minutes in windows]
    return [{"nodes": "1"}, *closed]


def _node_pool(pool: PoolPlan, karpenter: Karpenter, peaks: Iterable[Window], drain_seconds: int) -> dict[str, Any]:
    taints = [{"key": GPU_TAINT, "value": "present", "effect": "NoSchedule"}] if pool.spec.gpus else []
    return {
        "limits": {
            "cpu": format_cores(pool.nodes * pool.spec.cpu),
            "memory": format_bytes(pool.nodes * pool.spec.memory),
            **({GPU_TAINT: str(pool.nodes * pool.spec.gpus)} if pool.spec.gpus else {}),
        },
        "disruption": {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "10m", "budgets": quiet_budgets(peaks)},
        "template": {
            "metadata": {"labels": {f"{DOMAIN}/pool": pool.name}},
            "spec": {
                "nodeClassRef": {"group": _GROUP, "kind": "EC2NodeClass", "name": pool.name},
                # Machines that expire do so at any hour; upgrades have their own order.
                "expireAfter": "Never",
                "terminationGracePeriod": f"{drain_seconds}s",
                "requirements": [
                    {
                        "key": "node.kubernetes.io/instance-type",
                        "operator": "In",
                        "values": [kind.name for kind in karpenter.types],
                    },
                    # A spot machine is taken back within two minutes, and its calls with it.
                    {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]},
                ],
                **({"taints": taints} if taints else {}),
            },
        },
    }


def _node_class(pool: PoolPlan, karpenter: Karpenter, user_data: str, images: Images) -> dict[str, Any]:
    found_by = [{"tags": {"karpenter.sh/discovery": karpenter.discovery}}]
    disk = {"encrypted": True, "volumeType": "gp3", "volumeSize": f"{math.ceil(karpenter.disk / 2**30)}Gi"}
    return {
        # The machine joins by its user data, and Karpenter adds nothing to it.
        "amiFamily": "Custom",
        "amiSelectorTerms": [{"id": karpenter.ami}],
        "role": karpenter.role,
        "subnetSelectorTerms": found_by,
        "securityGroupSelectorTerms": found_by,
        "userData": user_data,
        "blockDeviceMappings": [{"deviceName": "/dev/xvda", "rootVolume": True, "ebs": disk}],
        "metadataOptions": {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1},
        # What Karpenter takes off a type before it counts pods on it.
        "kubelet": {
            "maxPods": pool.spec.pods,
            "systemReserved": system_reserved(pool.spec, images),
            "evictionHard": eviction_hard(pool.spec, images),
        },
    }


def _utc_window(peak: Window) -> tuple[int, int]:
    """Return when a peak's lead begins, in minutes of the UTC week from Sunday on, and for how many minutes it stands."""
    offsets = {_offset(peak.zone, month) for month in range(1, 13)}
    day = _DAYS.index(peak.day) * 24 * 60
    start = day + minutes_of_day(peak.start) - math.ceil(peak.lead_seconds / 60) - max(offsets)
    end = day + minutes_of_day(peak.end) - min(offsets)
    return start % _WEEK_MINUTES, end - start


def _offset(zone: str, month: int) -> int:
    """Return the minutes that a zone is ahead of UTC in the middle of a month; both of its offsets are found in any year."""
    noon = datetime.combine(date(2026, month, 15), time(12), UTC).astimezone(ZoneInfo(zone))
    return round((noon.utcoffset() or timedelta()).total_seconds() / 60)


def _cron(minute_of_week: int) -> str:
    day, minute = divmod(minute_of_week, 24 * 60)
    return f"{minute % 60} {minute // 60} * * {day}"
