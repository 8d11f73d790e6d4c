"""What the Workers are told: by bindings what changes with a deploy, by KV what changes without one."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from capacity.admission import Admission
from capacity.edge import Scripts
from capacity.plan import CapacityPlan
from capacity.sizing.objects import AdmissionGate
from capacity.target import CloudflareTarget
from components.edge.names import call_host
from components.edge.sessions import realtime_vertical, session_limits
from components.edge.tunnel import Origin


def caps(admission: Admission) -> dict[str, Any]:
    """Return what the router admits by: what each plan caps and guarantees, and the places of each vertical."""
    return {
        "plans": {
            name: {
                "cap": plan.cap,
                "guaranteed": sum(plan.guaranteed.values()),
                "guarantees": dict(plan.guaranteed),
                "starts": {"perSecond": plan.starts_per_second, "burst": plan.cap},
            }
            for name, plan in admission.plans.items()
        },
        "verticals": {name: places.places for name, places in admission.verticals.items()},
        "pools": {
            name: {"reserved": places.reserved, "shards": places.shards, "block": places.block}
            for name, places in admission.verticals.items()
        },
    }


def session_settings(plan: CapacityPlan, scripts: Scripts, gate: AdmissionGate, live: Sequence[Origin]) -> dict[str, Any]:
    """Return what the script is told that owns the objects. A change of it cuts calls, so it holds nothing of the router's."""
    common = _common(plan, scripts, gate, live)
    longest = {vertical.name: {"longestSeconds": vertical.spec.longest_call} for vertical in plan.live}
    models = {name: realtime_vertical(it) for name, it in scripts.session.realtime.items()}
    return common | {
        "verticals": {name: vertical | longest[name] | models.get(name, {}) for name, vertical in common["verticals"].items()},
        "session": session_limits(scripts.session),
        "loanSeconds": gate.loan_seconds,
        "reportedSeconds": scripts.reported,
    }


def router_settings(
    plan: CapacityPlan,
    scripts: Scripts,
    gate: AdmissionGate,
    live: Sequence[Origin],
    *,
    callbacks: Mapping[Origin, Sequence[str]],
    target: CloudflareTarget,
) -> dict[str, Any]:
    """Return what the router is told."""
    tokens, refusal, delivery = scripts.tokens, scripts.refusal, scripts.delivery
    return _common(plan, scripts, gate, live) | {
        "retryAfterSeconds": math.ceil(scripts.retry_after),
        "tokens": {
            "audience": call_host(scripts.host, target),
            "longestSeconds": tokens.life,
            "skewSeconds": tokens.skew,
            "longestCharacters": tokens.longest,
            "longestId": tokens.longest_id,
            "rememberSeconds": tokens.remember,
        },
        # Not in the order of their names: the first text is for whoever understands none.
        "refusal": {
            "texts": [[language, text] for language, text in refusal.texts.items()],
            "offerSeconds": refusal.offer,
            "longestReply": refusal.longest_reply,
        },
        "callbacks": {
            "upstreams": {vertical: f"https://{origin.host}/" for origin, served in callbacks.items() for vertical in served},
            "firstRetrySeconds": delivery.first_retry,
            "longestRetrySeconds": delivery.longest_retry,
        },
    }


def _common(plan: CapacityPlan, scripts: Scripts, gate: AdmissionGate, live: Sequence[Origin]) -> dict[str, Any]:
    health_data = {vertical.name for vertical in plan.live if vertical.spec.phi}
    kept = {} if scripts.jurisdiction is None else {"jurisdiction": scripts.jurisdiction}
    return {
        "verticals": {
            origin.name: {
                "upstream": f"https://{origin.host}/",
                **({"healthData": True} | kept if origin.name in health_data else {}),
            }
            for origin in live
        },
        "heartbeatSeconds": gate.heartbeat,
        "leaseSeconds": gate.lease_seconds,
    }
