"""KEDA in the place of an autoscaler of one's own: it makes the HorizontalPodAutoscaler, and cron triggers carry the week."""

import math
from datetime import datetime, timedelta
from typing import Any

from capacity.autoscaling import Scaling
from capacity.clocks import minutes_of_day
from capacity.lock import WEEKDAYS
from capacity.plan import LivePlan
from capacity.scaling import Window
from components.kubernetes import kubernetes_object
from components.workloads.scaling import autoscaler_claims, behavior, scale_target
from headroom.blueprint import Rendered

_MONDAY = datetime(2026, 1, 5)  # noqa: DTZ001  # any Monday: only weekday and time of day count, in the window's own zone


def sessions_query(vertical: str) -> str:
    """Return the Prometheus query for the active sessions of a vertical."""
    return f'sum(voice_active_sessions{{vertical="{vertical}"}})'


def scaled_object(vertical: LivePlan, scaling: Scaling) -> Rendered:
    """Return the ScaledObject of a vertical.

    The highest trigger counts, so a cron trigger is a floor. Where Prometheus does not answer, the highest floor of the week is
    asked for, or what there is if that is more.
    """
    name, plan, keda = vertical.name, vertical.scaling, scaling.keda
    sessions = {
        "type": "prometheus",
        "metricType": "AverageValue",
        "metadata": {
            "serverAddress": keda.prometheus,
            "query": sessions_query(name),
            "threshold": str(plan.target.sessions),
            # KEDA takes an empty answer for no load by itself.
            "ignoreNullValues": "false",
        },
    }
    return kubernetes_object(
        f"{name}-scaled-object",
        "keda.sh/v1alpha1",
        "ScaledObject",
        {"name": name, "namespace": name, "annotations": autoscaler_claims(vertical)},
        {
            "spec": {
                "scaleTargetRef": scale_target(name),
                "pollingInterval": math.ceil(keda.polling),
                "minReplicaCount": plan.baseline,
                "maxReplicaCount": plan.maximum,
                "fallback": {
                    "failureThreshold": keda.failures,
                    "replicas": max([plan.baseline, *(window.replicas for window in plan.windows)]),
                    "behavior": "currentReplicasIfHigher",
                },
                "advanced": {"horizontalPodAutoscalerConfig": {"name": name, "behavior": behavior(scaling)}},
                "triggers": [sessions, *(floor_trigger(window) for window in plan.windows)],
            }
        },
        parent=name,
        after=(f"{name}-deployment",),
    )


def floor_trigger(window: Window) -> dict[str, Any]:
    """Return the trigger that holds a window's floor from its lead to its end."""
    day = _MONDAY + timedelta(days=WEEKDAYS.index(window.day))
    # A cron line has whole minutes: the floor stands a little early rather than late.
    start = day + timedelta(minutes=minutes_of_day(window.start)) - timedelta(minutes=math.ceil(window.lead_seconds / 60))
    return {
        "type": "cron",
        "metadata": {
            "timezone": window.zone,
            "start": _cron(start),
            "end": _cron(day + timedelta(minutes=minutes_of_day(window.end))),
            "desiredReplicas": str(window.replicas),
        },
    }


def _cron(at: datetime) -> str:
    """Return an instant of the week as a line of five fields."""
    return f"{at.minute} {at.hour} * * {at.isoweekday() % 7}"
