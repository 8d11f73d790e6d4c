"""The life of the edge on the real engine; Cloudflare is the stand-in's account."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from headroom.local.engine import Engine
from tests.projects import Project, make_project

pytestmark = pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/, or have pulumi 3.259 or later on PATH")

SPEC = "stacks/Pulumi.local.yaml"
SCRIPTS = "scripts: {"
SECRET = "A" * 43 + "="
"""What the examples' placeholder is: 32 bytes of zero."""


@pytest.fixture(scope="module")
def first(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The stack local after its first `up`."""
    project = make_project(tmp_path_factory.mktemp("first"), engine)
    assert project.run("up", "local").code == 0
    return project


@pytest.fixture
def deployed(first: Project, project: Project) -> Project:
    """A copy of it, with the state and the account that the first `up` left."""
    shutil.copytree(_home(first), _home(project), dirs_exist_ok=True, ignore=shutil.ignore_patterns("plugins"))
    return project


def _home(project: Project) -> Path:
    return project.out.parent.parent


def _stored(project: Project, kind: str, name: str) -> Any:
    (file,) = [file for file in project.cloudflare_files() if file.parent.name == kind and name in file.name]
    return json.loads(file.read_text(encoding="utf-8"))


def _changed(project: Project) -> dict[str, str]:
    ended = project.run("up", "local")
    assert ended.code == 0, ended.events.errors
    return {step.urn.rpartition("::")[2]: step.operation for step in ended.events.steps if step.operation != "same"}


def test_a_second_up_applies_no_migration_and_changes_nothing(deployed: Project) -> None:
    """The classes are made once; unchanged scripts are not uploaded, so that their migration is not sent again."""
    ledger = _stored(deployed, "workersScript", "sessions")["durable_objects"]
    assert ledger == {"tag": "v1", "classes": dict.fromkeys(("TenantGate", "Pool", "CallSession"), "sqlite")}
    again = deployed.run("up", "local")
    assert (again.code, set(again.events.changes)) == (0, {"same"})
    assert _stored(deployed, "workersScript", "sessions")["durable_objects"] == ledger


def test_a_changed_script_needs_the_applied_tag_and_then_sends_no_migration(deployed: Project) -> None:
    """Without the tag the account refuses the upload, with the figure to set; with it the script changes and the classes stay."""
    deployed.edit(SPEC, SCRIPTS, f"{SCRIPTS}cpu: 20s, ")
    refused = deployed.run("up", "local")
    assert refused.code != 0
    assert any("Actor migration tag precondition failed" in error for error in refused.events.errors)
    deployed.edit(SPEC, SCRIPTS, f"{SCRIPTS}migration_tag: v1, ")
    # The router's upload was not refused, and may have been made already.
    assert {"edge-sessions": "update"}.items() <= _changed(deployed).items()
    stored = _stored(deployed, "workersScript", "sessions")
    assert stored["durable_objects"]["tag"] == "v1"
    assert stored["inputs"]["limits"]["cpuMs"] == 20_000
    assert "migrations" not in stored["inputs"]
    assert _changed(deployed) == {}


def test_a_change_of_the_router_leaves_the_sessions_alone(deployed: Project) -> None:
    """What only the router has, the shield, changes only the router and the zone's rule: no socket of a session is cut."""
    deployed.edit(SPEC, SCRIPTS, f"{SCRIPTS}shield: {{requests: 700}}, ")
    assert _changed(deployed) == {"edge-router": "update", "edge-shield": "update"}


def test_a_changed_cap_deploys_nothing(deployed: Project) -> None:
    """A plan's cap is runtime data: no script is uploaded, no pod is rolled; the gateway reads its own copy while it runs."""
    deployed.edit(SPEC, "starter: {tenants: 6, cap: 50,", "starter: {tenants: 6, cap: 60,")
    assert _changed(deployed) == dict.fromkeys(("edge-caps", "gateway", "gateway-config", "sold"), "update")
    assert json.loads(_stored(deployed, "workersKv", "caps")["inputs"]["value"])["plans"]["starter"]["cap"] == 60


def test_no_secret_stands_in_plain_text_anywhere(deployed: Project) -> None:
    """Neither state nor account nor rendered object holds the tunnel's secret or the tokens of Access."""
    tokens = [file for file in deployed.cloudflare_files() if file.parent.name == "zeroTrustAccessServiceToken"]
    assert len(tokens) == 2
    for file in tokens:
        assert json.loads(file.read_text(encoding="utf-8"))["outputs"]["clientSecret"].startswith("sha256:")
    home = _home(deployed)
    written = [file for file in home.rglob("*") if file.is_file() and "plugins" not in file.parts]
    assert {"cloudflare", "state", "out"} <= {file.relative_to(home).parts[0] for file in written}
    assert [file for file in written if SECRET in _text(file)] == []
    exported = deployed.plain("stack", "export", "--stack", "local").stdout
    resources = {each["urn"].rpartition("::")[2]: each for each in json.loads(exported)["deployment"]["resources"]}
    for name, place in (("edge-sessions-token", ("outputs", "clientSecret")), ("edge-tunnel", ("inputs", "tunnelSecret"))):
        assert "ciphertext" in resources[name][place[0]][place[1]]
    assert "ciphertext" in resources["edge-tunnel-credentials"]["inputs"]["stringData"]


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")
