"""The two Workers: the router that clients call, and the sessions that own the Durable Objects.

Two, because a deploy of a script ends every socket of its objects: a change of the router must not cut calls.
"""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from capacity.edge import MIGRATIONS, Scripts
from capacity.plan import CapacityPlan
from capacity.sizing.objects import AdmissionGate
from capacity.spec import SoldPlan
from capacity.target import CloudflareTarget
from components.edge.access import TOKEN
from components.edge.names import account_name, call_host, cloudflare_object, output
from components.edge.tunnel import Origin
from headroom.blueprint import Rendered, canonical_json

CLASSES = {"TENANT_GATE": "TenantGate", "POOL": "Pool", "CALL_SESSION": "CallSession"}
"""The Durable Object classes, by the bindings that lead to them."""
CAPS = "caps"
"""The key of the plans and caps; beside it `key:<SHA-256 of a tenant's key>` says which tenant, on which plan, holds that key."""


def script_resources(
    plan: CapacityPlan, scripts: Scripts, gate: AdmissionGate, served: Sequence[Origin], target: CloudflareTarget
) -> list[Rendered]:
    """Return the Workers and what they are bound to."""
    owner = {"accountId": target.account}
    router, sessions, callbacks = (account_name(name, plan.environment) for name in ("router", "sessions", "callbacks"))
    settings = {"name": "SETTINGS", "type": "json", "json": canonical_json(_settings(plan, scripts, gate, served))}
    return [
        cloudflare_object("plans", "WorkersKvNamespace", {**owner, "title": account_name("plans", plan.environment)}),
        cloudflare_object(
            CAPS,
            "WorkersKv",
            {**owner, "namespaceId": output("plans"), "keyName": CAPS, "value": canonical_json(caps(plan))},
        ),
        cloudflare_object("callbacks", "Queue", {**owner, "queueName": callbacks}),
        cloudflare_object(
            "sessions",
            "WorkersScript",
            {
                **_script(sessions, "sessions", scripts, target),
                "bindings": [
                    settings,
                    *(_class(binding, name, sessions) for binding, name in CLASSES.items() if name != "CallSession"),
                    {"name": "ACCESS_CLIENT_ID", "type": "secret_text", "text": output(TOKEN, "clientId")},
                    {"name": "ACCESS_CLIENT_SECRET", "type": "secret_text", "text": output(TOKEN, "clientSecret")},
                ],
                **migrations(scripts.migration_tag),
            },
        ),
        cloudflare_object(
            "router",
            "WorkersScript",
            {
                **_script(router, "router", scripts, target),
                "bindings": [
                    settings,
                    *(_class(binding, name, sessions) for binding, name in CLASSES.items()),
                    {"name": "PLANS", "type": "kv_namespace", "namespaceId": output("plans")},
                    {"name": "CALLBACKS", "type": "queue", "queueName": callbacks},
                    {
                        "name": "SHIELD",
                        "type": "ratelimit",
                        "namespaceId": str(scripts.shield.namespace),
                        "simple": {"limit": scripts.shield.requests, "period": scripts.shield.period},
                    },
                ],
            },
            after=("sessions", "callbacks"),
        ),
        *(_closed(name, account_name(name, plan.environment), target) for name in ("router", "sessions")),
        *_way_in(scripts, router, target),
    ]


def caps(plan: CapacityPlan) -> dict[str, Any]:
    """Return what the router admits by: what each plan caps and guarantees, and the sessions that each vertical's pods hold."""
    return {
        "plans": {name: _plan(sold) for name, sold in plan.plans.items()},
        "verticals": {live.name: live.provided for live in plan.live},
    }


def migrations(applied: str | None) -> dict[str, Any]:
    """Return the migration from the tag that the account has to the last one; nothing where it has that.

    It goes with every upload of its script, and the account refuses it where it is not at `oldTag`.
    """
    done = 0 if applied is None else [migration.tag for migration in MIGRATIONS].index(applied) + 1
    steps = MIGRATIONS[done:]
    if not steps:
        return {}
    start = {} if applied is None else {"oldTag": applied}
    made = [{"newSqliteClasses": list(step.new_classes)} for step in steps]
    return {"migrations": {**start, "newTag": steps[-1].tag, **(made[0] if len(made) == 1 else {"steps": made})}}


def _plan(sold: SoldPlan) -> dict[str, int]:
    return {"cap": sold.cap, "guaranteed": sold.guaranteed}


def _settings(plan: CapacityPlan, scripts: Scripts, gate: AdmissionGate, served: Sequence[Origin]) -> dict[str, Any]:
    health_data = {live.name for live in plan.live if live.spec.phi}
    kept = {} if scripts.jurisdiction is None else {"jurisdiction": scripts.jurisdiction}
    return {
        "verticals": {
            origin.vertical: {
                "upstream": f"https://{origin.host}/",
                **(kept if origin.vertical in health_data else {}),
            }
            for origin in served
        },
        "heartbeatSeconds": gate.heartbeat,
        "leaseSeconds": gate.lease_seconds,
        "retryAfterSeconds": scripts.retry_after,
    }


def _script(name: str, module: str, scripts: Scripts, target: CloudflareTarget) -> dict[str, Any]:
    return {
        "accountId": target.account,
        "scriptName": name,
        "mainModule": f"{module}.js",
        "content": (files("components.edge") / "worker" / "dist" / f"{module}.js").read_text(encoding="utf-8"),
        "compatibilityDate": scripts.compatibility_date.isoformat(),
        "limits": {"cpuMs": round(scripts.cpu * 1000), "subrequests": scripts.subrequests},
        "observability": {"enabled": True},
    }


def _class(binding: str, name: str, owner: str) -> Mapping[str, str]:
    return {"name": binding, "type": "durable_object_namespace", "className": name, "scriptName": owner}


def _closed(resource: str, script: str, target: CloudflareTarget) -> Rendered:
    """Return that a script does not answer on workers.dev, which is past the shield and past Access."""
    props = {"accountId": target.account, "scriptName": script, "enabled": False, "previewsEnabled": False}
    return cloudflare_object(f"{resource}-closed", "WorkersScriptSubdomain", props, after=(resource,))


def _way_in(scripts: Scripts, router: str, target: CloudflareTarget) -> list[Rendered]:
    host, shield = call_host(scripts.host, target), scripts.shield
    limit = {
        "characteristics": ["ip.src", "cf.colo.id"],
        "period": shield.period,
        "requestsPerPeriod": shield.requests,
        "mitigationTimeout": round(shield.blocked),
    }
    rule = {
        "action": "block",
        "expression": f'(http.host eq "{host}")',
        "description": "floods from one address",
        "ratelimit": limit,
    }
    return [
        # Of the custom domain, not a route: regional services need one.
        cloudflare_object(
            "calls",
            "WorkersCustomDomain",
            {"accountId": target.account, "zoneId": target.zone, "hostname": host, "service": router},
            after=("router",),
        ),
        cloudflare_object(
            "shield",
            "Ruleset",
            {
                "zoneId": target.zone,
                "name": "shield",
                "kind": "zone",
                "phase": "http_ratelimit",
                "rules": [rule],
            },
        ),
    ]
