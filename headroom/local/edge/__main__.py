"""`make edge`: serve what an `up` of local has deployed to the Cloudflare stand-in, until it is stopped."""

import signal
import subprocess
import sys
from pathlib import Path

from headroom.local.paths import Paths, paths

STOPPED = 128 + signal.SIGINT
"""What a program that Ctrl-C ended leaves with."""


def main() -> int:
    """Return 2 where nothing was deployed yet; otherwise what the server ended with."""
    where = paths()
    account = deployed_account(where)
    if account is None:
        print("nothing is deployed: run headroom up local", file=sys.stderr)
        return 2
    serve = Path(__file__).with_name("serve.mjs")
    with subprocess.Popen(["node", serve, account, where.home / "edge", *sys.argv[1:]]) as server:
        # Ctrl-C reaches the server too, which ends workerd before it leaves.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        ended = server.wait()
    return 0 if ended == STOPPED else ended


def deployed_account(where: Paths) -> Path | None:
    """Return the folder of the account that has the Workers of the stack local, or None."""
    return next((found.parent for found in (where.home / "cloudflare" / "local").glob("*/workersScript")), None)


if __name__ == "__main__":
    sys.exit(main())
