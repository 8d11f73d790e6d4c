"""The edge in workerd: started with what an `up` deployed to the stand-in's account, and nothing else."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from headroom.local.engine import ensure_engine
from headroom.local.paths import paths
from tests.environments import planned
from tests.projects import make_project

FOLDER = Path(__file__).resolve().parent
DIST = paths().root / "components" / "edge" / "worker" / "dist"
pytestmark = pytest.mark.needs("npm", "install Node.js 20 or later with npm, and run: make test-parts")


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the stand-in's account after an `up` of the stack local."""
    folder = tmp_path_factory.mktemp("edge")
    assert make_project(folder, ensure_engine(paths(), print)).run("up", "local").code == 0
    (found,) = (folder / "home" / "cloudflare" / "local").glob("*/workersScript")
    return found.parent


@pytest.fixture(scope="module")
def calls(account: Path) -> Any:
    """What came of the calls of calls.mjs."""
    done = subprocess.run(
        ["node", FOLDER / "calls.mjs", account], capture_output=True, text=True, check=False, timeout=180, cwd=FOLDER
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_is_deployed_is_what_the_sources_bundle_to(tmp_path: Path) -> None:
    """The checked-in bundles are esbuild's of the sources as they stand; if not: npm run build --prefix tests/parts/edge."""
    subprocess.run(
        ["npm", "run", "-s", "build"], cwd=FOLDER, env=_environment(OUT=str(tmp_path)), check=True, capture_output=True
    )
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        file.name: file.read_text() for file in DIST.iterdir()
    }


def test_the_sources_are_typed() -> None:
    """The compiler finds nothing in the JavaScript, against the types of workerd and of the bindings."""
    done = subprocess.run(["npm", "run", "-s", "types"], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_routers_choices() -> None:
    """router.test.mjs: jurisdiction, identity, paths that are no vertical, the shield."""
    done = subprocess.run(["node", "--test", FOLDER / "router.test.mjs"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/, or have pulumi 3.259 or later on PATH")
def test_a_call_is_bridged_to_its_vertical(calls: Any) -> None:
    """An upgrade ends at the vertical's host, with its call, its tenant and the token of Access; what it says comes back."""
    assert calls["echo"] == "hello"
    host = "salon-origin.local.example.com"
    assert calls["upstream"] | {"access": ""} == {"host": host, "call": "call-1", "tenant": "acme", "access": ""}
    assert calls["upstream"]["access"].startswith("sha256:")  # as the account's file has it


@pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/, or have pulumi 3.259 or later on PATH")
def test_a_tenant_holds_what_its_plan_caps_exactly(calls: Any) -> None:
    """Of 70 that race beside one call, as many come in as the plan leaves; the rest are told and closed with 1013."""
    cap = planned("local").plans["starter"].cap
    assert calls["freeBefore"] == {"free": cap}
    assert calls["freeDuring"] == {"free": cap - 1}
    assert (calls["admittedOfRace"], calls["refusedOfRace"]) == (cap - 1, 21)
    reason = "your plan's calls are all in use"
    assert calls["refusal"] == {"type": "refused", "reason": reason, "retryAfterSeconds": 30, "code": 1013}
    assert (calls["full"]["status"], calls["full"]["retry"]) == (429, "30")
    assert calls["otherTenant"] == calls["freeAfter"] == {"free": cap}


@pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/, or have pulumi 3.259 or later on PATH")
def test_nobody_comes_in_by_mistake(calls: Any) -> None:
    """No key, a wrong key, a plan that is not there, a vertical that is not there, a call under way, an upstream that is gone."""
    assert (calls["noKey"], calls["wrongKey"], calls["unknownVertical"], calls["sameCallAgain"]) == (401, 401, 404, 409)
    assert calls["noPlan"]["status"] == 503
    assert (calls["noUpstream"]["reason"], calls["noUpstream"]["code"]) == ("nobody answers just now", 1013)


def _environment(**changes: str) -> dict[str, str]:

    return {**os.environ, **changes}
