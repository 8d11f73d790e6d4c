"""What every plugin of the engine does: serve on loopback, say where, and leave when the engine does."""

import os
import signal
import time
from collections.abc import Callable
from concurrent import futures
from typing import NoReturn

import grpc

THREADS = 32
MESSAGE_BYTES = 400 << 20  # the engine's own limit
ORPHAN_CHECK_S = 1.0


def serve(register: Callable[[grpc.Server], None], leaving: Callable[[], None]) -> NoReturn:
    """Serve until the engine says SIGINT, or is gone; then call `leaving` and end at once.

    A graceful stop would wait for calls that nobody waits for any more: the engine grants it 5 s on every refused deploy.
    """
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=THREADS),
        options=[
            ("grpc.max_receive_message_length", MESSAGE_BYTES),
            ("grpc.max_send_message_length", MESSAGE_BYTES),
        ],
    )
    register(server)

    def leave(*_: object) -> NoReturn:
        leaving()
        os._exit(0)

    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, leave)
    engine = os.getppid()
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)  # the engine reads it from the first line
    while os.getppid() == engine:  # a killed engine sends no signal
        time.sleep(ORPHAN_CHECK_S)
    leave()
