"""`headroom simulate` as a person calls it."""

import json
from typing import Any

import pytest

from tests.cli.test_command import headroom


def simulated(*arguments: str) -> dict[str, Any]:
    """Return the JSON of a run."""
    made = headroom("simulate", *arguments, "--json")
    assert made.returncode == 0, made.stderr
    document: dict[str, Any] = json.loads(made.stdout)
    return document


def test_a_day_is_told_and_the_same_seed_tells_the_same() -> None:
    """Blocked, refused, queued and cut calls, utilisation, pods and steps, and that Little's law and conservation hold."""
    first, again, other = (headroom("simulate", "local", "salon", "--seed", seed) for seed in ("3", "3", "4"))
    assert first.returncode == 0
    assert first.stdout == again.stdout != other.stdout
    for word in ("calls", "blocked", "refused", "queued", "cut", "utilisation", "pods", "autoscaler", "Little's law"):
        assert word in first.stdout


def test_the_plan_carries_its_day_and_more_load_is_more() -> None:
    """At the forecast nothing is blocked; at five times it calls are, with all pods that there may be."""
    plain, burdened = simulated("local", "sales"), simulated("local", "sales", "--load", "5")
    assert plain["calls"]["refused"] == 0 < plain["calls"]["offered"]
    assert plain["invariants"] == ["conservation of calls", "Little's law", "conservation of tokens"]
    assert burdened["calls"]["offered"] > 4 * plain["calls"]["offered"]
    assert burdened["calls"]["at_pods"] > 0
    assert len(plain["minutes"]["ready"]) == 1440
    calls = burdened["calls"]
    assert calls["offered"] == calls["carried"] + calls["refused"] + calls["waiting"]


def test_a_lost_node_cuts_calls_that_come_again() -> None:
    """In the known peak calls are cut at that minute, their callers come again, and the pods are ready elsewhere later."""
    day = simulated("local", "sales", "--lose-node", "10:30")
    ready = day["minutes"]["ready"]
    assert day["lost"] > 0
    assert day["called_again"] == day["lost"]
    assert ready[10 * 60 + 28] > ready[10 * 60 + 29]
    assert ready[10 * 60 + 59] == ready[10 * 60 + 28]


def test_the_day_has_the_weekday_s_peaks() -> None:
    """Sales knows its weekdays: a Sunday has a fraction of a Monday's calls."""
    monday, sunday = (simulated("local", "sales", "--day", day)["calls"]["offered"] for day in ("2026-11-09", "2026-11-08"))
    assert sunday < monday / 3


def test_calls_are_as_long_as_the_spec_says_where_nothing_was_measured() -> None:
    """The declared lock of prod has no length of calls: the spec's mean counts, unless another is given."""
    assert simulated("prod", "salon")["holding_seconds"] == 180
    assert simulated("prod", "salon", "--holding", "4m")["holding_seconds"] == 240


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("prod", "healthcare", "--holding", "30"), "--holding: 30: "),
        (("prod", "healthcare", "--holding", "0s"), "--holding: 0s: is not above 0"),
        (("local", "nope"), "VERTICAL: nope: is no live vertical; there are: healthcare"),
        (("local", "salon", "--day", "monday"), "--day: monday: is not a day such as 2026-11-02"),
        (("local", "salon", "--lose-node", "noon"), "--lose-node: noon: is not a time such as 10:30"),
        (("local", "salon", "--day", "0001-01-01"), "--day: 0001-01-01: is not a day of the years 1970 to 2199"),
        (("local", "sales", "--load", "1e9"), "--load: 1e+09: is about "),
        (("local", "sales", "--load", "100", "--holding", "10ms"), "calls of 0.01 s; at most 10,000,000 are played"),
        (("--as-of", "9999-12-31", "local", "sales"), "stacks/local.forecast.json: data_end: is 2026-"),
        (("local", "salon", "--load", "-1"), "--load: -1.0: is not a factor of 0 or more"),
    ],
)
def test_what_cannot_be_played_is_bad_input(arguments: tuple[str, ...], said: str) -> None:
    """The option is named with what is wrong, and the command ends with 2."""
    refused = headroom("simulate", *arguments)
    assert refused.returncode == 2
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
