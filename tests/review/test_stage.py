"""The throwaway project of a review: no cipher and no credential gets into it."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from headroom.engine.definitions import STANDIN_DEFINITIONS, missing_definitions
from headroom.engine.target import STANDIN_ACCOUNT, STANDIN_CONTEXT
from headroom.located import read_document
from headroom.review.base import without_secrets
from headroom.review.stage import PLACEHOLDER, definitions, make_pack, make_stage, without_ciphers
from policies.adapters.program import judge_blueprint
from stacks.reading import ROOT, environments, floors_path, lock_path
from stacks.voice import render
from tests.environments import planned


@pytest.mark.parametrize("environment", environments())
def test_a_staged_stack_says_the_same_but_for_its_secrets(environment: str, tmp_path: Path) -> None:
    """Spec and lock are what they were, to the letter; each cipher is a placeholder, and no key for ciphers is left."""
    stage = make_stage(ROOT, environment, floors_path(), tmp_path / "stage")
    name = f"stacks/Pulumi.{environment}.yaml"
    before, after = (read_document(root / name, name)[0] for root in (ROOT, stage.root))
    assert after["config"]["headroom:spec"] == before["config"]["headroom:spec"]
    secrets = [key for key, value in before["config"].items() if isinstance(value, dict) and "secure" in value]
    assert secrets
    assert {after["config"][key] for key in secrets} == {PLACEHOLDER}
    text = (stage.root / name).read_text(encoding="utf-8")
    assert not any(word in text for word in ("v1:", "encryptionsalt", "secure:"))
    lock = f"stacks/{environment}.forecast.json"
    assert (stage.root / lock).read_bytes() == (ROOT / lock).read_bytes()
    target = planned(environment).target
    assert stage.environ.get(STANDIN_CONTEXT) == (target.kubernetes_context if target else None)
    assert stage.environ.get(STANDIN_ACCOUNT) == (target.cloudflare.account if target and target.cloudflare else None)


def test_ciphers_in_every_style_are_replaced() -> None:
    """Block and flow, in lists too, comments behind; what only looks like a time of day keeps its text."""
    text = (
        "secretsprovider: awskms://alias/x\nencryptedkey: abc\nconfig:\n  a:b: # kept\n    secure: v1:x\n  a:c: {secure: v1:y}\n"
        "  a:d:\n    - secure: v1:z\n    - 12:30\n  a:e: {secure: v1:y, other: 1}\n"
    )
    wanted = (
        f'config:\n  a:b: # kept\n    "{PLACEHOLDER}"\n  a:c: "{PLACEHOLDER}"\n'
        f'  a:d:\n    - "{PLACEHOLDER}"\n    - 12:30\n  a:e: {{secure: v1:y, other: 1}}\n'
    )
    assert without_ciphers(text) == wanted
    assert yaml.safe_load(without_ciphers(text))["config"]["a:b"] == PLACEHOLDER


def test_every_kind_that_prod_needs_counts_as_defined() -> None:
    """The stand-in is told every custom kind by the resources' types alone, so no preview stops for one."""
    blueprint = render(planned("prod"))
    told = definitions(frozenset(resource.type for resource in blueprint))
    assert told[STANDIN_DEFINITIONS]
    assert missing_definitions(blueprint, {"HEADROOM_TARGET": "directory:/x"} | told) == ()


def test_the_pack_takes_its_rules_from_the_other_checkout(tmp_path: Path) -> None:
    """Another root's `policies` is imported, though this project is installed: a change's own rules do not judge it."""
    (tmp_path / "base" / "policies" / "adapters").mkdir(parents=True)
    (tmp_path / "base" / "policies" / "pack").mkdir()
    (tmp_path / "base" / "policies" / "pack" / "PulumiPolicy.yaml").write_text("runtime: python\n")
    for folder in ("policies", "policies/adapters"):
        (tmp_path / "base" / folder / "__init__.py").touch()
    (tmp_path / "base" / "policies" / "adapters" / "pack.py").write_text("def serve():\n    print('of base')\n")
    pack = make_pack(tmp_path / "base", tmp_path / "pack")
    ran = subprocess.run([sys.executable, "__main__.py"], cwd=pack, check=True, capture_output=True, text=True)
    assert ran.stdout == "of base\n"


def test_no_credential_reaches_code_that_nobody_reviewed() -> None:
    """Tokens, keys, passwords and what clouds and the forge set are taken out; what a program needs to run stays."""
    names = {"PATH": "1", "HOME": "1", "LANG": "1", "GOPROXY": "1", "PULUMI_HOME": "1", "HEADROOM_TARGET": "1"}
    named = """
        GITHUB_TOKEN GH_TOKEN AWS_ACCESS_KEY_ID CLOUDFLARE_API_TOKEN PULUMI_ACCESS_TOKEN PULUMI_CONFIG_PASSPHRASE KUBECONFIG
        KUBECONFIG_TEXT SOME_PASSWORD ACTIONS_RUNTIME_URL GOOGLE_CREDENTIALS
    """
    assert without_secrets(names | dict.fromkeys(named.split(), "hunter2")) == names


def test_stages_are_judged_by_the_floors_given(tmp_path: Path) -> None:
    """The floors beside a staged program are base's, whatever the change says of them."""
    floors = tmp_path / "floors.json"
    floors.write_text(floors_path().read_text().replace('"minimum_burst": 1.5', '"minimum_burst": 3'))
    stage = make_stage(ROOT, "local", floors, tmp_path / "stage")
    plan = planned("local")
    assert judge_blueprint(render(plan), lock_path("local"), floors_path(stage.root), plan.as_of).refused
