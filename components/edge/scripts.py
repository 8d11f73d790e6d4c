"""The two Workers: the router that clients call, and the sessions that own the Durable Objects.

Two, because a deploy of a script ends every socket of its objects: a change of the router must not cut calls.
"""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from capacity.edge import MIGRATIONS, Delivery, Scripts
from capacity.plan import CapacityPlan
from capacity.sizing.objects import AdmissionGate
from capacity.target import CloudflareTarget
from components.edge.access import TOKEN
from components.edge.names import (
    CALLBACKS_SECRET,
    METRICS_SECRET,
    REALTIME_SECRET,
    account_name,
    call_host,
    cloudflare_object,
    output,
)
from components.edge.settings import caps, router_settings, session_settings
from components.edge.tunnel import Origin
from headroom.blueprint import Ref, Rendered, Secret, canonical_json

CLASSES = {"TENANT_GATE": "TenantGate", "POOL": "Pool", "CALL_SESSION": "CallSession"}
"""The Durable Object classes, by the bindings that lead to them."""
DEAD = "callbacks-dead"
CAPS = "caps"
"""The key of the plans and caps; beside it `tenant:<id>` holds each tenant's plan and public keys."""


def script_resources(
    plan: CapacityPlan,
    scripts: Scripts,
    gate: AdmissionGate,
    live: Sequence[Origin],
    *,
    callbacks: Mapping[Origin, Sequence[str]],
    target: CloudflareTarget,
) -> list[Rendered]:
    """Return the Workers and what they are bound to."""
    owner = {"accountId": target.account}
    router, sessions = (account_name(name, plan.environment) for name in ("router", "sessions"))
    places = [_class(binding, name, sessions) for binding, name in CLASSES.items() if name != "CallSession"]
    return [
        cloudflare_object("plans", "WorkersKvNamespace", {**owner, "title": account_name("plans", plan.environment)}),
        *(
            cloudflare_object(
                CAPS,
                "WorkersKv",
                {**owner, "namespaceId": output("plans"), "keyName": CAPS, "value": canonical_json(caps(admission))},
            )
            for admission in (plan.admission,)
            if admission is not None
        ),
        *(
            cloudflare_object(queue, "Queue", {**owner, "queueName": account_name(queue, plan.environment)})
            for queue in ("callbacks", DEAD)
        ),
        cloudflare_object(
            "sessions",
            "WorkersScript",
            {
                **_script(sessions, "sessions", scripts, target),
                "bindings": [
                    _settings(session_settings(plan, scripts, gate, live)),
                    *places,
                    *_ACCESS,
                    *([_secret("REALTIME_KEY", Secret(REALTIME_SECRET))] if scripts.session.realtime else []),
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
                    _settings(router_settings(plan, scripts, gate, live, callbacks=callbacks, target=target)),
                    *places,
                    _class("CALL_SESSION", "CallSession", sessions),
                    {"name": "PLANS", "type": "kv_namespace", "namespaceId": output("plans")},
                    {"name": "CALLBACKS", "type": "queue", "queueName": account_name("callbacks", plan.environment)},
                    {
                        "name": "SHIELD",
                        "type": "ratelimit",
                        "namespaceId": str(scripts.shield.namespace),
                        "simple": {"limit": scripts.shield.requests, "period": scripts.shield.period},
                    },
                    _secret("METRICS_TOKEN", Secret(METRICS_SECRET)),
                    _secret("CALLBACKS_TOKEN", Secret(CALLBACKS_SECRET)),
                    *_ACCESS,
                ],
            },
            after=("sessions", "callbacks"),
        ),
        _consumer(plan.environment, scripts.delivery, router, target),
        *(_closed(name, account_name(name, plan.environment), target) for name in ("router", "sessions")),
        *_way_in(scripts, router, target),
    ]


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


def _settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": "SETTINGS", "type": "json", "json": canonical_json(settings)}


def _secret(name: str, text: Ref | Secret) -> dict[str, Any]:
    return {"name": name, "type": "secret_text", "text": text}


_ACCESS = (_secret("ACCESS_CLIENT_ID", output(TOKEN, "clientId")), _secret("ACCESS_CLIENT_SECRET", output(TOKEN, "clientSecret")))
"""What the verticals' hosts let in."""


def _class(binding: str, name: str, owner: str) -> Mapping[str, str]:
    return {"name": binding, "type": "durable_object_namespace", "className": name, "scriptName": owner}


def _consumer(environment: str, delivery: Delivery, router: str, target: CloudflareTarget) -> Rendered:
    """Return that the router empties the queue of callbacks, which it fills; what no gateway took goes to a queue of its own."""
    return cloudflare_object(
        "callbacks-consumer",
        "QueueConsumer",
        {
            "accountId": target.account,
            "queueId": output("callbacks", "queueId"),
            "type": "worker",
            "scriptName": router,
            "deadLetterQueue": account_name(DEAD, environment),
            "settings": {
                "batchSize": delivery.batch,
                "maxWaitTimeMs": round(delivery.wait * 1000),
                "maxRetries": delivery.retries,
            },
        },
        after=("router", DEAD),
    )


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
