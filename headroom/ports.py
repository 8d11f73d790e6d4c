"""Ports of this machine that a program can be told to listen on."""

import random
import socket
from itertools import islice
from pathlib import Path

_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST_OUTGOING = 32_768
"""Where the range for outgoing connections begins on a machine that does not say it: Linux's default, which macOS' is above."""


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 on which nobody listens.

    They lie below the kernel's range for outgoing connections: from there somebody's connection could take the port of a
    program that is started a moment later. The choice is random, so that two who choose at once hardly meet.
    """
    lowest_outgoing = int(_OUTGOING.read_text().split()[0]) if _OUTGOING.exists() else _LOWEST_OUTGOING
    candidates = range(10_000, max(lowest_outgoing, 20_000))
    return list(islice(filter(is_free, random.sample(candidates, len(candidates))), count))


def is_free(port: int) -> bool:
    """Return whether nobody listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        # As Go's servers do: connections that are still dying do not hold a port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
