"""The command ``python -m headroom.local.cluster {up,down,status}``."""

import argparse
import json
import signal
import sys
from dataclasses import asdict
from typing import NoReturn

from headroom.local.cluster.control_plane import ClusterStatus, down, status, up
from headroom.local.errors import ToolFailed, ToolMissing
from headroom.local.paths import paths


def main() -> int:
    """Return the exit code: 0 fine, 3 if a tool is missing or fails or ``status`` finds a component unhealthy."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, _interrupt)  # an `up` that is told to go must clear up, as on Ctrl-C
    try:
        match arguments.command:
            case "up":
                _show(up(paths(), _progress, reset=arguments.reset), as_json=arguments.json)
            case "down":
                down(paths(), _progress, purge=arguments.purge)
            case _:
                now = status(paths())
                _show(now, as_json=arguments.json)
                return 0 if now.healthy else 3
    except (ToolMissing, ToolFailed) as error:
        print(error, file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    return 0


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m headroom.local.cluster", description="A local control plane.")
    commands = parser.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("up", help="start it, or repair it; nothing to do where it is healthy")
    starting.add_argument("--reset", action="store_true", help="throw its data away first")
    ending = commands.add_parser("down", help="end it; its data stay")
    ending.add_argument("--purge", action="store_true", help="throw its data away as well")
    looking = commands.add_parser("status", help="show what runs; exit 3 if not everything is healthy")
    for command in (starting, looking):
        command.add_argument("--json", action="store_true", help="one JSON document on stdout")
    return parser.parse_args()


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _show(cluster: ClusterStatus, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({**asdict(cluster), "healthy": cluster.healthy}, default=str, indent=2))
        return
    rows = [("component", "pid", "port", "healthy", "since")]
    for component in cluster.components:
        since = component.since.astimezone().strftime("%Y-%m-%d %H:%M:%S") if component.since else "-"
        healthy = "yes" if component.healthy else "no"
        rows.append((component.name, str(component.pid or "-"), str(component.port or "-"), healthy, since))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print(f"\nkubectl     {cluster.kubectl}")
    print(f"kubeconfig  {cluster.kubeconfig}\n\nexport KUBECONFIG={cluster.kubeconfig}")


if __name__ == "__main__":
    sys.exit(main())
