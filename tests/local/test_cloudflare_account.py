"""The engine with the Cloudflare stand-in: an account's whole life, and what of it lies on disk."""

import json
import re
from collections.abc import Callable
from typing import Any

from headroom.local.target import Target
from tests.local.projects import Project

ACCOUNT = "0123456789abcdef0123456789abcdef"
ZONE = "fedcba9876543210fedcba9876543210"

STACK = (
    f"""
ACCOUNT, ZONE = "{ACCOUNT}", "{ZONE}"

def cloudflare(kind, name, inputs, **options):
    return register("cloudflare:index/" + kind[0].lower() + kind[1:] + ":" + kind, name, inputs, **options)

"""
    """
tunnel = cloudflare("ZeroTrustTunnelCloudflared", "tunnel", {
    "accountId": ACCOUNT, "name": "voice", "configSrc": "cloudflare", "tunnelSecret": "aHVudGVyMjI=", "accountTag": None,
})
cloudflare("ZeroTrustTunnelCloudflaredConfig", "ingress", {
    "accountId": ACCOUNT, "tunnelId": tunnel.id,
    "config": {"ingresses": [{"hostname": "voice.example.com", "service": "http://gateway:80"}, {"service": "http_status:404"}]},
})
cloudflare("DnsRecord", "record", {
    "zoneId": ZONE, "name": "voice", "type": "CNAME", "ttl": 1, "proxied": True,
    "content": pulumi.Output.concat(tunnel.id, ".cfargotunnel.com"),
})
plans = cloudflare("WorkersKvNamespace", "plans", {"accountId": ACCOUNT, "title": "plans"})
cloudflare("WorkersKv", "caps", {"accountId": ACCOUNT, "namespaceId": plans.id, "keyName": "caps", "value": "%(value)s"})
overflow = cloudflare("Queue", "overflow", {"accountId": ACCOUNT, "queueName": "overflow"})
session = cloudflare("WorkersScript", "session", {
    "accountId": ACCOUNT, "scriptName": "session", "mainModule": "session.js",
    "content": "export class Session {}; export default {}",
    "bindings": [{"type": "durable_object_namespace", "name": "SESSION", "className": "Session"}],
    "migrations": {"newTag": "v1", "newSqliteClasses": ["Session"]},
})
router = cloudflare("WorkersScript", "router", {
    "accountId": ACCOUNT, "scriptName": "router", "mainModule": "router.js", "content": "export default {} // %(value)s",
    "bindings": [
        {"type": "durable_object_namespace", "name": "SESSION", "className": "Session", "scriptName": "session"},
        {"type": "kv_namespace", "name": "PLANS", "namespaceId": plans.id},
        {"type": "queue", "name": "OVERFLOW", "queueName": "overflow"},
        {"type": "secret_text", "name": "KEY", "text": "opensesame"},
        {"type": "plain_text", "name": "CAP", "text": "600"},
    ],
}, depends_on=[session, overflow])
cloudflare("WorkersRoute", "route", {"zoneId": ZONE, "pattern": "voice.example.com/*", "script": "router"}, depends_on=[router])
cloudflare("Ruleset", "shield", {
    "zoneId": ZONE, "name": "shield", "kind": "zone", "phase": "http_ratelimit",
    "rules": [{
        "action": "block", "expression": "true",
        "ratelimit": {"characteristics": ["ip.src"], "period": 10, "requestsPerPeriod": 50},
    }],
})
policy = cloudflare("ZeroTrustAccessPolicy", "operators", {
    "accountId": ACCOUNT, "name": "operators", "decision": "allow", "includes": [{"emailDomain": {"domain": "example.com"}}],
})
cloudflare("ZeroTrustAccessApplication", "admin", {
    "accountId": ACCOUNT, "name": "admin", "type": "self_hosted", "domain": "voice.example.com/admin",
    "policies": [{"id": policy.id, "precedence": 1}],
})
robot = cloudflare("ZeroTrustAccessServiceToken", "robot", {"accountId": ACCOUNT, "name": "robot", "clientSecret": None})
pulumi.export("tag", tunnel.accountTag)
pulumi.export("secret", robot.clientSecret)
"""
)


def files(project: Project) -> dict[str, Any]:
    """Return the account's objects by their path in the stack's folder."""
    root = project.paths.home / "cloudflare" / "test"
    return {str(file.relative_to(root)): json.loads(file.read_text()) for file in root.rglob("*") if file.is_file()}


def test_an_account_lives_as_long_as_its_stack(project: Project) -> None:
    """Up writes one file an object, with no secret in it; what was edited or removed there a refresh sees and an up repairs."""
    project.write(STACK % {"value": "one"})
    first = project.up()
    assert first.returncode == 0, first.stdout
    made = files(project)
    kinds = sorted({path.split("/")[1] for path in made})
    assert kinds == [
        "dnsRecord", "queue", "ruleset", "workersKv", "workersKvNamespace", "workersRoute", "workersScript",
        "zeroTrustAccessApplication", "zeroTrustAccessPolicy", "zeroTrustAccessServiceToken", "zeroTrustTunnelCloudflared",
        "zeroTrustTunnelCloudflaredConfig",
    ]  # fmt: skip
    session = made[f"{ACCOUNT}/workersScript/session.json"]
    assert session["durable_objects"] == {"tag": "v1", "classes": {"Session": "sqlite"}}
    assert session["outputs"]["migrationTag"] == "v1"

    everything = json.dumps(made) + first.stdout + project.state()
    for secret in ("aHVudGVyMjI=", "opensesame"):
        assert secret not in everything
    assert made[f"{ACCOUNT}/workersScript/router.json"]["inputs"]["bindings"][3]["text"].startswith("sha256:")
    assert "secret: [secret]" in first.stdout
    assert f'tag   : "{ACCOUNT}"' in first.stdout

    again = project.up()
    assert "14 unchanged" in again.stdout, again.stdout
    assert files(project) == made

    root = project.paths.home / "cloudflare" / "test"
    queue = next(root.glob("*/queue/*.json"))
    queue.write_text(queue.read_text().replace('"queueName": "overflow"', '"queueName": "edited"'))
    next(root.glob("*/workersRoute/*.json")).unlink()
    refreshed = project.pulumi("refresh", "--stack=test", "--yes", "--skip-preview").stdout
    assert "1 updated" in refreshed, refreshed
    assert "1 deleted" in refreshed
    assert "12 unchanged" in refreshed  # among them all secrets

    project.write(STACK % {"value": "two"})
    changed = project.up().stdout
    assert "1 created" in changed, changed
    assert "3 updated" in changed
    now = files(project)
    assert now.keys() == made.keys()
    assert [path.split("/")[1] for path in made if now[path] != made[path]] == ["workersKv", "workersScript"]

    destroyed = project.destroy()
    assert destroyed.returncode == 0, destroyed.stdout
    assert not root.exists()


SMALL = """
def cloudflare(kind, name, inputs, **options):
    return register("cloudflare:index/" + kind[0].lower() + kind[1:] + ":" + kind, name, inputs, **options)

plans = cloudflare("WorkersKvNamespace", "plans", {"accountId": "%(account)s", "title": "%(title)s"})
cloudflare("WorkersKv", "caps", {"accountId": "%(account)s", "namespaceId": plans.id, "keyName": "%(key)s", "value": "1"})
"""


def small(**changes: str) -> str:
    """Return a program with a namespace and a value in it."""
    return SMALL % ({"account": ACCOUNT, "title": "plans", "key": "caps"} | changes)


def test_what_names_an_object_replaces_it(project: Project) -> None:
    """A new title renames the namespace in place; a new key is a new value; another account makes all anew, the old ones go."""
    project.write(small())
    unknown = project.preview("--diff").stdout
    assert "namespaceId: [unknown]" in unknown, unknown
    assert project.up().returncode == 0
    project.write(small(title="caps and plans", key="limits"))
    renamed = project.up().stdout
    assert "1 updated" in renamed, renamed
    assert "1 replaced" in renamed, renamed
    value, namespace = sorted(files(project))
    assert re.fullmatch(rf"{ACCOUNT}/workersKv/[0-9a-f]{{32}}\+limits\.json", value)
    assert namespace == f"{ACCOUNT}/workersKvNamespace/{value.partition('/workersKv/')[2][:32]}.json"

    project.write(small(account="another"))
    assert "2 replaced" in project.up().stdout
    assert all(path.startswith("another/") for path in files(project))


def test_wrong_arguments_are_named(project: Project) -> None:
    """A preview fails on an unknown, a missing and a mistyped argument and a value outside its list, each with its path."""
    project.write(
        """
register("cloudflare:index/workersScript:WorkersScript", "router", {
    "accountId": "a", "mainModule": 3, "content": pulumi.Output.secret(4711),
    "bindings": [{"name": "S", "type": "durable_object", "clasName": "Session"}],
})
"""
    )
    preview = project.preview()
    assert preview.returncode != 0
    said = preview.stdout
    assert "router" in said
    assert "bindings[0].clasName: WorkersScriptBinding has no argument clasName (did you mean className?); it has " in said, said
    assert "bindings[0].type: is none of its values: 'ai', " in said
    assert "mainModule: must be a string, not a number" in said
    assert "content: must be a string, not a number" in said
    assert "4711" not in said
    assert "scriptName: WorkersScript needs scriptName" in said


def test_the_packages_own_classes_and_a_tunnels_token_work(project: Project) -> None:
    """Resources of pulumi_cloudflare reach the account; the token of a tunnel is secret and names account and tunnel."""
    project.write(
        f"""
import base64, json
import pulumi_cloudflare as cloudflare

tunnel = cloudflare.ZeroTrustTunnelCloudflared("tunnel", account_id="{ACCOUNT}", name="voice", config_src="cloudflare")
token = cloudflare.get_zero_trust_tunnel_cloudflared_token_output(account_id="{ACCOUNT}", tunnel_id=tunnel.id).token
pulumi.export("id", tunnel.id)
pulumi.export("token", token)
pulumi.export("read", pulumi.Output.unsecret(token.apply(lambda text: sorted(json.loads(base64.b64decode(text)).items())[0:3:2])))
"""
    )
    up = project.up()
    assert up.returncode == 0, up.stdout
    assert re.search(r'id   : "[0-9a-f]{8}-[0-9a-f]{4}-', up.stdout), up.stdout
    assert "token: [secret]" in up.stdout
    assert f'"{ACCOUNT}"' in up.stdout


def test_without_a_target_an_up_is_refused(new_project: Callable[[Target | None], Project]) -> None:
    """A preview needs no account; an up without a target says what this is, and writes nothing."""
    project = new_project(None)
    project.write(small())
    up = project.up()
    assert up.returncode != 0
    assert "this is Headroom's local stand-in for the Cloudflare provider" in up.stdout
    assert "HEADROOM_TARGET is not set" in up.stdout
    assert not (project.paths.home / "cloudflare").exists()


SCRIPT = """
register("cloudflare:index/workersScript:WorkersScript", "session", {
    "accountId": "a", "scriptName": "session", "mainModule": "session.js",
    "content": "export class Session {} // %(text)s",
    "bindings": [{"type": "durable_object_namespace", "name": "SESSION", "className": "Session"}],
    "migrations": %(migrations)s,
})
"""


def test_a_migration_that_is_sent_again_is_refused(project: Project) -> None:
    """A changed script sends its migration again: a preview warns, an up fails as the API would, and the next tag cures it."""
    first = '{"newTag": "v1", "newSqliteClasses": ["Session"]}'
    project.write(SCRIPT % {"text": "one", "migrations": first})
    assert project.up().returncode == 0
    project.write(SCRIPT % {"text": "two", "migrations": first})
    words = "Actor migration tag precondition failed, got tag '' when expected tag is 'v1'"
    preview = project.preview()
    assert preview.returncode == 0
    assert f"an `up` would be refused: {words}" in preview.stdout
    refused = project.up()
    assert refused.returncode != 0
    assert words in refused.stdout
    (held,) = files(project).values()
    assert held["inputs"]["content"].endswith("one")

    project.write(SCRIPT % {"text": "two", "migrations": '{"oldTag": "v1", "newTag": "v1"}'})
    assert project.up().returncode == 0
    (held,) = files(project).values()
    assert held["inputs"]["content"].endswith("two")
    assert held["durable_objects"] == {"tag": "v1", "classes": {"Session": "sqlite"}}
