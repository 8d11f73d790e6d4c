"""The command against real processes: the reference agent passes, and each broken promise is found by its own rule alone."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from headroom.conformance import contract
from headroom.conformance.contract import CALL, PLAN, TENANT, Rule
from headroom.conformance.run import Probing
from headroom.conformance.run import conformance as probed
from headroom.conformance.service import Service
from headroom.ports import free_ports
from tests.conformance.agents import REFERENCE, Agent, conformance, running, verdicts
from tests.conformance.twins import TWINS, limits_only_shown, no_limits_check, one_port
from tests.waiting import PATIENCE_SECONDS

AT_A_TIME = 8
SAY = ("--say", "hello")
RULES = {rule.name for rule in vars(contract).values() if isinstance(rule, Rule)}


def called(agent: Agent) -> ClientConnection:
    """Place a call, as the edge does."""
    return connect(agent.calls, additional_headers={CALL: "c-1", TENANT: "t-1", PLAN: "growth"})


def usage(agent: Agent) -> list[dict[str, Any]]:
    """Return the usage events that an agent wrote."""
    return [json.loads(line) for line in agent.log.read_text().splitlines() if line.startswith("{")]


def test_the_reference_agent_keeps_every_promise(tmp_path: Path) -> None:
    """All rules are judged, and all hold; the drained agent has ended by itself, with 0."""
    with running(tmp_path, *REFERENCE) as agent:
        start = " ".join(REFERENCE)
        log = ("--log", str(agent.log))
        done = conformance(agent.calls, "--probes", agent.probes, *SAY, *log, "--start", start, "--drain", "--json")
        assert verdicts(done) == dict.fromkeys(RULES, "held")
        assert agent.process.wait(10) == 0
    assert done.returncode == 0


def twin_command(twin: Callable[[], None]) -> tuple[str, ...]:
    """The command that runs a twin."""
    return (sys.executable, "-m", "tests.conformance.twins", twin.__name__)


def broken_by(twin: Callable[[], None], folder: Path) -> dict[str, str]:
    """The rules that a twin breaks, with what was seen."""
    folder.mkdir()
    command = twin_command(twin)
    with running(folder, *command) as agent:
        start = " ".join(command) if twin is limits_only_shown else None
        probes = agent.calls.replace("ws", "http") if twin is one_port else agent.probes
        probing = Probing("hello", agent.log, start, drain=True)
        findings = asyncio.run(probed(Service(agent.calls, probes), probing, lambda _: None))
    return {finding.rule.name: finding.seen for finding in findings if finding.verdict == "broken"}


def test_each_broken_promise_is_found_by_its_rule_alone(tmp_path: Path) -> None:
    """Every twin of the agent, which differs by one part, breaks the rule that is meant for it and no other."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        found = dict(zip(TWINS, pool.map(lambda twin: broken_by(twin, tmp_path / twin.__name__), TWINS), strict=True))
    assert {twin.__name__: list(seen) for twin, seen in found.items()} == {
        twin.__name__: [rule] if rule else [] for twin, rule in TWINS.items()
    }, found


def test_a_broken_promise_is_shown_with_its_cure(tmp_path: Path) -> None:
    """The command ends with 1 and says what was seen, what is demanded and what to do."""
    with running(tmp_path, *twin_command(no_limits_check)) as agent:
        done = conformance(agent.calls, "--probes", agent.probes)
    assert done.returncode == 1
    line, demanded, remedy = (line for line in done.stdout.splitlines() if "limit" in line and not line.startswith("held"))
    assert " ".join(line.split()) == "broken limits-checked nothing is said of open_files, memory_bytes, cpu_cores"
    assert demanded.lstrip().startswith("demanded: voice_limit_planned")
    assert "HEADROOM_OPEN_FILES" in remedy
    assert done.stdout.splitlines()[-1] == "21 rules: 13 held, 1 broken, 7 not judged"


def test_every_rule_has_a_twin() -> None:
    """No rule is there that nothing was seen to break."""
    assert set(TWINS.values()) == {*RULES, None}


def test_without_leave_nothing_is_ended_or_started(tmp_path: Path) -> None:
    """What needs an option is not judged and says which; the agent goes on."""
    with running(tmp_path, *REFERENCE) as agent:
        done = conformance(agent.calls, "--probes", agent.probes, "--json")
        assert agent.process.poll() is None
    unjudged = {rule for rule, verdict in verdicts(done).items() if verdict != "held"}
    assert unjudged == {
        "latencies-measured",
        "refuses-to-start-below-plan",
        *(name for name in RULES if name.startswith("drain-")),
    }
    assert done.returncode == 0
    assert all(option in done.stdout for option in ("--say", "--start", "--drain"))


def test_a_service_that_does_not_answer_is_no_finding() -> None:
    """Nothing at the port ends with 3 and says where nothing was; so does a URL that is none, with 2."""
    (port,) = free_ports(1)
    silent = conformance(f"ws://127.0.0.1:{port}", "--probes", f"http://127.0.0.1:{port}")
    assert (silent.returncode, silent.stdout) == (3, "")
    assert silent.stderr.strip() == (
        f"error: nothing answers at http://127.0.0.1:{port}/livez: does the service run, and is --probes right?"
    )
    wrong = conformance("127.0.0.1:8084")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("error: URL: expected a URL such as ws://")


def test_a_signal_drains_as_the_endpoint_does(tmp_path: Path) -> None:
    """SIGTERM ends an idle agent with 0; uvicorn's own answer, which cuts calls, is not heard."""
    with running(tmp_path, *REFERENCE) as agent:
        agent.process.send_signal(signal.SIGTERM)
        assert agent.process.wait(30) == 0


def test_a_signal_waits_for_the_last_call(tmp_path: Path) -> None:
    """A call that is under way at SIGTERM goes on, and the agent ends with 0 when it has ended."""
    with running(tmp_path, *REFERENCE) as agent, called(agent) as call:
        agent.process.send_signal(signal.SIGTERM)
        time.sleep(1.0)
        assert call.ping().wait(PATIENCE_SECONDS)
        call.close()
        assert agent.process.wait(PATIENCE_SECONDS) == 0
    assert [event["event"] for event in usage(agent)] == ["usage"]


def test_a_call_that_outlasts_the_drain_is_ended_and_billed(tmp_path: Path) -> None:
    """When HEADROOM_DRAIN_SECONDS have passed the agent ends with 0, the call by a close that says so, with its usage event."""
    with running(tmp_path, *REFERENCE, HEADROOM_DRAIN_SECONDS="1") as agent, called(agent) as call:
        agent.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed):
            call.recv(PATIENCE_SECONDS)
        assert call.close_code == 1012
        assert agent.process.wait(PATIENCE_SECONDS) == 0
    (event,) = usage(agent)
    assert event.keys() == {"event", "call", "tenant", "plan", "seconds", "tokens"}
    assert event["seconds"] >= 1.0


@pytest.mark.parametrize("variable", contract.LIMITS.values())
def test_the_agent_names_the_limit_that_is_short(variable: str, tmp_path: Path) -> None:
    """With one figure above what the machine gives, it ends with 1 before it listens."""
    with (
        pytest.raises(AssertionError, match=f"error: {variable}: the plan counts on"),
        running(tmp_path, *REFERENCE, **{variable: str(2**60)}),
    ):
        pass
