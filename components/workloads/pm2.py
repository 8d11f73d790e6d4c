"""PM2's ecosystem file: how the processes of one pod are started, restarted and ended."""

import json
import math

from capacity.sizing.workers import Workers

FOLDER = "/etc/pm2"
FILE = "ecosystem.json"
COMMAND = ("pm2-runtime", "start", f"{FOLDER}/{FILE}")


def ecosystem(name: str, workers: Workers) -> str:
    """Return the ecosystem file of a vertical.

    One process is no cluster: PM2's load balancer would only stand in its way. `kill_timeout` is in milliseconds,
    `max_memory_restart` in bytes. The port of probes answers for whichever process accepts: it must speak for all of them.
    """
    one = workers.processes == 1
    app = {
        "name": name,
        "script": workers.script,
        "instances": workers.processes,
        "exec_mode": "fork" if one else "cluster",
        "kill_timeout": math.ceil(workers.kill_timeout * 1000),
        "max_memory_restart": workers.max_memory_restart,
        # pm2-runtime hands on what processes write; a file of it beside would fill /tmp, and the pod would be evicted.
        "out_file": "/dev/null",
        "error_file": "/dev/null",
    }
    return json.dumps({"apps": [app]}, indent=2) + "\n"
