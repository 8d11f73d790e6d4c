"""Whom coturn's ranges of peers leave reachable, against a walk over addresses."""

from ipaddress import ip_address, ip_network

import pytest

from policies.config_text import directives
from policies.peers import opened, reached
from policies.stack import Place, Resource, WrongField

_METADATA, _POD, _CALLER = "169.254.169.254", "10.42.0.7", "203.0.113.9"


def _place(*lines: str) -> Place:
    return Place(Resource("", "turn-config", {}), "data[turnserver.conf]", "\n".join(["use-auth-secret", *lines]))


def _reached(*lines: str) -> list[str]:
    place = _place(*lines)
    return reached(place, directives(place, "="))


def _opened(*lines: str) -> list[str]:
    place = _place(*lines)
    return opened(place, directives(place, "="))


def test_what_nobody_denies_is_reached() -> None:
    """Pods, the machine and its metadata service are; whoever calls over the Internet is no finding."""
    left = _reached()
    assert {"10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "::1/128", "fc00::/7"} <= set(left)
    assert not any(_CALLER.startswith(one[:4]) for one in left)
    assert _reached(*(f"denied-peer-ip={_first_to_last(one)}" for one in left)) == []


def _first_to_last(network: str) -> str:
    addresses = ip_network(network)
    return f"{addresses[0]}-{addresses[-1]}"


@pytest.mark.parametrize(
    ("denied", "left"),
    [
        (("10.0.0.0-10.41.255.255", "10.44.0.0-10.255.255.255"), ["10.42.0.0/15"]),
        (("10.0.0.0-10.200.0.0", "10.100.0.0-10.255.255.255"), []),
        (("10.0.0.1-10.255.255.255",), ["10.0.0.0/32"]),
        (("9.0.0.0-11.0.0.0",), []),
        (("10.0.0.0-10.0.0.4", "10.0.0.9-10.255.255.255"), ["10.0.0.5-10.0.0.8"]),
        ((_POD,), ["10.0.0.0-10.42.0.6", "10.42.0.8-10.255.255.255"]),
    ],
)
def test_a_hole_in_what_is_denied_is_named(denied: tuple[str, ...], left: list[str]) -> None:
    """Whatever ranges overlap, and in whatever order they stand."""
    for order in (denied, denied[::-1]):
        found = _reached(*(f"denied-peer-ip={one}" for one in order))
        assert [one for one in found if one.startswith("10.")] == left


def test_an_exception_counts_before_what_is_denied() -> None:
    """It is no hole of its own, but never of the machine itself, whatever else says so."""
    assert "10.0.0.0/8" not in _reached("allowed-peer-ip=10.0.0.0-10.255.255.255")
    assert _opened("allowed-peer-ip=10.0.7.1-10.0.7.8") == []
    assert _opened(f"allowed-peer-ip={_METADATA}", "denied-peer-ip=169.254.0.0-169.254.255.255") == ["169.254.0.0/16"]
    assert _opened(f"allowed-peer-ip=::ffff:{_METADATA}") == ["::ffff:0:0/96"]
    assert set(_opened("allowed-peer-ip=0.0.0.0-255.255.255.255")) == {"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16"}


@pytest.mark.parametrize(
    "line",
    [
        "denied-peer-ip=10.0.0.0/8",
        "denied-peer-ip=10.1.0.0-10.0.0.0",
        "denied-peer-ip=10.0.0.0-::1",
        "denied-peer-ip=",
        "allowed-peer-ip 10.0.0.0-10.255.255.255",
    ],
)
def test_a_range_that_coturn_would_read_otherwise_is_refused(line: str) -> None:
    """What cannot be read denies nothing."""
    with pytest.raises(WrongField, match="peer-ip"):
        _reached(line)


def test_every_special_address_is_denied_or_named() -> None:
    """By the standard library's own judgement, which the ranges do not come from."""
    left = [one.partition("/")[0].partition("-")[0] for one in _reached()]
    assert all(not ip_address(first).is_global or ip_address(first).is_multicast or first == "64:ff9b::" for first in left)
