"""The edge tried for real: workerd with what an `up` deployed, WebSocket clients, an upstream, crashes, clocks and deploys."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.edge_accounts import LOCAL, Deployed, deploy, install_packages, node_test

FOLDER = Path(__file__).resolve().parent
ROUNDS = "200"
SCRIPT = "cloudflare:index/workersScript:WorkersScript"
pytestmark = [
    pytest.mark.needs("npm", "install Node.js 20 or later with npm"),
    pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/, or have pulumi 3.259 or later on PATH"),
]


@pytest.mark.parametrize("file", ["apart", "calls", "hostile", "race", "sabotage"])
def test_clients_find_what_is_promised(file: str, account: Path) -> None:
    """Each file of clients' tests holds on the deployed edge; the race runs 200 rounds."""
    node_test(FOLDER / f"{file}.test.mjs", account, ROUNDS=ROUNDS)


@pytest.mark.needs("cc", "install a C compiler: apt-get install gcc")
def test_a_clock_that_jumps_never_lets_too_many_in(account: Path) -> None:
    """clock.test.mjs: workerd's wall clock is put forward and back while every place is held."""
    node_test(FOLDER / "clock.test.mjs", account)


def test_deploys_while_calls_run(tmp_path: Path) -> None:
    """A cap changes without an upload, within seconds; a router's change uploads the router alone; clients come back after it.

    Migrations are applied once: with their tag in the spec, as docs/edge.md says, uploads carry none.
    """
    install_packages()
    deployed = deploy(tmp_path)
    account = deployed.account
    sessions = account / "workersScript" / "local-sessions.json"
    assert json.loads(sessions.read_text())["durable_objects"]["tag"] == "v1"
    assert _uploaded(deployed, "scripts: {", "scripts: {migration_tag: v1, ") == {"edge-sessions"}
    assert "migrations" not in json.loads(sessions.read_text())["inputs"]
    with subprocess.Popen(
        ["node", FOLDER / "deploys.mjs", account], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as edge:
        assert _step(edge, "fill") == 50

        assert _uploaded(deployed, "starter: {tenants: 6, cap: 50,", "starter: {tenants: 6, cap: 60,") == set()
        raised = _step(edge, "values")
        assert (raised["put"], raised["within"]) == (1, 60)

        before = sessions.read_bytes()
        assert _uploaded(deployed, "scripts: {", "scripts: {retry_after: 31s, ") == {"edge-router"}
        assert sessions.read_bytes() == before
        assert _step(edge, "upload") == 60
        _step(edge, "hangUp")
        assert edge.stdin is not None
        edge.stdin.close()
        assert edge.wait(timeout=30) == 0
    assert set(deployed.project.run("up", "local").events.changes) <= {"same"}


def _uploaded(deployed: Deployed, old: str, new: str) -> set[str]:
    """Return the scripts that an `up` with a changed spec uploads, as the engine's events tell it."""
    deployed.project.edit(LOCAL, old, new)
    ended = deployed.project.run("up", "local")
    assert ended.code == 0, ended.events.errors
    changed = [step for step in ended.events.steps if step.operation != "same"]
    assert changed
    return {step.urn.rsplit("::", 1)[-1] for step in changed if step.type == SCRIPT}


def _step(edge: "subprocess.Popen[str]", name: str) -> Any:
    assert edge.stdin is not None
    assert edge.stdout is not None
    print(name, file=edge.stdin, flush=True)
    line = edge.stdout.readline()
    assert line, f"the edge ended in the step {name}"
    return json.loads(line)
