"""What the stand-in knows of resource types beyond their arguments; a type that is not listed works by the defaults.

Which changes replace is read from the schemas of cloudflare/terraform-provider-cloudflare v5 (RequiresReplace), on which
pulumi-cloudflare v6 stands; its Python classes do not say it. Another account or zone replaces in every type. A bucket's
jurisdiction, a ruleset's kind and phase and a script's cron triggers are taken as fixed because the API offers no change of them.
"""

import base64
import hashlib
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from headroom.local.cloudflare_standin.arguments import OWNERS
from headroom.local.standin.values import Hidden, Object, redact

Computed = Callable[[str, Object], Object]


def _nothing(_id: str, _inputs: Object) -> Object:
    return {}


@dataclass(frozen=True)
class Kind:
    """One resource type."""

    replaced_by: frozenset[str] = frozenset()
    """Inputs, beside account and zone, with which it is another object."""
    key: str | None = None
    """The input that is its id; None: the API invents one."""
    within: str | None = None
    """The input that names the object that it lies in."""
    unique: str | None = None
    """The input that no two objects of one account share."""
    is_uuid: bool = False
    """Whether the invented id is a UUID, not 32 hexadecimal digits."""
    computed: Computed = _nothing
    """The outputs that the API adds, from id and inputs."""

    def replaces(self, argument: str) -> bool:
        """Return whether a change of the argument makes another object."""
        return argument in OWNERS or argument in self.replaced_by

    def identify(self, urn: str, inputs: Object) -> str:
        """Return the object's id: the same for the same resource until a change replaces it."""
        if self.key is not None:
            return str(redact(inputs[self.key]))
        fixed = {name: redact(value) for name, value in sorted(inputs.items()) if self.replaces(name)}
        invented = _digest(urn, fixed)[:32]
        return str(uuid.UUID(invented)) if self.is_uuid else invented


# What stays as it is from creation on, so that a preview of an update knows it.
STABLE = frozenset({"accountTag", "aud", "clientId", "clientSecret", "consumerId", "createdAt", "createdOn", "queueId"})


def tunnel_token(account: str, tunnel: str) -> str:
    """Return a token of the form that cloudflared reads; its secret is derived from the id and opens nothing."""
    secret = base64.b64encode(bytes.fromhex(_digest("tunnel-secret", tunnel))).decode()
    return base64.b64encode(json.dumps({"a": account, "t": tunnel, "s": secret}, separators=(",", ":")).encode()).decode()


def kind_of(type_name: str) -> Kind:
    """Return what is known of a type by the middle of its token (`workersScript`)."""
    return _KINDS.get(type_name, Kind())


def _tunnel(_id: str, inputs: Object) -> Object:
    return {
        "accountTag": inputs.get("accountId"),
        "remoteConfig": inputs.get("configSrc") == "cloudflare",
        "status": "inactive",
        "tunType": "cfd_tunnel",
    }


def _service_token(made: str, _inputs: Object) -> Object:
    return {"clientId": f"{made.replace('-', '')}.access", "clientSecret": Hidden(_digest("client-secret", made))}


def _script(_id: str, inputs: Object) -> Object:
    return {"etag": _digest("script", redact(inputs.get("content") or inputs.get("contentSha256")))}


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


_KINDS = {
    "workersScript": Kind(frozenset({"scriptName"}), key="scriptName", computed=_script),
    "worker": Kind(unique="name"),
    "workerVersion": Kind(
        frozenset(
            {
                "annotations",
                "assets",
                "bindings",
                "compatibilityDate",
                "compatibilityFlags",
                "containers",
                "limits",
                "mainModule",
                "migrations",
                "modules",
                "placement",
                "usageModel",
                "workerId",
            }
        ),
        is_uuid=True,
    ),
    "workersDeployment": Kind(frozenset({"annotations", "scriptName", "strategy", "versions"}), is_uuid=True),
    "workersKvNamespace": Kind(unique="title"),
    "workersKv": Kind(frozenset({"keyName", "namespaceId"}), key="keyName", within="namespaceId"),
    "workersCronTrigger": Kind(frozenset({"scriptName"}), key="scriptName"),
    "workersScriptSubdomain": Kind(frozenset({"scriptName"}), key="scriptName"),
    "queue": Kind(unique="queueName", computed=lambda made, _: {"queueId": made}),
    "queueConsumer": Kind(frozenset({"queueId"}), computed=lambda made, _: {"consumerId": made}),
    "r2Bucket": Kind(frozenset({"jurisdiction", "name"}), key="name"),
    "ruleset": Kind(frozenset({"kind", "phase"})),
    "zeroTrustTunnelCloudflared": Kind(frozenset({"configSrc"}), unique="name", is_uuid=True, computed=_tunnel),
    "zeroTrustTunnelCloudflaredConfig": Kind(frozenset({"tunnelId"}), key="tunnelId"),
    "zeroTrustAccessApplication": Kind(is_uuid=True, computed=lambda made, _: {"aud": _digest("aud", made)}),
    "zeroTrustAccessPolicy": Kind(is_uuid=True),
    "zeroTrustAccessServiceToken": Kind(is_uuid=True, computed=_service_token),
}
