"""What the Cloudflare stand-in reads of the package's classes, and what it says of arguments."""

import inspect
import re

import pytest
from pulumi.runtime.proto import provider_pb2

from headroom.local.cloudflare_standin.arguments import failures
from headroom.local.cloudflare_standin.kinds import kind_of
from headroom.local.cloudflare_standin.provider import Provider
from headroom.local.cloudflare_standin.schema import Entries, Items, Nested, Package, Scalar, Type, installed_package
from headroom.local.cloudflare_standin.secret_inputs import conceal
from headroom.local.standin.guard import Refusal
from headroom.local.standin.property_path import show
from headroom.local.standin.values import UNKNOWN, Hidden, Object, from_struct, to_struct

SCRIPT = "cloudflare:index/workersScript:WorkersScript"


@pytest.fixture(scope="module")
def package() -> Package:
    """The installed package, read as text."""
    return installed_package()


def tokens(package: Package) -> list[str]:
    """Return the tokens of every resource of the package, as its own registry lists them."""
    return re.findall(r'"(cloudflare:index/\w+:\w+)"', (package.folder / "__init__.py").read_text())


def reached(package: Package, wanted: Type, seen: set[str]) -> None:
    """Add the input classes that a type leads to."""
    match wanted:
        case Items(inner) | Entries(inner):
            reached(package, inner, seen)
        case Nested(name) if name not in seen:
            seen.add(name)
            for field in package.nested(name):
                reached(package, field.type, seen)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the package deprecates some of its own classes
def test_the_text_is_read_as_python_reads_it(package: Package) -> None:
    """Names on the wire and what is required agree with the imported classes, for every resource and what the edge nests."""
    import pulumi_cloudflare
    from pulumi import _types

    def oracle(cls: type) -> dict[str, bool]:
        parameters = inspect.signature(cls).parameters
        names = _types.input_type_py_to_pulumi_names(cls)
        return {names[name]: each.default is inspect.Parameter.empty for name, each in parameters.items()}

    nested: set[str] = set()
    listed = tokens(package)
    assert len(listed) > 200
    for token in listed:
        resource = package.resource(token)
        assert resource is not None, token
        cls = getattr(pulumi_cloudflare, f"{resource.name}InitArgs", None) or getattr(pulumi_cloudflare, f"{resource.name}Args")
        assert {field.name: field.required for field in resource.inputs} == oracle(cls), token
        if resource.name in ("WorkersScript", "Ruleset", "ZeroTrustTunnelCloudflaredConfig", "ZeroTrustAccessPolicy"):
            for field in resource.inputs:
                reached(package, field.type, nested)
    assert len(nested) > 50
    for name in nested:
        assert {field.name: field.required for field in package.nested(name)} == oracle(getattr(pulumi_cloudflare, name)), name


def test_outputs_secrets_values_and_types_are_read(package: Package) -> None:
    """Outputs that are no inputs, secret properties, lists of values with their underscores, numbers and lists."""
    tunnel = package.resource("cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared")
    assert tunnel is not None
    assert tunnel.secrets == {"tunnelSecret"}
    assert "accountTag" in tunnel.outputs
    assert "name" not in tunnel.outputs
    script = {field.name: field for field in package.nested("WorkersScriptBindingArgs")}
    assert "durable_object_namespace" in script["type"].values
    assert script["allowedSenderAddresses"].type == Items(Scalar("string"))
    rate = {field.name: field for field in package.nested("RulesetRuleRatelimitArgs")}
    assert rate["period"].type == Scalar("integer")
    assert rate["characteristics"].required


def test_what_replaces_is_an_argument(package: Package) -> None:
    """Every input that a type is said to be replaced by, keyed by or unique in is one of its class."""
    known = 0
    for token in tokens(package):
        kind = kind_of(token.split("/")[1].split(":")[0])
        resource = package.resource(token)
        assert resource is not None
        named = {kind.key, kind.within, kind.unique, *kind.replaced_by} - {None}
        assert named <= {field.name for field in resource.inputs}, token
        known += bool(named)
    assert known >= 14


def said(package: Package, inputs: Object) -> dict[str, str]:
    """Return the failures of a script's arguments by their paths."""
    resource = package.resource(SCRIPT)
    assert resource is not None
    return {show(failure.path): failure.reason for failure in failures(package, resource, inputs)}


GOOD: Object = {
    "accountId": "a",
    "scriptName": "s",
    "bindings": [
        {"type": "DURABLE_OBJECT_NAMESPACE", "name": "S", "className": "Session"},
        {"type": "secret_text", "name": "K", "text": Hidden("opensesame")},
        {"type": "ratelimit", "name": "R", "namespaceId": "1", "simple": {"limit": 100, "period": 60}},
    ],
    "limits": {"cpuMs": 30000},
    "logpush": True,
    "mainModule": None,
}


def test_good_arguments_pass(package: Package) -> None:
    """Values in any case, secrets, nested numbers and nulls pass, and so does whatever only an up yields."""
    assert said(package, GOOD) == {}
    assert said(package, GOOD | {"bindings": UNKNOWN, "limits": Hidden({"cpuMs": UNKNOWN})}) == {}


@pytest.mark.parametrize(
    ("change", "path", "reason"),
    [
        ({"scriptName": None}, "scriptName", "WorkersScript needs scriptName"),
        ({"accountId": None}, "accountId", "accountId must be given"),
        ({"bidings": []}, "bidings", "WorkersScript has no argument bidings (did you mean bindings?); it has accountId, "),
        ({"bindings": {}}, "bindings", "must be a list, not an object"),
        ({"bindings": ["a"]}, "bindings[0]", "must be an object, not a string"),
        ({"bindings": [{"type": "queue"}]}, "bindings[0].name", "WorkersScriptBinding needs name"),
        ({"limits": {"cpuMs": 1.5}}, "limits.cpuMs", "must be an integer, not a number"),
        ({"limits": {"cpuMs": True}}, "limits.cpuMs", "must be an integer, not a boolean"),
        ({"logpush": "true"}, "logpush", "must be a boolean, not a string"),
        ({"usageModel": "free"}, "usageModel", "is none of its values: 'standard', 'bundled', 'unbound'"),
        ({"limits": Hidden({"cpu": 1})}, "limits.cpu", "WorkersScriptLimits has no argument cpu"),
    ],
)
def test_a_wrong_argument_is_named(package: Package, change: Object, path: str, reason: str) -> None:
    """One failure each, at its path, with what is known."""
    found = said(package, GOOD | change)
    assert list(found) == [path]
    assert reason in found[path]


def test_no_failure_shows_a_secret(package: Package) -> None:
    """A secret of the wrong type or outside its list is named by its path alone."""
    found = said(package, GOOD | {"usageModel": Hidden("opensesame"), "logpush": Hidden("opensesame")})
    assert sorted(found) == ["logpush", "usageModel"]
    assert "opensesame" not in str(found)


def test_secrets_are_held_secret_unmarked() -> None:
    """What the class names, texts of secret bindings and fields that a name gives away; plain texts stay plain."""
    inputs: Object = {
        "tunnelSecret": "a",
        "bindings": [{"type": "secret_text", "text": "b"}, {"type": "plain_text", "text": "c"}, {"keyBase64": "d"}],
        "saasApp": {"clientSecret": Hidden("e"), "clientId": "f"},
    }
    assert conceal(inputs, {"tunnelSecret"}) == {
        "tunnelSecret": Hidden("a"),
        "bindings": [
            {"type": "secret_text", "text": Hidden("b")},
            {"type": "plain_text", "text": "c"},
            {"keyBase64": Hidden("d")},
        ],
        "saasApp": {"clientSecret": Hidden("e"), "clientId": "f"},
    }


@pytest.mark.parametrize(
    ("token", "inputs", "reason"),
    [
        ("cloudflare:index/werker:Werker", {}, "pulumi-cloudflare 6.17.0 has no resource cloudflare:index/werker:Werker"),
        ("cloudflare:index/workersScript:Worker", {}, "has no resource"),
        ("cloudflare:index/workerScript:WorkerScript", {}, "WorkerScript is deprecated: declare a WorkersScript instead"),
        (
            "cloudflare:index/workerVersion:WorkerVersion",
            {"accountId": "a", "workerId": "w", "migrations": {"newTag": "v1"}},
            "judges Durable Object migrations of a WorkersScript",
        ),
    ],
)
def test_a_type_that_cannot_be_judged_is_refused(package: Package, token: str, inputs: Object, reason: str) -> None:
    """A type that is not there, a deprecated one, and migrations where they are not emulated."""
    provider = Provider("127.0.0.1:9", "6.17.0", Refusal("it", "test", "cloudflare"), package)
    urn = f"urn:pulumi:test::sample::headroom:edge:Edge${token}::name"
    answer = provider.Check(provider_pb2.CheckRequest(urn=urn, news=to_struct(inputs)), None)
    assert [reason in failure.reason for failure in answer.failures] == [True]
    assert from_struct(answer.inputs) == inputs
