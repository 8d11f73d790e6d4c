"""What all tests share: goldens that are rewritten only on demand, and what this machine cannot run."""

import os
import shutil
from collections.abc import Iterator

import pytest
from hypothesis import settings

MISSING = pytest.StashKey[dict[str, list[str]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that rewrites goldens."""
    parser.addoption("--rewrite-goldens", action="store_true", help="rewrite the goldens, and stay red where one changed")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker for tests that a missing program blocks."""
    config.addinivalue_line("markers", "needs(program, install): blocked where a program is not on PATH; says how to install it")
    config.stash[MISSING] = {}
    # Times are measured in benchmarks; a busy machine must not fail a property. One commit has one verdict: what is new is looked
    # for with `--hypothesis-profile search`, and what that finds becomes an @example.
    settings.register_profile("headroom", deadline=None, derandomize=True)
    settings.register_profile("search", deadline=None, max_examples=1000)
    settings.load_profile("headroom")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what cannot run here, and remember it."""
    for marker in item.iter_markers("needs"):
        program, install = marker.args
        if shutil.which(program) is None:
            item.config.stash[MISSING].setdefault(f"{program} is missing: {install}", []).append(item.nodeid)
            pytest.skip(f"NOT RUN: {program} is missing")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """List what was not run, by what is missing."""
    for reason, tests in config.stash[MISSING].items():
        terminalreporter.section("NOT RUN")
        terminalreporter.line(reason)
        for test in tests:
            terminalreporter.line(f"  {test}")


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Fail where everything must run and something did not."""
    result = yield
    if os.environ.get("HEADROOM_REQUIRE_ALL") and session.config.stash[MISSING] and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    return result
