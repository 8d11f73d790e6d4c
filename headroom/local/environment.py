"""The environment in which the engine runs on this machine: its own home, its own state, stand-ins where needed."""

import os
import shlex
import sys
from importlib.metadata import version
from pathlib import Path

from headroom.local.engine import OFFICIAL_HOST, Engine, official_host
from headroom.local.paths import Paths
from headroom.local.target import ACCOUNT, ACCOUNT_VARIABLE, CONTEXT, CONTEXT_VARIABLE, VARIABLE, Cluster, Target, encode

STANDINS = ("kubernetes", "cloudflare")


def environment(paths: Paths, engine: Engine, target: Target | None) -> dict[str, str]:
    """Return the whole environment for running `pulumi` here; without a target only previews succeed.

    Creates the state's folder and installs the stand-in providers and, where the engine has none of its own,
    the language host. What the caller's environment says to Pulumi and Cloudflare (tokens, backends, plugins) is left out,
    but for the passphrase: nothing here may reach a real backend, cluster or account. What stands in for those is named.
    """
    paths.backend.mkdir(parents=True, exist_ok=True)
    for package in STANDINS:
        _install_provider(paths, package)
    _install_host(paths, engine)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PULUMI_", "CLOUDFLARE_")) and name not in (VARIABLE, "KUBECONFIG")
    }
    path = os.pathsep.join((str(engine.binary.parent), os.environ.get("PATH", os.defpath)))
    aimed = {} if target is None else {VARIABLE: encode(target)}
    aimed |= {"KUBECONFIG": str(target.kubeconfig)} if isinstance(target, Cluster) else {CONTEXT_VARIABLE: CONTEXT}
    aimed |= {ACCOUNT_VARIABLE: ACCOUNT}
    return (
        kept
        | aimed
        | {
            "PATH": path,
            "PULUMI_HOME": str(paths.pulumi_home),
            "PULUMI_BACKEND_URL": f"file://{paths.backend}",
            "PULUMI_CONFIG_PASSPHRASE": os.environ.get("PULUMI_CONFIG_PASSPHRASE", ""),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            # Without this a pulumi-resource-… on PATH, a real one, would take a stand-in's place.
            "PULUMI_IGNORE_AMBIENT_PLUGINS": "true",
        }
    )


def _install_provider(paths: Paths, package: str) -> None:
    folder = paths.pulumi_home / "plugins" / f"resource-{package}-v{version(f'pulumi-{package}')}"
    _install(folder / f"pulumi-resource-{package}", _runner(f"headroom.local.{package}_standin"))


def _install_host(paths: Paths, engine: Engine) -> None:
    """Put the host where the engine looks after its own folder: PULUMI_HOME, which is this clone's, as is the interpreter.

    (Beside a built engine it would be shared by all who share the cache, with whatever interpreter came last.)
    """
    host = paths.pulumi_home / "plugins" / f"language-python-v{engine.version}" / OFFICIAL_HOST
    official = official_host(engine.binary) if engine.origin == "path" else None
    if official is None:
        _install(host, _runner("headroom.local.language_host"))
    else:
        _install(host, f'#!/bin/sh\nexec {shlex.quote(str(official))} "$@"\n')


def _runner(module: str) -> str:
    """Return a script that runs the module with this interpreter (-P: the project's folder must not shadow modules)."""
    return f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -u -P -m {module} "$@"\n'


def _install(script: Path, text: str) -> None:
    if script.exists() and script.read_text() == text and os.access(script, os.X_OK):
        return
    script.parent.mkdir(parents=True, exist_ok=True)
    fresh = script.with_name(f"{script.name}.{os.getpid()}")
    fresh.write_text(text)
    fresh.chmod(0o755)
    fresh.replace(script)
