"""`headroom deliver` and `headroom drift`: in order, not in a peak, only onto the state that was seen, and what became of it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from headroom.cli import deliver
from headroom.cli import run as cli_run
from headroom.cli.console import Settings
from headroom.engine.events import RunEvents
from headroom.engine.run import Run
from headroom.local.engine import Engine
from tests.environments import planned

QUIET, PEAK = "2026-11-01T03:00Z", "2026-11-02T09:30-05:00"


def _headroom(home: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    ended = subprocess.run(
        [sys.executable, "-m", "headroom.cli", *arguments, "--json", "--quiet"],
        env=os.environ | {"HEADROOM_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert ended.stdout, ended.stderr
    return ended.returncode, json.loads(ended.stdout)


@pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/, or have pulumi 3.259 or later on PATH")
def test_delivered_then_as_planned_then_changed_by_hand(engine: Engine, tmp_path: Path) -> None:
    """Nothing in a peak; else applied; then no drift, until somebody edits or removes an object: each is named."""
    assert engine.binary.is_file()
    home = tmp_path / "home"
    code, document = _headroom(home, "deliver", "local", "dev", "--at", PEAK)
    assert (code, document["environments"][0]["delivered"], document["left"]) == (1, False, ["dev"])
    assert "in a declared peak of" in document["environments"][0]["stopped_by"]
    assert not (home / "out").exists()
    code, document = _headroom(home, "deliver", "local", "--at", QUIET)
    assert (code, [step["outcome"] for step in document["environments"][0]["steps"]]) == (0, ["applied"])
    assert _headroom(home, "drift", "local") == (0, {"drift": {"local": {}}})
    edited = next((home / "out").rglob("deployment.sales.yaml"))
    edited.write_text(edited.read_text().replace("terminationGracePeriodSeconds: ", "terminationGracePeriodSeconds: 9"))
    next((home / "out").rglob("configmap.grafana-dashboards.yaml")).unlink()
    code, document = _headroom(home, "drift", "local")
    assert code == 1
    assert document["drift"]["local"] == {"sales-deployment": "update", "observability-dashboards": "create"}


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a delivery did, with an engine that applies every environment but `prod`."""
    done: list[str] = []

    def judged(operation: str, name: str, settings: Settings, *, cluster: bool) -> None:
        assert not cluster
        assert settings.as_json is False
        done.append(f"{operation} {name}")
        raise typer.Exit(1 if name == "prod" else 0)

    monkeypatch.setattr("headroom.cli.run.judged", judged)
    monkeypatch.setattr(deliver, "_peaks", lambda *_: ())
    return done


def _delivered(*names: str) -> int:
    context = typer.Context(typer.main.get_command(_app()), obj=Settings(quiet=True))
    with pytest.raises(typer.Exit) as ended:
        deliver.deliver(context, list(names), QUIET)
    return int(ended.value.exit_code)


def _app() -> typer.Typer:
    app = typer.Typer()
    deliver.add_to(app)
    return app


def test_it_stops_at_the_first_that_refuses(steps: list[str]) -> None:
    """What comes after a refusal is left alone."""
    assert _delivered("staging", "prod", "dev") == 1
    assert steps == ["up staging", "up prod"]


def test_another_state_than_the_previewed_one_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody delivered between preview and up: it says so, and applies nothing."""
    done: list[str] = []

    def ran(operation: str, *_: object, **__: object) -> Run:
        done.append(operation)
        return Run(0, RunEvents((), frozenset(), (), ()), (), ("one",))

    versions = iter([7, 8])
    monkeypatch.setattr(cli_run, "_version", lambda *_: next(versions))
    monkeypatch.setattr(cli_run, "_run", ran)
    monkeypatch.setattr(cli_run, "staged", lambda *_, **__: cli_run.Stage(Path(), {}, planned("local")))
    with pytest.raises(typer.Exit) as ended:
        cli_run.judged("up", "local", Settings(quiet=True), cluster=False)
    assert (ended.value.exit_code, done) == (3, ["preview"])
    assert "its state went from version 7 to 8 since the preview" in capsys.readouterr().err


@pytest.mark.needs("go", "install Go 1.26 or later from https://go.dev/dl/, or have pulumi 3.259 or later on PATH")
def test_up_is_judged_as_a_change_before_it_applies(engine: Engine, tmp_path: Path) -> None:
    """What is deployed differs in what forces a replacement of servers that keep data: refused, and nothing is touched."""
    assert engine.binary.is_file()
    home = tmp_path / "home"
    assert _headroom(home, "up", "local")[0] == 0
    (state,) = (file for file in (home / "state").rglob("local.json") if "stacks" in file.parts)
    before = state.read_text(encoding="utf-8")
    assert '"serviceName":"bus-peers"' in before
    state.write_text(before.replace('"serviceName":"bus-peers"', '"serviceName":"others"'), encoding="utf-8")
    left = state.read_bytes()
    code, document = _headroom(home, "up", "local")
    assert (code, document["outcome"]) == (1, "refused")
    assert {(found["rule"], found["resource"]) for found in document["violations"]} == {("stateful-not-replaced", "bus-servers")}
    assert "stateful-not-replaced" in document["change_rules_run"]
    assert state.read_bytes() == left
    code, document = _headroom(home, "up", "local", "--break-glass", "nothing is kept yet")
    assert (code, document["outcome"]) == (0, "applied")
    assert [each["rule"] for each in document["waived"]] == ["stateful-not-replaced"]
