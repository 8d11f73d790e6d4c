"""`headroom tour`: what `make up` shows a newcomer."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Annotated

import typer

from headroom.cli.console import FINE, INTERRUPTED, REFUSED, TOOL_FAILED, Settings, stop

ENVIRONMENT = "local"
REFUSED_ENVIRONMENT = "seed"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("tour")(tour)


def tour(
    context: typer.Context,
    *,
    cluster: Annotated[bool, typer.Option("--cluster", help="Deploy to the local control plane instead of a folder.")] = False,
) -> None:
    """From call history to an accepted and a refused deploy, on this machine."""
    from headroom.local.paths import paths

    settings: Settings = context.obj
    where = paths()
    log = where.home / "logs" / "engine.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    # Two handles: one shared with the build would share its position too.
    with log.open("w", encoding="utf-8") as written, log.open(encoding="utf-8") as news:
        build = subprocess.Popen(
            [sys.executable, "-m", "headroom.local.engine"],
            stdout=written,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        try:
            _without_engine(settings)
            _await_engine(build, news, settings)
        except KeyboardInterrupt:
            stop(INTERRUPTED)
        finally:
            build.terminate()
            build.wait()
    if cluster:
        _step(settings, "Start the local control plane", ["-m", "headroom.local.cluster", "up"], FINE)
    on_cluster = ["--cluster"] if cluster else []
    _headroom(settings, "Preview with the policy pack, then apply", ["up", ENVIRONMENT, *on_cluster], FINE)
    settings.say(_closing(where.kubeconfig if cluster else where.out / ENVIRONMENT / "k8s", cluster=cluster))
    stop(FINE)


def _without_engine(settings: Settings) -> None:
    settings.say("The Pulumi engine is made ready in the background (.headroom/logs/engine.log); these steps need none.")
    history = ["forecast", ENVIRONMENT, "--history", f"stacks/{ENVIRONMENT}.history.yaml"]
    _headroom(settings, "Call history to forecast lock", history, FINE)
    _headroom(settings, f"The plan of {ENVIRONMENT}", ["plan", ENVIRONMENT], FINE)
    _headroom(
        settings,
        f"The published figures ({REFUSED_ENVIRONMENT}), judged: refused, as it must be",
        ["synth", REFUSED_ENVIRONMENT],
        REFUSED,
    )


def _await_engine(build: "subprocess.Popen[bytes]", log: IO[str], settings: Settings) -> None:
    started = time.monotonic()
    waits = build.poll() is None
    if waits:
        settings.say("\n==> Wait for the Pulumi engine (built once, about 4 minutes on 2 cores)")
    while build.poll() is None:
        for line in log.readlines()[-1:]:
            settings.say("    " + line.rstrip())
        time.sleep(0.2)
    if build.returncode != 0:
        log.seek(0)
        settings.say(log.read().rstrip())
        settings.say("The steps above need no engine; deploying does.")
        stop(TOOL_FAILED)
    if waits:
        settings.say(f"    {time.monotonic() - started:.1f} s")


def _headroom(settings: Settings, title: str, arguments: Sequence[str], expected: int) -> None:
    _step(settings, title, ["-m", "headroom.cli", *arguments], expected, shown="headroom " + " ".join(arguments))


def _step(settings: Settings, title: str, arguments: Sequence[str], expected: int, shown: str = "") -> None:
    settings.say(f"\n==> {title}" + (f": {shown}" if shown else ""))
    started = time.monotonic()
    code = subprocess.run([sys.executable, *arguments], check=False).returncode
    settings.say(f"    {time.monotonic() - started:.1f} s")
    if code != expected:
        settings.say(f"this step ended with exit code {code}; {expected} was expected")
        stop(code or TOOL_FAILED)


def _closing(made: Path, *, cluster: bool) -> str:
    from headroom.local.paths import paths

    root = paths().root
    shown = made.relative_to(root) if made.is_relative_to(root) else made
    look = "make cluster-status (it says where kubectl and its kubeconfig are)" if cluster else f"ls {shown}"
    unproven = "kwok plays the nodes and pods" if cluster else "Kubernetes is a stand-in here"
    return f"""
Made: the stack {ENVIRONMENT}, {"on the local control plane" if cluster else f"as files in {shown}"}.
      {unproven}: docs/local.md says what that does not prove.
Look: {look}
Next: . .venv/bin/activate
      headroom plan prod                      the corrected stack of about 3000 concurrent sessions
      headroom preview seed                   refused by the engine as well
      edit stacks/Pulumi.local.yaml, then headroom up local
      headroom destroy local                  removes it all"""
