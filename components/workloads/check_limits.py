"""Fails a pod that was started with less than the plan counts on: open files a process, and connections that wait for accept.

Runs before the pod's containers, as a file of its own: standard library only. The node's runtime gives this container the same
limits as the one that holds the sessions; where it gives none of them, it does not know the annotation that sets them.
"""

import argparse
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

SOMAXCONN = Path("/proc/sys/net/core/somaxconn")


def shortfalls(open_files: int, somaxconn: int | None, kernel: Path = SOMAXCONN) -> Iterator[str]:
    """Yield what is below the plan, with what to do about it."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < open_files:
        cure = "enable containerd's NRI plugin ulimit-adjuster on this node, or raise LimitNOFILE of its unit"
        yield f"a process may open {soft} files; the plan counts on {open_files}: {cure}"
    if somaxconn is not None:
        granted = int(kernel.read_text(encoding="ascii"))
        if granted < somaxconn:
            cure = "raise net.core.somaxconn of this node's pods"
            yield f"{granted} connections may wait for accept; the plan counts on {somaxconn}: {cure}"


def main() -> int:
    """Return 0 where the plan's limits are there, 1 where one is not."""
    parser = argparse.ArgumentParser(description="Fail where a limit of this container is below the plan.")
    parser.add_argument("--open-files", type=int, required=True, help="open files that one process needs")
    parser.add_argument("--somaxconn", type=int, help="connections that must be able to wait for accept")
    arguments = parser.parse_args()
    short = list(shortfalls(arguments.open_files, arguments.somaxconn))
    for text in short:
        print(text, file=sys.stderr)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
