"""One harmful change for each rule, by the real pack on the real engine: the pack refuses it there too, by that rule's name."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest

from headroom.engine.run import Evidence, ensure_stack, run
from headroom.local.engine import Engine
from headroom.local.environment import environment as engine_environment
from headroom.local.paths import paths
from headroom.local.target import ACCOUNT, Directory
from policies.judge import all_rules
from tests.policies.base import Document, Situation, change, passing, verdict_on
from tests.policies.test_samples import RULES, SAMPLES, load_samples

pytestmark = pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/, or have pulumi 3.259 or later on PATH")

PROGRAM = '''"""Register the resources of a file, judged by nobody."""

import json
from pathlib import Path

from components.resource import register
from headroom.blueprint import Blueprint, Rendered

resources = json.loads(Path("resources.json").read_text(encoding="utf-8"))
register(Blueprint(tuple(Rendered(item["type"], item["name"], item["props"]) for item in resources)))
'''


@dataclass(frozen=True)
class Batch:
    """Harmful changes of several rules that do not hide each other."""

    rules: tuple[str, ...]
    situation: Situation


def batches(folder: Path) -> Iterator[Batch]:
    """Yield the denied samples of all rules, as many in one stack as each still break their rule in."""
    cases = {rule: next(case for case in load_samples(SAMPLES / f"{rule}.yaml") if case["kind"] == "denied") for rule in RULES}
    left = list(RULES)
    while left:
        taken: list[str] = []
        changes: list[Document] = []
        for rule in left:
            together = _once([*changes, *cases[rule]["change"]])
            try:
                broken = {violation.rule for violation in verdict_on(change(passing(), together), folder).violations}
            except (KeyError, IndexError, TypeError):
                continue  # it changes what another change took away
            if broken >= {rule, *taken}:
                taken, changes = [*taken, rule], together
        assert taken, f"no denied sample breaks its rule: {left}"
        left = [rule for rule in left if rule not in taken]
        yield Batch(tuple(taken), change(passing(), changes))


def _once(changes: list[Document]) -> list[Document]:
    """Return changes, each part of the stack added by the first of them that needs it."""
    added: set[str] = set()
    kept = []
    for one in changes:
        if "with" in one:
            one = one | {"with": [name for name in one["with"] if name not in added]}  # noqa: PLW2901
            added |= set(one["with"])
        kept.append(one)
    return kept


def test_each_rule_refuses_its_harmful_change_on_the_engine(engine: Engine, tmp_path: Path) -> None:
    """Every rule of the pack is named by a violation that the pack wrote down, and by the engine's own policy events."""
    by_verdict: set[str] = set()
    by_engine: set[str] = set()
    for number, batch in enumerate(batches(tmp_path)):
        root = tmp_path / str(number)
        (root / "policies").mkdir(parents=True)
        (root / "policies" / "pack").symlink_to(paths().root / "policies" / "pack")
        (root / ".venv").symlink_to(paths().root / ".venv")
        project = {"name": "rules", "runtime": {"name": "python", "options": {"toolchain": "pip", "virtualenv": ".venv"}}}
        (root / "Pulumi.yaml").write_text(json.dumps(project), encoding="utf-8")
        (root / "__main__.py").write_text(PROGRAM, encoding="utf-8")
        told = replace(
            batch.situation, resources={name: _in_an_account(item) for name, item in batch.situation.resources.items()}
        )
        resources = json.dumps(list(told.resources.values()), default=_once_known)
        (root / "resources.json").write_text(resources, encoding="utf-8")
        for name in ("lock", "floors"):
            (root / f"{name}.json").write_text(_text(batch.situation.evidence[name]), encoding="utf-8")
        own = replace(paths(), home=root / "home")
        environ = engine_environment(own, engine, Directory(own.out / "k8s"))
        ensure_stack("rules", root, environ)
        evidence = Evidence(root / "lock.json", root / "floors.json", date.fromisoformat(batch.situation.evidence["as_of"]))
        ended = run("preview", "rules", root, environ, evidence, quiet=True)
        assert ended.code != 0
        found = {violation.rule for violation in ended.violations}
        assert found >= set(batch.rules), ended.events.errors
        assert found == {violation.rule for violation in verdict_on(told, tmp_path).violations}
        by_verdict |= found
        by_engine |= {policy for policy, _, _ in ended.events.policy_messages}
    assert by_verdict == by_engine == {rule.name for rule in all_rules()}


def _once_known(_unknown: object) -> str:
    """Return what a deploy would come to know: in samples that is the address of a tunnel, or an id."""
    return "one.cfargotunnel.com"


def _in_an_account(item: Document) -> Document:
    """Return a resource with what the stand-in asks of Cloudflare's, and samples leave out."""
    asked: dict[str, Document] = {
        "cloudflare:": {"accountId": ACCOUNT},
        "cloudflare:index/workersKv:": {"namespaceId": "caps"},
        "cloudflare:index/zeroTrustAccessPolicy:": {"name": "some"},
        "cloudflare:index/zeroTrustTunnelCloudflaredConfig:": {"tunnelId": "one"},
        "cloudflare:index/dnsRecord:": {"accountId": None, "zoneId": "zone", "ttl": 1},  # it is its zone's
    }
    missing = {name: value for prefix, given in asked.items() if item["type"].startswith(prefix) for name, value in given.items()}
    return item | {"props": {name: value for name, value in missing.items() if value is not None} | item["props"]}


def _text(document: object) -> str:
    return document if isinstance(document, str) else json.dumps(document)
