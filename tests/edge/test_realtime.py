"""Calls to a model that speaks the Realtime protocol, through what an `up` deployed."""

from pathlib import Path

import pytest

from headroom.local.engine import ensure_engine
from headroom.local.paths import paths
from tests.edge_accounts import LOCAL, SHORT, install_packages, node_test
from tests.projects import make_project

FOLDER = Path(__file__).resolve().parent
MODEL = 'url: "https://model.example.com/v1/realtime?model=fake", session_limit: 6s, reopen_before: 5s, transcription: scribe'
pytestmark = [
    pytest.mark.needs("npm", "install Node.js 20 or later with npm"),
    pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/, or have pulumi 3.259 or later on PATH"),
]


def test_a_conversation_outlives_sessions_deploys_and_crashes(tmp_path: Path) -> None:
    """realtime.test.mjs, on a spec that says of one vertical that a model answers its calls."""
    install_packages()
    project = make_project(tmp_path, ensure_engine(paths(), print))
    for old, new in SHORT.items():
        project.edit(LOCAL, old, new)
    project.edit(LOCAL, "scripts: {", f"scripts: {{session: {{realtime: {{it-helpdesk: {{{MODEL}}}}}}}, ")
    project.edit(LOCAL, "  headroom:metricsToken:", "  headroom:realtimeKey: a-key\n  headroom:metricsToken:")
    ended = project.run("up", "local")
    assert ended.code == 0, ended.events.errors
    (scripts,) = (tmp_path / "home" / "cloudflare" / "local").glob("*/workersScript")
    node_test(FOLDER / "realtime.test.mjs", scripts.parent)
