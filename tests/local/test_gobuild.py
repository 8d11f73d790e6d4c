"""Building Go programs: whole or not at all, Go's own words on failure, nothing left after an interrupt."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from headroom.local.errors import ToolFailed, ToolMissing
from headroom.local.gobuild import go_build

pytestmark = pytest.mark.needs("go", "install Go 1.26 or later (https://go.dev/doc/install)")


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A Go module of one program without dependencies."""
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "go.mod").write_text("module example.com/hello\n\ngo 1.21\n")
    (folder / "main.go").write_text('package main\n\nfunc main() { println("hello") }\n')
    return folder


def test_program_is_built(module: Path, tmp_path: Path) -> None:
    """The program is where it was asked for, runs, and nothing unfinished lies beside it."""
    output = tmp_path / "bin" / "hello"
    told: list[str] = []
    go_build(module, "example.com/hello", output, (), told.append)
    assert subprocess.run([output], capture_output=True, text=True, check=True).stderr == "hello\n"
    assert list(output.parent.iterdir()) == [output]
    assert told[-1].startswith("hello: built in ")


def test_failure_has_the_words_of_go(module: Path, tmp_path: Path) -> None:
    """A program that does not compile gives Go's message, and no file."""
    (module / "main.go").write_text("package main\n\nfunc main() { undefinedName() }\n")
    output = tmp_path / "bin" / "hello"
    with pytest.raises(ToolFailed) as failure:
        go_build(module, "example.com/hello", output, (), print)
    assert "undefined: undefinedName" in failure.value.detail
    assert list(output.parent.iterdir()) == []


def test_missing_go_is_named(module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Go on PATH the error says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match="Install Go"):
        go_build(module, "example.com/hello", tmp_path / "hello", (), print)


def test_interrupt_ends_the_compilers(module: Path, tmp_path: Path) -> None:
    """Ctrl-C in a build ends Go and every compiler that Go has started."""
    program = (
        "import sys, pathlib; from headroom.local.gobuild import go_build; "
        "go_build(pathlib.Path(sys.argv[1]), 'net/http', pathlib.Path(sys.argv[2]), (), print)"
    )
    # An empty cache, so that there is something to compile.
    environment = {**os.environ, "GOCACHE": str(tmp_path / "cache")}
    arguments = [sys.executable, "-c", program, str(module), str(tmp_path / "out")]
    with subprocess.Popen(arguments, env=environment, stderr=subprocess.DEVNULL) as build:
        wait_for(lambda: "compile" in programs(tmp_path / "cache"))
        build.send_signal(signal.SIGINT)
        build.wait(timeout=30)
    wait_for(lambda: not programs(tmp_path / "cache"))
    assert not (tmp_path / "out").exists()


def programs(cache: Path) -> set[str]:
    """The names of the running programs that were given this cache of Go's."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"GOCACHE={cache}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.add((process / "comm").read_text().strip())
    return found


def wait_for(check: Callable[[], bool]) -> None:
    """Wait until the check holds."""
    deadline = time.monotonic() + 30
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.02)
