"""The cap, under many producers at once: as many callbacks are taken as fit, not one more, whoever takes them."""

from collections import Counter
from pathlib import Path

import pytest

from tests.edge.queue.gateway import NEEDS, Gateway, depth, install_packages, producing, queue_of, running, settings_of
from tests.parts.queue.redis_server import serving
from tests.waiting import until

pytestmark = NEEDS


@pytest.fixture(autouse=True)
def packages() -> None:
    """The gateway's packages."""
    install_packages()


def test_exactly_as_many_are_taken_as_fit(tmp_path: Path) -> None:
    """60,000 callbacks by 8 producers to two gateways, and prod's cap of 50,000: 50,000 are acknowledged and lie in Redis."""
    outcomes, lying = _offers(tmp_path, environment="prod", cap=50_000, each=7_500)
    assert outcomes == {202: 50_000, 503: 10_000}
    assert lying == 50_000


def test_a_count_before_the_add_is_seen(tmp_path: Path) -> None:
    """A gateway that counts and then adds takes more than fit: the same offers show it."""
    outcomes, lying = _offers(tmp_path, environment="local", cap=2_000, each=500, twins={"capped.js": "check_then_add.mjs"})
    assert outcomes[202] > 2_000
    assert lying > 2_000


def _offers(
    folder: Path, *, environment: str, cap: int, each: int, twins: dict[str, str] | None = None
) -> tuple[Counter[int], int]:
    """Return how often each status was answered to 8 producers, and the jobs that then lie in Redis."""
    with serving(queue_of(environment, depth_cap=cap), folder) as server:
        gateways = [Gateway(settings_of(server, environment), folder, twins or {}) for _ in range(2)]
        with running(*gateways), producing(gateways, folder, producers=8, each=each) as producers:
            until(producers.done, "every callback is answered", within=500)
        answers = producers.answers()
        assert all(int(answer["after"]) > 0 for answer in answers if answer["status"] == 503)
        # What the plan keeps for a job is enough for what the gateway makes of a callback.
        assert server.info("memory")["used_memory"] <= cap * (server.queue.payload + server.queue.overhead)
        return Counter(answer["status"] for answer in answers), depth(server)
