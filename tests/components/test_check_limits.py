"""The program that ends a pod's start where a limit is below the plan, run as the pod runs it."""

import subprocess
import sys
from pathlib import Path

from components.workloads import check_limits
from components.workloads.check_limits import shortfalls

PROGRAM = check_limits.__file__


def started(open_files: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program, started with so many open files allowed."""
    command = ["prlimit", f"--nofile={open_files}:{open_files}", sys.executable, "-I", PROGRAM, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_enough_open_files_let_the_pod_start() -> None:
    """At the plan's figure the program is content and says nothing."""
    done = started(512, "--open-files", "512")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_one_open_file_fewer_ends_the_start() -> None:
    """Below it the pod fails, and its log says by how much and what to do."""
    done = started(511, "--open-files", "512")
    assert done.returncode == 1
    assert done.stderr == (
        "a process may open 511 files; the plan counts on 512: "
        "enable containerd's NRI plugin ulimit-adjuster on this node, or raise LimitNOFILE of its unit\n"
    )


def test_the_listen_queue_is_that_of_the_pods_own_network() -> None:
    """What this kernel grants passes; one more connection does not."""
    granted = int(check_limits.SOMAXCONN.read_text())
    assert started(512, "--open-files", "1", "--somaxconn", str(granted)).returncode == 0
    refused = started(512, "--open-files", "1", "--somaxconn", str(granted + 1))
    assert refused.returncode == 1
    assert f"{granted} connections may wait for accept; the plan counts on {granted + 1}" in refused.stderr


def test_every_limit_that_is_short_is_named(tmp_path: Path) -> None:
    """Two limits below the plan are two lines."""
    kernel = tmp_path / "somaxconn"
    kernel.write_text("128\n")
    assert len(list(shortfalls(2**40, 4096, kernel))) == 2
