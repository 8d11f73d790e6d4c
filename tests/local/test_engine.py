"""Finding the engine, and building it: with small stand-ins for `go` and `pulumi` on PATH, for a real build takes minutes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from headroom.local.engine import Engine, ensure_engine
from headroom.local.engine_build import built_engine, engine_module, pinned_version
from headroom.local.errors import ToolFailed, ToolMissing
from headroom.local.paths import Paths
from tests.local.projects import HANG_S, marked_processes

GO = """#!/bin/sh
echo "$1" >> {log}
if [ "$1" = list ]; then echo one; echo two; exit; fi
while [ "$1" != -o ]; do shift; done
echo one >&2
{build}
"""

Scripts = Callable[..., None]


@pytest.fixture
def own(tmp_path: Path) -> Paths:
    """Paths with a cache that holds nothing yet."""
    return Paths(root=tmp_path, home=tmp_path / "home", cache=tmp_path / "cache")


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scripts:
    """A function that puts scripts, and the system's own tools, on an otherwise empty PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def put(**texts: str) -> None:
        for name, text in texts.items():
            script = folder / name.replace("_", "-")
            script.write_text(text)
            script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    return put


def pulumi(version: str) -> str:
    """Return a `pulumi` of that version."""
    return f"#!/bin/sh\necho {version}\n"


def test_the_engine_is_the_pinned_one(engine: Engine) -> None:
    """The engine that the tests run says the version that go.mod pins, or a later one from PATH."""
    said = subprocess.run([engine.binary, "version"], capture_output=True, text=True, check=True).stdout.strip()
    assert said == f"v{engine.version}"
    if engine.origin == "built":
        assert engine.version == pinned_version(engine_module())


def test_an_installed_engine_is_used(own: Paths, scripts: Scripts, tmp_path: Path) -> None:
    """New enough, with its language host: nothing is built."""
    scripts(pulumi=pulumi("v3.260.1"), pulumi_language_python="#!/bin/sh\n")
    assert ensure_engine(own, print) == Engine(tmp_path / "bin" / "pulumi", "path", "3.260.1")


@pytest.mark.parametrize(
    "installed",
    [
        {"pulumi": pulumi("v3.258.0"), "pulumi_language_python": "#!/bin/sh\n"},
        {"pulumi": pulumi("v3.260.0")},
        {"pulumi": pulumi("nonsense"), "pulumi_language_python": "#!/bin/sh\n"},
        {"pulumi": "#!/bin/sh\nexit 1\n", "pulumi_language_python": "#!/bin/sh\n"},
    ],
    ids=["too old", "without host", "without version", "broken"],
)
def test_any_other_is_built(own: Paths, scripts: Scripts, tmp_path: Path, installed: dict[str, str]) -> None:
    """An engine that is too old, incomplete or broken is passed by; the build reports what it does."""
    scripts(**installed, go=GO.format(log=tmp_path / "log", build='echo built > "$2"'))
    lines: list[str] = []
    found = ensure_engine(own, lines.append)
    assert found == Engine(built_engine(own.cache), "built", pinned_version(engine_module()))
    assert found.binary.read_text() == "built\n"
    assert lines
    assert all(line.startswith("engine: ") for line in lines)
    ensure_engine(own, lines.append)
    assert (tmp_path / "log").read_text().split() == ["list", "build"]


def test_neither_engine_nor_go_says_what_to_do(own: Paths, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The message names both ways out, and what works without."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing) as missing:
        ensure_engine(own, print)
    for text in ("Pulumi engine", "Go 1.26 or later", "https://", "`headroom plan` and `headroom synth` work without"):
        assert text in str(missing.value)


def test_a_failed_build_shows_gos_own_words(own: Paths, scripts: Scripts) -> None:
    """Go too old, or without a way to its modules: its last lines, and what to do; nothing half built stays."""
    reason = "go: go.mod requires go >= 1.26.0 (running go 1.20; GOTOOLCHAIN=local)"
    scripts(go=f"#!/bin/sh\necho '{reason}' >&2\nexit 1\n")
    with pytest.raises(ToolFailed) as failed:
        ensure_engine(own, print)
    assert reason in str(failed.value)
    assert "install a newer one, or Pulumi itself" in str(failed.value)
    assert not built_engine(own.cache).exists()


def runs(own: Paths, mark: str) -> "subprocess.Popen[str]":
    """Return the engine's own command, as `make up` starts it in the background."""
    return subprocess.Popen(
        [sys.executable, "-m", "headroom.local.engine"],
        env=os.environ | {"HEADROOM_CACHE": str(own.cache), "TEST_MARK": mark},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_two_at_once_build_once(own: Paths, scripts: Scripts, tmp_path: Path) -> None:
    """The second waits, repeats the first one's progress, and finds the engine built."""
    log = tmp_path / "log"
    scripts(go=GO.format(log=log, build='sleep 1.5; echo built > "$2"'))
    both = [runs(own, "two"), runs(own, "two")]
    said = [process.communicate(timeout=HANG_S)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert log.read_text().split() == ["list", "build"]
    for lines in said:
        assert "engine: pulumi " in lines
        assert "engine: reading the list of its packages" in lines


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_leaves_no_compiler(own: Paths, scripts: Scripts, tmp_path: Path, sent: signal.Signals) -> None:
    """Ctrl-C ends Go and what Go has started, and a later call can build."""
    started = tmp_path / "started"
    scripts(go=GO.format(log=tmp_path / "log", build=f"sleep 3600 & touch {started}; wait"))
    process = runs(own, str(tmp_path))
    deadline = time.monotonic() + HANG_S
    while not started.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(sent)
    said, _ = process.communicate(timeout=HANG_S)
    assert process.returncode == 130
    assert "Traceback" not in said
    while left := marked_processes(f"TEST_MARK={tmp_path}"):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
    scripts(go=GO.format(log=tmp_path / "log", build='echo built > "$2"'))
    assert ensure_engine(own, print).binary.exists()


def test_paths_follow_the_environment(tmp_path: Path) -> None:
    """HEADROOM_HOME moves the state, not the cache: tests with a home of their own share the builds."""
    from headroom.local.paths import paths

    default = paths({})
    assert (default.root / "Pulumi.yaml").is_file()
    assert default.home == default.root / ".headroom"
    assert default.backend.parent == default.out.parent == default.pulumi_home.parent == default.home
    assert paths({"HEADROOM_HOME": str(tmp_path)}) == replace(default, home=tmp_path)
    assert paths({"HEADROOM_CACHE": str(tmp_path)}) == replace(default, cache=tmp_path)
