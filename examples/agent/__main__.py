"""Start the agent: `python -m examples.agent`, with the environment that the stack gives a pod."""

import argparse
import asyncio
import os
import sys

from .limits import read_limits, shortfalls
from .serving import serve
from .settings import Unusable, read_settings


def main() -> int:
    """Return 0 when all calls have ended after a drain, 1 where a limit is below the plan, 2 where a figure is missing."""
    parser = argparse.ArgumentParser(prog="agent", description="Serve calls as the session contract demands.")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen; 0.0.0.0 in a pod (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        settings = read_settings(os.environ)
    except Unusable as unusable:
        print(f"error: {unusable}", file=sys.stderr)
        return 2
    limits = read_limits(settings)
    short = list(shortfalls(limits))
    for text in short:
        print(f"error: {text}", file=sys.stderr)
    if short:
        return 1
    asyncio.run(serve(settings, limits, arguments.host))
    return 0


if __name__ == "__main__":
    sys.exit(main())
