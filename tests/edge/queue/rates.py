"""`python -m tests.edge.queue.rates`: callbacks a second through the gateway, and through twins that leave something out."""

import json
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.edge.queue.gateway import Gateway, install_packages, producing, queue_of, running, settings_of
from tests.parts.queue.redis_server import serving
from tests.waiting import until

SIDES: dict[str, dict[str, str]] = {
    "ours": {},
    "uncapped": {"capped.js": "uncapped.mjs"},
    "answered": {"appended.js": "answered.mjs"},
}
"""What each side's gateway has in the place of ours."""
ROUNDS, PRODUCERS, EACH = 3, 2, 6_000


def main() -> None:
    """Print, as JSON, each side's rates by the wall clock and by the processor time of gateway and Redis, a figure a round."""
    install_packages()
    rates: dict[str, dict[str, list[float]]] = {side: {"wall": [], "processor": []} for side in SIDES}
    for _ in range(ROUNDS):
        for side, twins in SIDES.items():
            with TemporaryDirectory() as folder:
                wall, processor = _measured(Path(folder), twins)
            rates[side]["wall"].append(PRODUCERS * EACH / wall)
            rates[side]["processor"].append(PRODUCERS * EACH / processor)
    json.dump({"callbacks": PRODUCERS * EACH, "rates": rates}, sys.stdout)


def _measured(folder: Path, twins: dict[str, str]) -> tuple[float, float]:
    with serving(queue_of("prod"), folder) as server:
        gateway = Gateway(settings_of(server, "prod"), folder, twins)
        with running(gateway):
            assert gateway.process is not None
            processes = (gateway.process.pid, server.process.pid)
            used, begun = sum(map(_processor_seconds, processes)), time.monotonic()
            with producing([gateway], folder, producers=PRODUCERS, each=EACH, in_flight=32) as producers:
                until(producers.done, "every callback is answered", within=300)
            wall, processor = time.monotonic() - begun, sum(map(_processor_seconds, processes)) - used
    assert all(answer["status"] == 202 for answer in producers.answers())
    return wall, processor


def _processor_seconds(process: int) -> float:
    # Of proc(5): user and system time are the 14th and 15th; the second, in parentheses, may hold spaces.
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
